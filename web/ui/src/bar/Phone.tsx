import { Alert, Button, Group, Popover, SimpleGrid, Stack, Text, TextInput } from '@mantine/core'
import { useEffect, useState } from 'react'
import { useNow } from '../live/clock'
import { callWarning, callWords, type PhoneCall } from '../webphone'
import { CallNews } from './CallNews'
import { CallQuality } from './CallQuality'
import { Loudness } from './Loudness'
import { clickWords, clock, keypad, mayDial, rings as isRinging, who as whoIs } from './phone'
import type { Phone } from './useWebphone'

/** The phone of the page: what rings, what is talked, and a place to dial. */
export function PhonePanel({ phone }: { phone: Phone }) {
  const s = phone.state
  if (!s || s.connection === 'off' || s.connection === 'logged-out') return null
  const calls = s.calls
  return (
    <Stack gap="xs" component="section" aria-label="Phone" data-testid="phone">
      <CallNews calls={calls} />
      {calls.map((c) => (
        <Call key={c.id} call={c} others={calls.filter((o) => o.id !== c.id && o.state === 'talking')} phone={phone} />
      ))}
      {mayDial(s) && <Dial onDial={phone.dial} />}
    </Stack>
  )
}

function Dial({ onDial }: { onDial: (to: string) => void }) {
  const [to, setTo] = useState('')
  const number = to.trim()
  return (
    <form
      onSubmit={(e) => {
        e.preventDefault()
        if (number === '') return
        onDial(number)
        setTo('')
      }}
    >
      <Group gap="xs">
        <TextInput aria-label="Number to call" placeholder="Number or address" size="xs" value={to} maxLength={200} onChange={(e) => setTo(e.currentTarget.value)} data-testid="dial-number" />
        <Keypad label="Dial pad" onKey={(k) => setTo((t) => t + k)} />
        <Button size="xs" type="submit" disabled={number === ''} data-testid="dial">
          Call
        </Button>
      </Group>
    </form>
  )
}

function Keypad({ label, onKey }: { label: string; onKey: (key: string) => void }) {
  return (
    <Popover position="bottom-start" trapFocus withArrow shadow="md">
      <Popover.Target>
        <Button size="xs" variant="default" data-testid="keypad">
          {label}
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <SimpleGrid cols={3} spacing={4} role="group" aria-label={label} onKeyDown={(e) => keypad.includes(e.key) && !e.repeat && onKey(e.key)}>
          {keypad.map((k) => (
            <Button key={k} variant="default" size="sm" onClick={() => onKey(k)} data-testid={`key-${k}`}>
              {k}
            </Button>
          ))}
        </SimpleGrid>
      </Popover.Dropdown>
    </Popover>
  )
}

// Where the focus is has a ring around it, which is wider than the text.
const unclipped = { root: { overflow: 'visible' }, message: { overflow: 'visible' } }

function Call({ call, others, phone }: { call: PhoneCall; others: PhoneCall[]; phone: Phone }) {
  const rings = isRinging(call)
  const who = whoIs(call)
  const warning = callWarning(call)
  const click = clickWords(call)
  return (
    <Alert color={rings ? 'green' : call.state === 'ended' ? 'gray' : 'indigo'} p="xs" styles={unclipped} role={rings ? 'alert' : 'group'} aria-label={`Call with ${who}`} data-testid={rings ? 'incoming' : 'phone-call'} data-state={call.state} data-held={call.held ?? false}>
      <Group justify="space-between">
        <Text size="sm">
          <b>{who}</b> · {callWords(call)}
          {call.since !== undefined && call.state === 'talking' && <Since at={call.since} />}
        </Text>
        <Group gap="xs">
          <Buttons call={call} rings={rings} others={others} phone={phone} />
        </Group>
      </Group>
      {call.state === 'talking' && (
        <Group gap="md" mt={6} style={{ rowGap: 'var(--mantine-spacing-xs)' }}>
          <Level id={call.id} phone={phone} muted={call.muted ?? false} />
          <CallQuality call={call} />
        </Group>
      )}
      {call.keys && (
        <Text size="sm" role="status" data-testid="far-keys">
          Keys pressed there: {call.keys.split('').join(' ')}
        </Text>
      )}
      {warning && (
        <Text size="sm" data-testid="call-warning">
          {warning}
        </Text>
      )}
      {click && (
        <Text size="sm" data-testid="call-note">
          {click}
        </Text>
      )}
      {call.blocked && call.state !== 'ended' && (
        <Button size="xs" onClick={() => phone.listen(call.id)} data-testid="listen">
          Hear the call
        </Button>
      )}
    </Alert>
  )
}

function Since({ at }: { at: number }) {
  const now = useNow()
  return <span aria-hidden> · {clock(now - at)}</span>
}

function Buttons({ call, rings, others, phone }: { call: PhoneCall; rings: boolean; others: PhoneCall[]; phone: Phone }) {
  const { id } = call
  if (rings) {
    return (
      <>
        <Button size="xs" color="green" onClick={() => phone.answer(id)} data-testid="answer">
          Answer
        </Button>
        <Button size="xs" color="red" variant="light" onClick={() => phone.reject(id)} data-testid="reject">
          Reject
        </Button>
      </>
    )
  }
  if (call.state === 'ended') {
    return (
      <Button size="xs" variant="subtle" onClick={() => phone.dismiss(id)} data-testid="dismiss">
        Dismiss
      </Button>
    )
  }
  return (
    <>
      {call.state === 'talking' && (
        <>
          <Button size="xs" variant="default" aria-pressed={call.muted ?? false} onClick={() => phone.mute(id, !call.muted)} data-testid="mute">
            {call.muted ? 'Unmute' : 'Mute'}
          </Button>
          <Button size="xs" variant="default" aria-pressed={call.held ?? false} onClick={() => phone.hold(id, !call.held)} data-testid="hold">
            {call.held ? 'Resume' : 'Hold'}
          </Button>
          <Transfer call={call} others={others} phone={phone} />
        </>
      )}
      {(call.state === 'talking' || call.state === 'early') && <Keypad label="Keys" onKey={(k) => phone.press(id, k)} />}
      <Button size="xs" color="red" onClick={() => phone.hangup(id)} data-testid="hangup">
        Hang up
      </Button>
    </>
  )
}

function Transfer({ call, others, phone }: { call: PhoneCall; others: PhoneCall[]; phone: Phone }) {
  const [to, setTo] = useState('')
  const number = to.trim()
  return (
    <Popover position="bottom-end" trapFocus withArrow shadow="md">
      <Popover.Target>
        <Button size="xs" variant="default" disabled={call.moving} data-testid="transfer">
          Transfer
        </Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="xs">
          <form
            onSubmit={(e) => {
              e.preventDefault()
              if (number !== '') phone.transfer(call.id, { to: number })
            }}
          >
            <Group gap="xs">
              <TextInput aria-label="Number to transfer to" placeholder="Number or address" size="xs" value={to} maxLength={200} onChange={(e) => setTo(e.currentTarget.value)} data-testid="transfer-number" />
              <Button size="xs" type="submit" disabled={number === ''} data-testid="transfer-now">
                Transfer
              </Button>
            </Group>
          </form>
          {others.map((o) => (
            <Button key={o.id} size="xs" variant="light" onClick={() => phone.transfer(call.id, { with: o.id })} data-testid="transfer-with">
              Connect with {o.name ?? o.from}
            </Button>
          ))}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}

/** How loud the agent's own microphone is. */
function Level({ id, phone, muted }: { id: string; phone: Phone; muted: boolean }) {
  const [level, setLevel] = useState(0)
  const { level: read } = phone
  useEffect(() => {
    const timer = window.setInterval(() => void read(id).then(setLevel), 200)
    return () => window.clearInterval(timer)
  }, [id, read])
  return (
    <Group gap="xs" wrap="nowrap">
      <Text size="xs" c="dimmed">
        Microphone
      </Text>
      <Loudness level={muted ? 0 : level} label="Loudness of your microphone" testId="level" width={140} />
    </Group>
  )
}
