import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Errands } from './errands'
import type { CallTruth, Outgoing } from './protocol'

const talking: CallTruth = { t: 'call', call: 'a', state: 'talking', out: false, from: '1' }

/** Errands over a connection that can be cut. */
function rig() {
  const r = { up: true, sent: [] as string[], refused: [] as string[] }
  const say = (m: Outgoing) => [m.t, ...('on' in m ? [m.on] : []), ...('keys' in m ? [m.keys] : [])].join(' ')
  const errands = new Errands({
    send: (m) => {
      if (r.up) r.sent.push(say(m))
      return r.up
    },
    onChange: (_, sentence) => sentence !== undefined && r.refused.push(sentence),
  })
  return { r, errands, back: () => ((r.up = true), (r.sent = []), errands.flush(new Set(['a']))) }
}

describe('clicks in a call', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('are told at once while there is a connection, and leave nothing behind', () => {
    const { r, errands, back } = rig()
    errands.mute('a', true)
    errands.hold('a', true)
    errands.press('a', '1')
    errands.told({ ...talking, muted: true, held: true })
    expect(r.sent).toEqual(['mute true', 'hold true', 'dtmf 1'])
    expect(errands.words('a')).toBeUndefined()
    back()
    expect(r.sent).toEqual([])
    vi.advanceTimersByTime(60_000)
    expect(r.refused).toEqual([])
  })

  test('mute is told as soon as the page is connected, and shown meanwhile', () => {
    const { r, errands, back } = rig()
    r.up = false
    errands.mute('a', true)
    expect(errands.told(talking).muted).toBe(true)
    vi.advanceTimersByTime(60_000)
    back()
    expect(r.sent).toEqual(['mute true'])
    expect(errands.told(talking).muted).toBe(true)
    expect(errands.told({ ...talking, muted: true }).muted).toBe(true)
    expect(errands.told(talking).muted).toBeUndefined()
  })

  test('a call hung up meanwhile is over for the server, too', () => {
    const { r, errands, back } = rig()
    r.up = false
    errands.last('a', 'hangup')
    expect(back()).toEqual(new Set(['a']))
    expect(r.sent).toEqual(['hangup'])
  })

  test('a hang-up that was written to a dead connection is told again', () => {
    const { r, errands, back } = rig()
    errands.last('a', 'hangup') // taken by the socket, and never arrived
    expect(back()).toEqual(new Set(['a']))
    expect(r.sent).toEqual(['hangup'])
    errands.told({ ...talking, state: 'ended' })
    back()
    expect(r.sent).toEqual([])
  })

  test('a call picked up over a dead connection is picked up', () => {
    const { r, errands, back } = rig()
    errands.last('a', 'accept') // taken by the socket, and never arrived
    errands.told({ ...talking, state: 'ringing' })
    expect(back()).toEqual(new Set())
    expect(r.sent).toEqual(['accept'])
    errands.told(talking)
    back()
    expect(r.sent).toEqual([])
  })

  test('a call picked up meanwhile is picked up', () => {
    const { r, errands, back } = rig()
    r.up = false
    errands.last('a', 'accept')
    expect(back()).toEqual(new Set())
    expect(r.sent).toEqual(['accept'])
  })

  test('keys and hold wait for a short interruption', () => {
    const { r, errands, back } = rig()
    r.up = false
    errands.press('a', '1')
    errands.press('a', '2')
    errands.hold('a', true)
    expect(errands.words('a')).toBe('Waiting for the connection: holding, the keys 12.')
    vi.advanceTimersByTime(4000)
    back()
    expect(r.sent).toEqual(['hold true', 'dtmf 12'])
    errands.told({ ...talking, held: true })
    expect(errands.words('a')).toBeUndefined()
    expect(r.refused).toEqual([])
  })

  test('after a longer one it is said that they did not happen', () => {
    const { r, errands, back } = rig()
    r.up = false
    errands.press('a', '1')
    vi.advanceTimersByTime(3000)
    errands.hold('a', true)
    vi.advanceTimersByTime(2000)
    expect(r.refused).toEqual([expect.stringContaining('The keys 1 were not sent')])
    vi.advanceTimersByTime(3000)
    expect(r.refused[1]).toContain('The call was not held')
    expect(errands.words('a')).toBeUndefined()
    back()
    expect(r.sent).toEqual([])
  })

  test('timers that a hidden tab delays let nothing old through', () => {
    let now = 0
    const sent: string[] = []
    let up = false
    const refused: string[] = []
    const errands = new Errands({ send: (m) => up && sent.push(m.t) > 0, onChange: (_, s) => s && refused.push(s), now: () => now })
    errands.press('a', '1')
    now = 30_000
    up = true
    errands.flush(new Set(['a']))
    expect([sent, refused.length]).toEqual([[], 1])
  })

  test('a hold that nobody confirms is said to be none', () => {
    const { r, errands } = rig()
    errands.hold('a', true)
    vi.advanceTimersByTime(5000)
    expect(r.refused[0]).toContain('did not answer')
  })

  test('more keys than the server takes are refused at once', () => {
    const { r, errands } = rig()
    r.up = false
    for (let i = 0; i < 33; i++) errands.press('a', '7')
    expect(r.refused).toHaveLength(1)
    expect(errands.words('a')).toContain('7'.repeat(32))
  })

  test('of a call that is over nothing waits', () => {
    const { r, errands, back } = rig()
    r.up = false
    errands.press('a', '1')
    errands.told({ ...talking, state: 'ended' })
    vi.advanceTimersByTime(60_000)
    back()
    expect([r.sent, r.refused]).toEqual([[], []])
  })
})
