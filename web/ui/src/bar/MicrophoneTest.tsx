import { Button, Group, Stack, Text } from '@mantine/core'
import { useEffect, useRef, useState } from 'react'
import type { MicTest, MicTestState } from '../webphone'
import { Loudness } from './Loudness'
import type { Phone } from './useWebphone'

/** Speaks to oneself: a few seconds are recorded and played. The microphone is open for
 * that long only. */
export function MicrophoneTest({ phone, disabled }: { phone: Phone; disabled: boolean }) {
  const [state, setState] = useState<MicTestState>()
  const test = useRef<MicTest>(undefined)
  useEffect(() => () => test.current?.stop(), [])
  useEffect(() => {
    if (!disabled) return // a call needs the microphone
    test.current?.stop()
    setState(undefined)
  }, [disabled])

  const runs = state !== undefined && state.stage !== 'done'
  const begin = () => {
    test.current?.stop()
    test.current = phone.testMicrophone(setState)
    void test.current?.run()
  }
  const stop = () => {
    test.current?.stop()
    setState(undefined)
  }
  return (
    <Stack gap={6} data-testid="mic-test" data-stage={state?.stage ?? 'none'} data-result={state?.result ?? ''}>
      <Group gap="xs">
        <Button size="xs" variant="default" disabled={disabled} onClick={runs ? stop : begin} data-testid="test-microphone">
          {runs ? 'Stop the test' : 'Test the microphone'}
        </Button>
        {disabled && (
          <Text size="xs" c="dimmed">
            Not during a call
          </Text>
        )}
      </Group>
      {state?.stage === 'recording' && <Loudness level={state.level} label="Loudness of the microphone" testId="test-level" />}
      <Text size="sm" role="status" data-testid="test-words">
        {state && (
          <>
            <b>{state.words.sentence}</b> {state.words.remedy}
          </>
        )}
      </Text>
    </Stack>
  )
}
