import { expect, test } from 'vitest'
import type { DeviceState } from '../webphone'
import { deviceChoices, goneWords } from './sound'

const state: DeviceState = {
  inputs: [{ id: 'a', label: 'Headset' }, { id: 'b', label: '' }],
  outputs: [{ id: 'c', label: 'Speakers' }],
  chosen: {},
  gone: [],
  choosable: true,
}

test('what is plugged in can be chosen, and the system’s own', () => {
  const { value, data } = deviceChoices('microphone', state)
  expect(value).toBe('')
  expect(data).toEqual([
    { value: '', label: "The system's own" },
    { value: 'a', label: 'Headset' },
    { value: 'b', label: 'Microphone 2' },
  ])
  expect(deviceChoices('ringer', state).data).toHaveLength(2)
})

test('a chosen device is found by its name when its id is new', () => {
  const s = { ...state, chosen: { microphone: { id: 'old', label: 'Headset' } } }
  expect(deviceChoices('microphone', s).value).toBe('a')
})

test('a chosen device that is gone stays chosen, and is said to be gone', () => {
  const s = { ...state, chosen: { speaker: { id: 'x', label: 'Dock' } } }
  const { value, data } = deviceChoices('speaker', s)
  expect(value).toBe('x')
  expect(data.at(-1)).toEqual({ value: 'x', label: 'Dock (not plugged in)' })
  expect(goneWords('speaker', s.chosen.speaker)).toBe(
    'The loudspeaker "Dock" is not plugged in: the system\'s own is used until it is back.',
  )
})
