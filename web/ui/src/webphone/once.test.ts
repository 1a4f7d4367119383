import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Errands } from './errands'
import type { CallTruth, Outgoing } from './protocol'

const talking: CallTruth = { t: 'call', call: 'a', state: 'talking', out: false, from: '1' }

/** A server that takes numbers. dead: the socket takes what never arrives. */
function rig() {
  const r = { up: true, dead: false, taken: 0, done: [] as string[], refused: [] as string[] }
  const errands: Errands = new Errands({
    send: (m: Outgoing) => {
      if (!r.up || r.dead || !('n' in m) || m.n === undefined) return r.up
      if (m.n <= r.taken) return true
      r.taken = m.n
      r.done.push('keys' in m ? m.keys : m.t)
      queueMicrotask(() => errands.told({ ...talking, taken: r.taken }))
      return true
    },
    onChange: (_, sentence) => sentence !== undefined && r.refused.push(sentence),
  })
  const back = async () => {
    r.up = true
    r.dead = false
    errands.flush(new Set(['a']), true)
    errands.told({ ...talking, taken: r.taken })
    await Promise.resolve()
  }
  return { r, errands, back }
}

describe('what is done once', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('is done at once, in order, and nothing waits', async () => {
    const { r, errands, back } = rig()
    await back()
    errands.press('a', '1')
    errands.press('a', '2') // before the server said that it has the first
    errands.press('a', '3')
    expect(errands.words('a')).toBeUndefined()
    await vi.advanceTimersByTimeAsync(60_000)
    errands.transfer('a', { to: '1003' })
    await vi.advanceTimersByTimeAsync(60_000)
    expect([r.done, r.refused, errands.words('a')]).toEqual([['1', '23', 'transfer'], [], undefined])
  })

  test('is not lost in a socket that is dead, and is done in order', async () => {
    const { r, errands, back } = rig()
    await back()
    r.dead = true
    errands.press('a', '1')
    errands.press('a', '2')
    errands.transfer('a', { to: '1003' })
    await vi.advanceTimersByTimeAsync(1000)
    expect(errands.words('a')).toBe('Waiting for the connection: the keys 12, the transfer.')
    await vi.advanceTimersByTimeAsync(3000)
    await back()
    await vi.advanceTimersByTimeAsync(0)
    expect([r.done, r.refused, errands.words('a')]).toEqual([['1', '2', 'transfer'], [], undefined])
  })

  test('is not done twice where only the answer was lost', async () => {
    const { r, errands, back } = rig()
    await back()
    errands.press('a', '1')
    r.done.push('(cut)')
    errands.flush(new Set(['a']), true) // before the server's word
    await vi.advanceTimersByTimeAsync(0)
    expect([r.done, r.refused, errands.words('a')]).toEqual([['1', '(cut)'], [], undefined])
  })

  test('and is old when the connection is back, is not done, and the agent knows', async () => {
    const { r, errands, back } = rig()
    await back()
    r.dead = true
    errands.press('a', '1')
    errands.press('a', '2')
    await vi.advanceTimersByTimeAsync(7000)
    expect(r.refused).toEqual([expect.stringContaining('The keys 2 were not sent')])
    expect(errands.words('a')).toBe('Waiting for the connection: the keys 1.')
    await back()
    expect(r.refused[1]).toContain('The keys 1 were not sent')
    expect([r.done, errands.words('a')]).toEqual([[], undefined])
    errands.press('a', '3')
    expect(r.done).toEqual(['3'])
  })

  test('and was done while nobody knew, is not said to be lost', async () => {
    const { r, errands, back } = rig()
    await back()
    r.dead = true
    errands.press('a', '1')
    r.taken = 1
    await vi.advanceTimersByTimeAsync(7000)
    await back()
    expect([r.done, r.refused, errands.words('a')]).toEqual([[], [], undefined])
  })

  test('goes on with the numbers of the page that was here before', async () => {
    const { r, errands, back } = rig()
    r.taken = 7
    await back()
    errands.press('a', '1')
    expect([r.done, r.taken]).toEqual([['1'], 8])
  })

  test('is told without a number to a server that takes none', () => {
    const sent: Outgoing[] = []
    const errands = new Errands({ send: (m) => sent.push(m) > 0, onChange: () => undefined })
    errands.flush(new Set(), false)
    errands.press('a', '1')
    errands.press('a', '2')
    expect(sent).toEqual([{ t: 'dtmf', call: 'a', keys: '1' }, { t: 'dtmf', call: 'a', keys: '2' }])
  })
})
