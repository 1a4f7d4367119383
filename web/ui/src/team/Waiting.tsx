import { Alert, Button, Card, Group, Table, Text } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { api, type Schemas } from '../api/http'
import { clock, useNow } from '../live/clock'
import { party } from './why'

// Read again so often, in ms.
const pace = 3000

/** Who waits for the groups, for a supervisor; nothing where no group lets callers wait. */
export function Waiting() {
  const q = useQuery({ queryKey: ['waiting'], queryFn: api.waiting, staleTime: 0, refetchInterval: pace })
  const lines = q.data?.lines ?? []
  const now = useNow()
  const [open, setOpen] = useState<string>()
  const id = useId()
  if (q.isError) return <Alert color="yellow">Who waits cannot be shown: {q.error.message}</Alert>
  if (lines.length === 0) return null
  const shown = lines.find((l) => l.group === open)
  return (
    <Card withBorder padding="xs" component="section" aria-label="Callers who wait" data-testid="waiting">
      <Group gap="xs">
        <Text size="sm" fw={600}>Waiting callers</Text>
        {lines.map((l) => (
          <Button key={l.group} size="xs" variant="light" color={l.waiting === 0 ? 'gray' : l.waiting < l.size ? 'indigo' : 'red'} data-group={l.group} aria-expanded={open === l.group} aria-controls={id} onClick={() => setOpen(open === l.group ? undefined : l.group)}>
            {inLine(l, (now - q.dataUpdatedAt) / 1000)}
          </Button>
        ))}
      </Group>
      <div id={id}>{shown && <Line group={shown.group} />}</div>
    </Card>
  )
}

/** How many wait for a group, and how long the first has. */
function inLine(l: Schemas['LineList']['lines'][number], later: number): string {
  const who = l.name || l.group
  if (l.waiting === 0) return `${who}: nobody`
  return `${who}: ${l.waiting}${l.waiting >= l.size ? ' (full)' : ''}, longest ${clock(l.longest_seconds + Math.max(0, later))}`
}

function Line({ group }: { group: string }) {
  const q = useQuery({ queryKey: ['waiting', group], queryFn: () => api.line(group), staleTime: 0, refetchInterval: pace })
  const now = useNow()
  const later = Math.max(0, (now - q.dataUpdatedAt) / 1000)
  const all = q.data?.waiting ?? []
  return (
    <>
      {q.isError && <Alert color="red">This cannot be shown: {q.error.message}</Alert>}
      {q.isSuccess && all.length === 0 && <Text size="sm">Nobody waits.</Text>}
      {all.length > 0 && (
        <Table verticalSpacing={2} aria-label={`Who waits for ${group}`} mt={4}>
          <Table.Tbody>
            {all.slice(0, 20).map((w) => (
              <Table.Tr key={w.call_id + w.since}>
                <Table.Td w={50}>{w.position}.</Table.Td>
                <Table.Td>{party(w.caller)}</Table.Td>
                <Table.Td>waits {clock(w.waited_seconds + later)}</Table.Td>
                <Table.Td>{w.offered_to ? `rings at ${w.offered_to}` : ''}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      {all.length > 20 && <Text size="sm">and {all.length - 20} more</Text>}
    </>
  )
}
