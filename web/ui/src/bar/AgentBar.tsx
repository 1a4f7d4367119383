import { Alert, Button, Group, Paper, Stack, Text } from '@mantine/core'
import type { ReactNode } from 'react'
import { api, type Agent, type StatusChoice } from '../api/http'
import { since, useNow } from '../live/clock'
import { because } from '../status/look'
import { StatusWithTime } from '../status/Badge'
import { act } from './act'
import { Forwarding } from './Forwarding'
import { StatusMenu } from './StatusMenu'

/** The agent's own bar: what I am, for how long, what I want to be, and whether I can be heard. */
export function AgentBar({ agent, choices, skew, connected, microphone, problem, children }: Props) {
  const own = agent.status.own ?? agent.status.team
  return (
    <Paper withBorder p="sm" radius="md" component="section" aria-label="My status">
      <Stack gap="xs">
        <Group justify="space-between">
          <Group>
            <div aria-live="polite" data-testid="own-status" data-status={own.status}>
              <StatusWithTime view={own} choices={choices} skew={skew} />
            </div>
            <StatusMenu agent={agent} choices={choices} />
            <Forwarding agent={agent} />
            {microphone}
            {agent.wrap_up && <WrapUp agent={agent} skew={skew} />}
          </Group>
          <Group>{children}</Group>
        </Group>
        <Text size="sm" c="dimmed" data-testid="why">
          {own.why || because(own.cause)}
          {agent.status.team.text !== own.text && ` · the team sees ${agent.status.team.text}`}
          {agent.reachable === false && agent.why ? ` · no call can reach you: ${agent.why}` : ''}
        </Text>
        {(agent.legs ?? []).map((l) => (
          <Text key={l.id} size="sm">
            {l.state}: {l.remote_name || l.remote || 'unknown caller'} ({l.kind})
          </Text>
        ))}
        {problem}
        {!connected && <Alert color="yellow">No connection to the server. What you see may be old; trying again.</Alert>}
      </Stack>
    </Paper>
  )
}

interface Props {
  agent: Agent
  choices: readonly StatusChoice[]
  skew: number
  connected: boolean
  microphone?: ReactNode
  problem?: ReactNode
  children?: ReactNode
}

function WrapUp({ agent, skew }: { agent: Agent; skew: number }) {
  const now = useNow()
  const until = agent.wrap_up?.until
  const left = until ? Math.max(0, Math.ceil(-since(until, now, skew))) : undefined
  return (
    <Button color="orange" variant="light" onClick={() => void act(() => api.finishWrapUp(agent.id))}>
      Finish wrap-up{left !== undefined ? ` (${left} s left)` : ''}
    </Button>
  )
}
