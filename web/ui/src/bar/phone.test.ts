import { expect, test } from 'vitest'
import { clock, mayDial } from './phone'

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
