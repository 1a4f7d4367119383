import { Alert, Button, Code, Divider, Drawer, Group, List, Stack, Table, Text, TextInput, Title } from '@mantine/core'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, type Agent, type Change, type Me, type StatusChoice } from '../api/http'
import { act } from '../bar/act'
import { StatusMenu } from '../bar/StatusMenu'
import { StatusWithTime } from '../status/Badge'
import { because } from '../status/look'

/** One agent: what is shown and why, every device with its reason, and what a supervisor may do. */
export function AgentDrawer({ agent, me, choices, skew, onClose }: { agent: Agent | undefined; me: Me; choices: readonly StatusChoice[]; skew: number; onClose: () => void }) {
  return (
    <Drawer opened={agent !== undefined} onClose={onClose} position="right" size="lg" title={agent && `${agent.name} · ${agent.number}`}>
      {agent && <Details agent={agent} me={me} choices={choices} skew={skew} />}
    </Drawer>
  )
}

function Details({ agent, me, choices, skew }: { agent: Agent; me: Me; choices: readonly StatusChoice[]; skew: number }) {
  const supervises = me.role !== 'agent'
  return (
    <Stack>
      <Group>
        <Text w={110}>Team sees</Text>
        <StatusWithTime view={agent.status.team} choices={choices} skew={skew} />
        <Text size="sm" c="dimmed">
          {because(agent.status.team.cause)}
        </Text>
      </Group>
      {agent.status.own && (
        <Group>
          <Text w={110}>Agent sees</Text>
          <StatusWithTime view={agent.status.own} choices={choices} skew={skew} />
          <Text size="sm" c="dimmed">
            {agent.status.own.why || because(agent.status.own.cause)}
          </Text>
        </Group>
      )}
      {agent.reachable === false && <Alert color="yellow">Not reachable: {agent.why}</Alert>}
      {agent.devices && <Devices agent={agent} />}
      {(agent.legs ?? []).length > 0 && (
        <div>
          <Title order={5}>Calls</Title>
          <List size="sm">
            {agent.legs!.map((l) => (
              <List.Item key={l.id}>
                {l.direction} {l.kind}, {l.state}, {l.remote_name || l.remote || 'unknown'}
              </List.Item>
            ))}
          </List>
        </div>
      )}
      {supervises && <Supervise agent={agent} choices={choices} />}
      {(supervises || me.agent?.id === agent.id) && <Past agent={agent} />}
    </Stack>
  )
}

function Devices({ agent }: { agent: Agent }) {
  return (
    <div>
      <Title order={5}>What a call would ring</Title>
      <Table verticalSpacing={4}>
        <Table.Tbody>
          {agent.devices!.map((d) => (
            <Table.Tr key={d.id}>
              <Table.Td>{d.kind}</Table.Td>
              <Table.Td>{d.contact ? <Code>{d.contact}</Code> : d.name}</Table.Td>
              <Table.Td>{d.enabled && d.reachable ? '✓ rings' : d.why}</Table.Td>
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
      <Title order={5}>As supervisor</Title>
      <TextInput label="Reason" description="The agent and the history see it" value={reason} onChange={(e) => setReason(e.currentTarget.value)} mb="xs" />
      <Group>
        {given ? <StatusMenu agent={agent} choices={choices} reason={given} /> : <Button disabled>Change status</Button>}
        {agent.wrap_up && (
          <Button variant="light" onClick={() => void act(() => api.finishWrapUp(agent.id, given || undefined))}>
            End wrap-up
          </Button>
        )}
        {(agent.sessions ?? []).length > 0 && (
          <Button variant="light" color="red" disabled={!given} onClick={() => void act(() => api.endSessions(agent.id, given))}>
            Log out
          </Button>
        )}
      </Group>
    </div>
  )
}

function Past({ agent }: { agent: Agent }) {
  const h = useQuery({ queryKey: ['history', agent.id, agent.version], queryFn: () => api.history(agent.id), placeholderData: (x) => x })
  const changes = h.data?.entries ?? []
  if (changes.length === 0) return null
  return (
    <div>
      <Title order={5}>History</Title>
      <Table verticalSpacing={2}>
        <Table.Tbody>
          {changes.map((c) => (
            <Table.Tr key={c.seq}>
              <Table.Td>{new Date(c.time).toLocaleTimeString()}</Table.Td>
              <Table.Td>{line(c)}</Table.Td>
              <Table.Td>
                <Text size="sm" c="dimmed">
                  {because(c.cause)}
                  {c.actor && c.actor !== 'system' ? `, ${c.actor}` : ''}
                </Text>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  )
}

/** What changed, as a person says it; the kinds this page does not know are named. */
function line(c: Change): string {
  const after = c.after as { team?: { text?: string; status?: string; custom?: string }; status?: string; custom?: string } | undefined
  const word = after?.team?.text ?? after?.team?.custom ?? after?.team?.status ?? after?.custom ?? after?.status
  return word ? `${c.kind}: ${word}` : c.kind
}
