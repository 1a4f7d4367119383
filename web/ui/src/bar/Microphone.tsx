import { Alert, Badge, Button, Group, Text } from '@mantine/core'
import { Icon } from '../status/icons'
import { passing, remedy, shown } from './microphone'
import type { Phone } from './useWebphone'

export function MicrophoneChip({ phone }: { phone: Phone }) {
  const s = phone.state
  if (!s || s.connection === 'off' || s.connection === 'logged-out') return null
  const m = shown(s)
  return (
    <Badge size="lg" radius="sm" tt="none" variant="light" color={m.colour} leftSection={<Icon name={m.icon} size={14} />} data-testid="microphone" data-target={s.server?.target ?? false} data-mic={s.server?.mic ?? s.microphone}>
      {m.text}
    </Badge>
  )
}

/** What is wrong with the webphone, and what to do about it. */
export function MicrophoneProblem({ phone }: { phone: Phone }) {
  const s = phone.state
  if (!s?.problem) return null
  const help = remedy(s)
  return (
    <Alert color={passing(s) ? 'blue' : 'yellow'} role="status" data-testid="microphone-problem" py="xs">
      <Group justify="space-between" wrap="nowrap">
        <Text size="sm">
          <b>{s.problem.sentence}</b> {s.problem.remedy}
        </Text>
        {help === 'take-over' && <Do does={phone.takeOver}>Use here</Do>}
        {help === 'allow' && <Do does={phone.allowMicrophone}>Allow microphone</Do>}
        {help === 'try-again' && <Do does={phone.tryAgain}>Try again</Do>}
      </Group>
    </Alert>
  )
}

function Do({ does, children }: { does: () => void; children: string }) {
  return (
    <Button size="xs" variant="default" style={{ flexShrink: 0 }} onClick={does}>
      {children}
    </Button>
  )
}
