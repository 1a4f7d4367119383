import { Alert, Button, NativeSelect, Popover, Stack, Text } from '@mantine/core'
import type { DeviceState, Use } from '../webphone'
import { MicrophoneTest } from './MicrophoneTest'
import { deviceChoices, goneWords, useWords } from './sound'
import type { Phone } from './useWebphone'

/** What calls are spoken and heard by, and a test of the microphone. */
export function Sound({ phone }: { phone: Phone }) {
  const s = phone.state
  if (!s || s.connection === 'off' || s.connection === 'logged-out') return null
  const { devices } = s
  const talks = s.calls.some((c) => c.state !== 'ended')
  const choice = (use: Use) => <Choice key={use} use={use} devices={devices} onChoose={(id) => phone.choose(use, id)} />
  return (
    <Popover position="bottom-start" withArrow trapFocus keepMounted={false}>
      <Popover.Target>
        <Button variant="default" data-testid="sound">
          Sound{devices.gone.length > 0 && ' (!)'}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Sound of calls" maw={360}>
        <Stack gap="sm">
          {choice('microphone')}
          <MicrophoneTest phone={phone} disabled={talks} />
          {devices.choosable ? (
            <>
              {choice('speaker')}
              {choice('ringer')}
              <Button size="xs" variant="default" style={{ alignSelf: 'start' }} onClick={() => void phone.sampleRing()} data-testid="sample-ring">
                Ring once
              </Button>
            </>
          ) : (
            <Text size="sm" c="dimmed">
              This browser plays by the system&apos;s own device. Choose it in the system&apos;s sound settings.
            </Text>
          )}
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}

function Choice({ use, devices, onChoose }: { use: Use; devices: DeviceState; onChoose: (id: string) => void }) {
  const { value, data } = deviceChoices(use, devices)
  return (
    <NativeSelect
      label={useWords[use]}
      value={value}
      data={data}
      onChange={(e) => onChoose(e.currentTarget.value)}
      size="xs"
      data-testid={`device-${use}`}
    />
  )
}

/** A device that was chosen is not plugged in. */
export function SoundProblem({ phone }: { phone: Phone }) {
  const s = phone.state
  const gone = s?.devices.gone ?? []
  if (!s || s.connection !== 'connected' || gone.length === 0) return null
  return (
    <Alert color="blue" role="status" py="xs" data-testid="device-gone">
      {gone.map((use) => (
        <Text size="sm" key={use}>
          {goneWords(use, s.devices.chosen[use])}
        </Text>
      ))}
    </Alert>
  )
}
