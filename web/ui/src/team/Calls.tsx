import { Alert, Badge, Button, Group, List, Modal, Stack, Table, Text, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useId, useState } from 'react'
import { api, type Agent } from '../api/http'
import { capital } from '../status/words'
import { when } from './history'
import { about, at, did, inShort, outcome, party, place, type CallDecision, type CallSummary } from './why'

/** The newest calls of an agent, each of which tells why it went where it did.
 * They are read only while they are open. */
export function Calls({ agent, all }: { agent: Agent; all: boolean }) {
  const [open, setOpen] = useState(false)
  const id = useId()
  return (
    <div>
      <Button variant="subtle" size="compact-sm" px={0} data-testid="calls" aria-expanded={open} aria-controls={id} onClick={() => setOpen(!open)}>
        {open ? 'Hide recent calls' : 'Recent calls, and why they went where they did'}
      </Button>
      <div id={id}>{open && <Recent agent={agent} all={all} />}</div>
    </div>
  )
}

function Recent({ agent, all }: { agent: Agent; all: boolean }) {
  const q = useQuery({ queryKey: ['calls', agent.id], queryFn: () => api.calls(agent.id), staleTime: 0, refetchInterval: 10_000 })
  const [asked, setAsked] = useState<CallSummary>()
  const calls = q.data?.calls ?? []
  const now = new Date()
  return (
    <>
      {q.isPending && <Text size="sm">Loading…</Text>}
      {q.isError && <Alert color="red">The calls cannot be shown: {q.error.message}</Alert>}
      {q.isSuccess && calls.length === 0 && <Text size="sm">No call so far.</Text>}
      <Table verticalSpacing={2} aria-label="Recent calls" data-testid="recent">
        <Table.Tbody>
          {calls.map((c) => (
            <Table.Tr key={c.seq}>
              <Table.Td w={110} style={{ whiteSpace: 'nowrap' }}>{when(c.at, now)}</Table.Td>
              <Table.Td>
                {inShort(c)}
                <Text size="xs" c="dimmed">{c.explanation}</Text>
              </Table.Td>
              <Table.Td>
                {c.call_id && (
                  <Button size="compact-sm" variant="default" aria-label={`Why: ${inShort(c)}`} onClick={() => setAsked(c)}>
                    Why?
                  </Button>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      <Modal opened={asked !== undefined} onClose={() => setAsked(undefined)} size="xl" title={asked && `Why: ${inShort(asked)}`} closeButtonProps={{ 'aria-label': 'Close' }}>
        {asked?.call_id && <Why call={asked.call_id} agent={all ? undefined : agent.id} />}
      </Modal>
    </>
  )
}

/** Every decision about one call, the oldest first; of one agent only, where one is named. */
function Why({ call, agent }: { call: string; agent: string | undefined }) {
  const q = useQuery({ queryKey: ['why', call, agent], queryFn: () => api.why(call, agent), staleTime: 0 })
  const now = new Date()
  return (
    <Stack data-testid="call-why">
      {q.isPending && <Text size="sm">Looking…</Text>}
      {q.isError && <Alert color="red">This cannot be shown: {q.error.message}</Alert>}
      {(q.data?.decisions ?? []).map((d) => (
        <Decided key={d.seq} d={d} now={now} />
      ))}
      <Text size="xs" c="dimmed">Call-ID {call}</Text>
    </Stack>
  )
}

function Decided({ d, now }: { d: CallDecision; now: Date }) {
  const left = d.decision.devices.filter((x) => !x.taken)
  const taken = d.decision.devices.filter((x) => x.taken)
  const tries = d.tries ?? []
  return (
    <section aria-label={about(d)}>
      <Group gap="xs">
        <Title order={3} size="h5">{about(d)}</Title>
        <Text size="sm" c="dimmed">{when(d.decision.at, now)}</Text>
        <Badge variant="light" color={d.status && d.status < 300 ? 'teal' : 'gray'} tt="none">
          {outcome(d.status)}
          {d.status ? ` · ${d.status}` : ''}
        </Badge>
      </Group>
      <Text size="sm">
        {d.number ? `To ${d.number}. ` : `From ${party(d.caller)}. `}
        {d.decision.explanation}
      </Text>
      {taken.length > 0 && <Reasons title="Chosen" list={taken} />}
      {left.length + (d.left_out ?? []).length > 0 && <Reasons title="Left out" list={left} more={d.left_out ?? []} />}
      {tries.length > 0 && (
        <Table verticalSpacing={2} aria-label="What happened">
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={80}>After</Table.Th>
              <Table.Th w={240}>Where</Table.Th>
              <Table.Th>What happened</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {tries.map((t, i) => (
              <Table.Tr key={i}>
                <Table.Td>{at(t)}</Table.Td>
                <Table.Td>{capital(place(t))}</Table.Td>
                <Table.Td>{did(t)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
      <Text size="xs" c={d.replay.result === 'identical' ? 'dimmed' : 'red'} data-replay={d.replay.result}>
        {d.replay.result === 'identical' ? '✓ ' : ''}Decided again: {d.replay.text}.
      </Text>
    </section>
  )
}

function Reasons({ title, list, more = [] }: { title: string; list: CallDecision['decision']['devices']; more?: string[] }) {
  return (
    <>
      <Text size="sm" fw={600} mt={4}>{title}</Text>
      <List size="sm">
        {list.map((x) => (
          <List.Item key={x.id}>
            {capital(place(x))}: {x.reason}
          </List.Item>
        ))}
        {more.map((x) => (
          <List.Item key={x}>{x}</List.Item>
        ))}
      </List>
    </>
  )
}
