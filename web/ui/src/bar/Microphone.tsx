import { Alert, Button, Badge, Group, Text } from '@mantine/core'
import { Icon } from '../status/icons'
import type { WebphoneState } from '../webphone'
import type { Phone } from './useWebphone'

interface Shown {
  text: string
  colour: string
  icon: string
}

/** The microphone in two words, as the server has it where it said so. */
export function shown(s: WebphoneState): Shown {
  if (s.connection !== 'connected' || !s.server) return { text: 'Webphone connecting', colour: 'gray', icon: 'wait' }
  if (s.server.leader === 'other') return { text: 'Phone is in another tab', colour: 'gray', icon: 'tabs' }
  if (s.server.target) {
    if (s.server.mic === 'silent') return { text: 'Microphone silent', colour: 'yellow', icon: 'microphone' }
    if (s.server.mic === 'muted') return { text: 'Microphone muted', colour: 'yellow', icon: 'microphone' }
    return { text: 'Microphone works', colour: 'teal', icon: 'microphone' }
  }
  switch (s.microphone) {
    case 'granted':
    case 'muted':
      break
    case 'asking':
    case 'not_asked':
      return { text: 'Microphone not allowed yet', colour: 'yellow', icon: 'microphone' }
    case 'denied':
      return { text: 'Microphone denied', colour: 'red', icon: 'microphone' }
    case 'missing':
      return { text: 'No microphone', colour: 'red', icon: 'microphone' }
    case 'lost':
      return { text: 'Microphone lost', colour: 'red', icon: 'microphone' }
    default:
      return { text: 'Microphone unusable', colour: 'red', icon: 'microphone' }
  }
  if (s.server.network === 'unproven') return { text: 'Sound does not get through', colour: 'red', icon: 'warning' }
  return { text: 'Testing the microphone', colour: 'blue', icon: 'microphone' }
}

export function MicrophoneChip({ phone }: { phone: Phone }) {
  const s = phone.state
  if (!s || s.connection === 'off') return null
  const m = shown(s)
  return (
    <Group gap="xs">
      <Badge size="lg" radius="sm" tt="none" variant="light" color={m.colour} leftSection={<Icon name={m.icon} size={14} />} data-testid="microphone" data-target={s.server?.target ?? false} data-mic={s.server?.mic ?? s.microphone}>
        {m.text}
      </Badge>
      {s.microphone === 'not_asked' && s.server?.leader !== 'other' && (
        <Button size="xs" onClick={phone.allowMicrophone}>
          Allow microphone
        </Button>
      )}
      {s.server && s.server.leader !== 'you' && (
        <Button size="xs" variant="light" onClick={phone.takeOver}>
          Use the phone here
        </Button>
      )}
    </Group>
  )
}

/** What is wrong with the webphone, and what to do about it. */
export function MicrophoneProblem({ phone }: { phone: Phone }) {
  const p = phone.state?.problem
  if (!p) return null
  return (
    <Alert color="yellow" role="status" data-testid="microphone-problem" py="xs">
      <Group justify="space-between">
        <Text size="sm">
          <b>{p.sentence}</b> {p.remedy}
        </Text>
        <Button size="xs" variant="light" onClick={phone.tryAgain}>
          Try again
        </Button>
      </Group>
    </Alert>
  )
}
