import { describe, expect, test } from 'vitest'
import { from, heard, left, presentNow, told, watcher, type Registration, type Watcher } from './diagnostics'

const reg: Registration = { id: 'b', contact: 'sip:x', alive: true }
const sub: Watcher = { id: 's', event: 'dialog', entity: 'sip:1001@x', status: 'active', connected: true, failures: 0, expires: '' }

describe('a registration', () => {
  test.each<[string, Partial<Registration>, string]>([
    ['is there', {}, 'there'],
    ['says how fast it answers', { round_trip_ms: 12.4 }, 'there, answers in 12 ms'],
    ['says so of a fast one', { round_trip_ms: 0.2 }, 'there, answers in <1 ms'],
    ['may be dead', { alive: false }, 'does not answer'],
    ['may be restored', { restored: true }, 'not heard since the server restarted'],
    ['may be asleep', { alive: false, asleep: true, push: 'fcm' }, 'asleep, woken by push (fcm)'],
  ])('%s', (_, part, want) => expect(presentNow({ ...reg, ...part })).toBe(want))
})

describe('a watcher', () => {
  test.each<[string, Partial<Watcher>, string]>([
    ['of an agent', { agent: '1002', name: 'Bo', device: 'Desk phone' }, '1002 Bo, Desk phone'],
    ['of a server', { peer: 'pbx' }, 'server pbx'],
    ['of nobody', {}, 'a device that is no more'],
  ])('%s', (_, part, want) => expect(watcher({ ...sub, ...part })).toBe(want))
  test.each<[string, Partial<Watcher>, string]>([
    ['is told', {}, 'told'],
    ['is being told', { in_flight: true }, 'being told'],
    ['waits', { status: 'pending', connected: false }, 'waits for leave'],
    ['lost its connection', { connected: false }, 'connection gone, told when it is back'],
    ['was silent once', { failures: 1 }, 'did not answer the last time'],
    ['was silent often', { failures: 3, connected: false }, 'did not answer 3 times'],
  ])('%s', (_, part, want) => expect(told({ ...sub, ...part })).toBe(want))
})

describe('times and places', () => {
  const now = Date.parse('2026-03-04T12:00:00Z')
  test('an end to come', () => expect(left('2026-03-04T12:01:05Z', now, 0)).toBe('ends in 1:05'))
  test('by the clock of the server', () => expect(left('2026-03-04T12:01:05Z', now, 5000)).toBe('ends in 1:00'))
  test('an end that has been', () => expect(left('2026-03-04T11:59:00Z', now, 0)).toBe('has ended'))
  test('when it was heard', () => expect(heard('2026-03-04T11:59:50Z', now, 0)).toBe('heard 0:10 ago'))
  test('nothing of what is not known', () => expect(left(undefined, now, 0) + heard(undefined, now, 0) + from({})).toBe(''))
  test('where from', () => expect(from({ transport: 'UDP', remote: '192.0.2.1:5060' })).toBe('UDP 192.0.2.1:5060'))
})
