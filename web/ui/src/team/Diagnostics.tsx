import { Alert, Button, Code, Table, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { api, type Agent } from '../api/http'
import { useNow } from '../live/clock'
import { Webphones } from './Webphones'
import { from, heard, left, presentNow, told, watcher } from './diagnostics'

// What is shown is read again so often, in ms, while it is shown.
const pace = 10_000

/** The pages and the SIP side of an agent, for whoever looks why a phone or a lamp is silent. It
 * is read only while it is open. */
export function Diagnostics({ agent, skew }: { agent: Agent; skew: number }) {
  const [open, setOpen] = useState(false)
  const id = useId()
  return (
    <div>
      <Button variant="subtle" size="compact-sm" px={0} data-testid="diagnostics" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
        {open ? 'Hide pages, registrations and watchers' : 'Pages, registrations and watchers'}
      </Button>
      <div id={id}>{open && <Shown agent={agent} skew={skew} />}</div>
    </div>
  )
}

function Shown({ agent, skew }: { agent: Agent; skew: number }) {
  const now = useNow()
  const registrations = useQuery({ queryKey: ['registrations', agent.id], queryFn: () => api.registrations(agent.id), staleTime: 0, refetchInterval: pace })
  const watchers = useQuery({ queryKey: ['watchers', agent.id], queryFn: () => api.watchers(agent.id), staleTime: 0, refetchInterval: pace })
  const webphones = useQuery({ queryKey: ['webphones', agent.id], queryFn: () => api.webphones(agent.id), staleTime: 0, refetchInterval: pace })
  const failed = registrations.error ?? watchers.error ?? webphones.error
  const regs = registrations.data?.registrations ?? []
  const subs = watchers.data?.watchers ?? []
  return (
    <>
      {failed && <Alert color="red">This cannot be shown: {failed.message}</Alert>}
      {webphones.isSuccess && <Webphones list={webphones.data.webphones} now={now} skew={skew} />}
      <Title order={3} size="h5">Registered</Title>
      {registrations.isSuccess && regs.length === 0 && <Text size="sm">No phone is registered.</Text>}
      <Table verticalSpacing={2} aria-label="Registrations" data-testid="registrations">
        <Table.Tbody>
          {regs.map((r) => (
            <Table.Tr key={r.id}>
              <Table.Td>
                <Code>{r.contact}</Code>
                <Text size="xs" c="dimmed">{[from(r), r.user_agent].filter(Boolean).join(' · ')}</Text>
              </Table.Td>
              <Table.Td>
                {presentNow(r)}
                <Text size="xs" c="dimmed">{[heard(r.seen, now, skew), left(r.expires, now, skew)].filter(Boolean).join(' · ')}</Text>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Title order={3} size="h5">Watched by</Title>
      {watchers.isSuccess && subs.length === 0 && <Text size="sm">Nobody watches.</Text>}
      <Table verticalSpacing={2} aria-label="Watchers" data-testid="watchers">
        <Table.Tbody>
          {subs.map((w) => (
            <Table.Tr key={w.id}>
              <Table.Td>
                {watcher(w)}
                <Text size="xs" c="dimmed">{from(w)}</Text>
              </Table.Td>
              <Table.Td>
                {w.event}: {told(w)}
                <Text size="xs" c="dimmed">{left(w.expires, now, skew)}</Text>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {watchers.data?.next && <Text size="sm">There are more; the command lamplight sub list shows all.</Text>}
    </>
  )
}
