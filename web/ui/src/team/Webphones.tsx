import { List, Text, Title } from '@mantine/core'
import type { Schemas } from '../api/http'
import { devices, figures, life, page, pageCall, proof } from './webphones'

/** The agent's pages: whether they live, what they are heard by, and how their calls go. */
export function Webphones({ list, now, skew }: { list: readonly Schemas['Webphone'][]; now: number; skew: number }) {
  return (
    <div data-testid="webphones">
      <Title order={3} size="h5">Webphones</Title>
      {list.length === 0 && <Text size="sm">No page is open.</Text>}
      {list.map((w) => (
        <div key={w.id}>
          <Text size="sm">{page(w)}</Text>
          <Text size="xs" c="dimmed">{life(w, now, skew)}</Text>
          <Text size="xs" c="dimmed">{proof(w)}</Text>
          {devices(w) && <Text size="xs" c="dimmed">{devices(w)}</Text>}
          {w.calls.length > 0 && (
            <List size="sm" my={4}>
              {w.calls.map((c) => (
                <List.Item key={`${c.id} ${c.began}`}>
                  {pageCall(c)}
                  {figures(c).map((f) => (
                    <Text size="xs" c="dimmed" key={f}>{f}</Text>
                  ))}
                </List.Item>
              ))}
            </List>
          )}
        </div>
      ))}
    </div>
  )
}
