import { expect, test } from 'vitest'
import type { PhoneCall } from '../webphone'
import { callNews, clock, mayDial } from './phone'

test('a duration reads as on a phone', () => {
  expect([0, 7_400, 754_000, 3_723_000, -5].map(clock)).toEqual(['0:00', '0:07', '12:34', '1:02:03', '0:00'])
})

test('only a tab that calls can reach may call', () => {
  const state = { microphone: 'granted', lead: true, session: 's', calls: [], devices: { inputs: [], outputs: [], chosen: {}, gone: [], choosable: true }, problem: undefined } as const
  const server = { t: 'state', leader: 'you', life: 'alive', mic: 'granted', network: 'proven', target: true } as const
  expect(mayDial({ ...state, connection: 'connected', server })).toBe(true)
  expect(mayDial({ ...state, connection: 'connected', server: { ...server, target: false } })).toBe(false)
  expect(mayDial({ ...state, connection: 'waiting', server })).toBe(false)
  expect(mayDial({ ...state, connection: 'connected', server: undefined })).toBe(false)
})

test.each<[string, Partial<PhoneCall>, string]>([
  ['one that rings is an alert already', { state: 'ringing', picked: false }, ''],
  ['one that was picked up', { state: 'ringing', picked: true }, 'Bo · 1002: Connecting.'],
  ['one with trouble', { warn: 'no-audio' }, 'Bo · 1002: Talking. Your microphone sends nothing. Check its plug, or choose another microphone.'],
  ['a click that waits', { waiting: 'Waiting for the connection: holding.', note: 'older' }, 'Bo · 1002: Talking. Waiting for the connection: holding.'],
  ['a click that was refused', { note: 'The call was not held.' }, 'Bo · 1002: Talking. The call was not held.'],
  ['what was refused is over with the call', { state: 'ended', why: 'far', note: 'The call was not held.' }, 'Bo · 1002: The other side hung up.'],
])('a screen reader is told of calls: %s', (_, part, want) => {
  expect(callNews({ id: 'a', out: false, picked: true, from: '1002', name: 'Bo', state: 'talking', ...part })).toBe(want)
})
