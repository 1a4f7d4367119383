import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Pace } from './pace'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('what changes for once is told at once', () => {
  const told: string[] = []
  const pace = new Pace<string>((v) => told.push(v))
  pace.say('denied')
  vi.advanceTimersByTime(1000)
  pace.say('prompt')
  expect(told).toEqual(['denied', 'prompt'])
})

// The server takes 20 messages a second, and 60 at once.
test('what flaps is told as often as the server takes, and the last of it is', () => {
  const told: number[] = []
  const pace = new Pace<number>((v) => told.push(v))
  for (let i = 0; i < 1000; i++) {
    pace.say(i)
    vi.advanceTimersByTime(5)
  }
  vi.advanceTimersByTime(1000)
  expect(told.length).toBeLessThanOrEqual(62)
  expect([told[0], told.at(-1)]).toEqual([0, 999])
})

test('after its end nothing is told', () => {
  const told: number[] = []
  const pace = new Pace<number>((v) => told.push(v))
  for (let i = 1; i <= 11; i++) pace.say(i)
  pace.stop()
  vi.advanceTimersByTime(1000)
  expect(told.at(-1)).toBe(10)
})
