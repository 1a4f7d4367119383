import { Alert, Button, Code, Divider, Drawer, Group, List, Stack, Table, Text, TextInput, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { api, type Agent, type Me, type StatusChoice } from '../api/http'
import { act } from '../bar/act'
import { StatusMenu } from '../bar/StatusMenu'
import { StatusWithTime } from '../status/Badge'
import { because, call, capital, device } from '../status/words'
import { Calls } from './Calls'
import { Diagnostics } from './Diagnostics'
import { reasons, sentence, when } from './history'

/** One agent: what is shown and why, every device with its reason, and what a supervisor may do. */
export function AgentDrawer({ agent, me, choices, skew, onClose }: { agent: Agent | undefined; me: Me; choices: readonly StatusChoice[]; skew: number; onClose: () => void }) {
  return (
    <Drawer opened={agent !== undefined} onClose={onClose} position="right" size="lg" title={agent && `${agent.name} · ${agent.number}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      {agent && <Details agent={agent} me={me} choices={choices} skew={skew} />}
    </Drawer>
  )
}

function Details({ agent, me, choices, skew }: { agent: Agent; me: Me; choices: readonly StatusChoice[]; skew: number }) {
  const supervises = me.role !== 'agent'
  return (
    <Stack>
      <Group>
        <Text size="sm" w={90}>Team sees</Text>
        <StatusWithTime view={agent.status.team} choices={choices} skew={skew} />
        <Text size="sm" c="dimmed">
          {because(agent.status.team)}
        </Text>
      </Group>
      {agent.status.own && (
        <Group>
          <Text size="sm" w={90}>Agent sees</Text>
          <StatusWithTime view={agent.status.own} choices={choices} skew={skew} />
          <Text size="sm" c="dimmed">
            {agent.status.own.why || because(agent.status.own)}
          </Text>
        </Group>
      )}
      {agent.reachable === false && <Alert color="yellow">No call can reach {agent.name || agent.number}: {agent.why}</Alert>}
      {agent.devices && <Devices agent={agent} />}
      {(agent.legs ?? []).length > 0 && (
        <div>
          <Title order={3} size="h5">Calls</Title>
          <List size="sm">
            {agent.legs!.map((l) => (
              <List.Item key={l.id}>{call(l)}</List.Item>
            ))}
          </List>
        </div>
      )}
      {supervises && <Diagnostics key={`sip ${agent.id}`} agent={agent} skew={skew} />}
      {supervises && me.agent?.id !== agent.id && <Supervise agent={agent} choices={choices} />}
      {(supervises || me.agent?.id === agent.id) && <Calls key={`calls ${agent.id}`} agent={agent} all={supervises} />}
      {(supervises || me.agent?.id === agent.id) && <Past agent={agent} choices={choices} />}
    </Stack>
  )
}

function Devices({ agent }: { agent: Agent }) {
  return (
    <div>
      <Title order={3} size="h5">What a call would ring</Title>
      <Table verticalSpacing={4}>
        <Table.Tbody>
          {agent.devices!.map((d) => (
            <Table.Tr key={d.id}>
              <Table.Td>{device(d.kind)}</Table.Td>
              <Table.Td>{d.contact ? <Code>{d.contact}</Code> : d.name}</Table.Td>
              <Table.Td>{d.enabled && d.reachable ? '✓ rings' : `does not ring: ${d.why}`}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {agent.devices!.length === 0 && <Text size="sm">No device is known.</Text>}
    </div>
  )
}

function Supervise({ agent, choices }: { agent: Agent; choices: readonly StatusChoice[] }) {
  const [reason, setReason] = useState('')
  const given = reason.trim()
  return (
    <div>
      <Divider my="xs" />
      <Title order={3} size="h5">As supervisor</Title>
      <TextInput label="Reason" description="Needed for a change; the agent sees it, and the history keeps it" value={reason} onChange={(e) => setReason(e.currentTarget.value)} mb="xs" />
      <Group>
        {given ? <StatusMenu agent={agent} choices={choices} reason={given} /> : <Button disabled>Select a status</Button>}
        {agent.wrap_up && (
          <Button variant="default" disabled={!given} onClick={() => void act(() => api.finishWrapUp(agent.id, given))}>
            End wrap-up
          </Button>
        )}
        {(agent.sessions ?? []).length > 0 && (
          <Button variant="light" color="red" disabled={!given} onClick={() => void act(() => api.endSessions(agent.id, given))}>
            Log the webphone out
          </Button>
        )}
      </Group>
    </div>
  )
}

// History is read again at most so often while the agent changes, in ms.
const pace = 1000

function Past({ agent, choices }: { agent: Agent; choices: readonly StatusChoice[] }) {
  const h = useQuery({ queryKey: ['history', agent.id], queryFn: () => api.history(agent.id), staleTime: 0 })
  const { refetch } = h
  const [read, setRead] = useState(agent.version)
  useEffect(() => {
    if (read === agent.version) return
    const timer = setTimeout(() => {
      setRead(agent.version)
      void refetch()
    }, pace)
    return () => clearTimeout(timer)
    // A newer version while one is waited for does not put the reading off.
  }, [read !== agent.version, refetch])

  const now = new Date()
  const changes = h.data?.entries ?? []
  return (
    <div>
      <Title order={3} size="h5">
        History
      </Title>
      {h.isPending && <Text size="sm">Loading…</Text>}
      {h.isError && <Alert color="red">The history cannot be shown: {h.error.message}</Alert>}
      {h.isSuccess && changes.length === 0 && <Text size="sm">Nothing has changed yet.</Text>}
      <Table verticalSpacing={2} aria-label="History">
        <Table.Tbody>
          {changes.map((c) => (
            <Table.Tr key={c.seq}>
              <Table.Td style={{ whiteSpace: 'nowrap' }}>{when(c.time, now)}</Table.Td>
              <Table.Td>
                {sentence(c, choices)}
                <Text size="xs" c="dimmed">
                  {capital(reasons(c))}
                </Text>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  )
}
