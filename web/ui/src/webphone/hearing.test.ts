import { expect, test } from 'vitest'
import { Hearing } from './hearing'

// The clock's ticks from `from` to `to`, each second; when the server was first missed.
function missed(h: Hearing, from: number, to: number, inCall: boolean): number | undefined {
  for (let now = from; now <= to; now += 1000) if (h.lost(inCall, now)) return now
  return undefined
}

const opened = () => {
  const h = new Hearing()
  h.opens(0)
  h.hears(0)
  return h
}

test('a server that asks is not missed', () => {
  const h = opened()
  for (let now = 1000; now < 60_000; now += 1000) {
    if (now % 5000 === 0) h.hears(now)
    expect(h.lost(false, now)).toBe(false)
  }
})

test('in a call it is missed within seconds, else it has more time', () => {
  for (const [inCall, at] of [[true, 13_000], [false, 23_000]] as const) {
    const h = opened()
    missed(h, 1000, 10_000, true)
    h.hears(10_400)
    expect(missed(h, 11_000, 30_000, inCall)).toBe(at)
  }
})

test('a new socket gets its time', () => {
  const h = opened()
  missed(h, 1000, 9000, false)
  h.opens(10_000)
  expect(missed(h, 10_000, 20_000, true)).toBe(14_000)
})

test('a page that was busy looks again before it misses anything', () => {
  const h = opened()
  missed(h, 1000, 10_000, false)
  h.hears(10_000)
  expect(h.lost(true, 17_000)).toBe(false)
  h.hears(17_001) // it had waited behind the tick
  expect(h.lost(true, 18_000)).toBe(false)
  // Where nothing had, the next tick says so, also one that is late.
  expect(h.lost(true, 25_000)).toBe(false)
  expect(h.lost(true, 32_000)).toBe(true)
})

test('a page that was never welcomed, or is missed for seconds only, is not given up', () => {
  const h = new Hearing()
  expect(h.away(60_000)).toBe(false)
  h.hears(60_000)
  expect([70_000, 71_000].map((now) => h.away(now))).toEqual([false, true])
})
