import { Alert, Button, Group, Paper, Stack, Text, VisuallyHidden } from '@mantine/core'
import type { ReactNode } from 'react'
import { api, type Agent, type StatusChoice } from '../api/http'
import { since, useNow } from '../live/clock'
import { StatusWithTime } from '../status/Badge'
import { call, explain } from '../status/words'
import { act } from './act'
import { Desks } from './Desks'
import { Forwarding } from './Forwarding'
import { StatusMenu } from './StatusMenu'

/** The agent's own bar: what I am, for how long, what I want to be, and whether I can be heard. */
export function AgentBar({ agent, choices, skew, connected, microphone, phone, problem, children }: Props) {
  const own = agent.status.own ?? agent.status.team
  return (
    <Paper withBorder p="sm" radius="md" component="section" aria-label="My status">
      <Stack gap="xs">
        <Group justify="space-between">
          <Group gap="sm">
            <div data-testid="own-status" data-status={own.status}>
              <StatusWithTime view={own} choices={choices} skew={skew} />
            </div>
            {/* The clock beside the status is none of a screen reader's business every second. */}
            <VisuallyHidden aria-live="polite">My status: {own.text}</VisuallyHidden>
            <StatusMenu agent={agent} choices={choices} />
            <Forwarding agent={agent} />
            <Desks agent={agent} />
            {microphone}
            {agent.wrap_up && <WrapUp agent={agent} skew={skew} />}
          </Group>
          <Group gap="sm">{children}</Group>
        </Group>
        <Text size="sm" c="dimmed" data-testid="why">
          {explain(agent)}
        </Text>
        {(agent.legs ?? []).map((l) => (
          <Text key={l.id} size="sm" data-testid="call">
            {call(l)}
          </Text>
        ))}
        {phone}
        {problem}
        {!connected && (
          <Alert color="yellow" role="status" data-testid="disconnected" py="xs">
            No connection to the server: what you see may be old. It is tried again by itself.
          </Alert>
        )}
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
  phone?: ReactNode
  problem?: ReactNode
  children?: ReactNode
}

function WrapUp({ agent, skew }: { agent: Agent; skew: number }) {
  const now = useNow()
  const until = agent.wrap_up?.until
  const left = until ? Math.max(0, Math.ceil(-since(until, now, skew))) : undefined
  return (
    <Button variant="default" data-testid="finish-wrap-up" onClick={() => void act(() => api.finishWrapUp(agent.id))}>
      Finish wrap-up
      {left !== undefined && <span aria-hidden>&nbsp;({left} s left)</span>}
    </Button>
  )
}
