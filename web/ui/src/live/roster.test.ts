import { describe, expect, test } from 'vitest'
import type { Agent } from '../api/http'
import { clock, since } from './clock'
import { LiveRoster } from './roster'

const at = '2026-01-01T00:00:00Z'

function agent(id: string, version: number, text = 'Available', when = at): Agent {
  const view = { status: 'available' as const, text, since: at, cause: 'login', duration_seconds: 0 }
  return { id, domain: 'd', number: id, name: id, teams: [], version, at: when, status: { team: view } } as unknown as Agent
}

// A stream and a clock in hand: run(ms) lets time pass.
function rig() {
  const sources: { handlers: Map<string, (e: unknown) => void>; readyState: number; onopen?: () => void; onerror?: () => void; closed: boolean }[] = []
  const timers: { f: () => void; at: number }[] = []
  let now = Date.parse(at)
  let lost = 0
  const r = new LiveRoster({
    open: () => {
      const s = { handlers: new Map<string, (e: unknown) => void>(), readyState: 0, closed: false, addEventListener: (n: string, f: unknown) => void s.handlers.set(n, f as (e: unknown) => void), close: () => void (s.closed = true), onopen: undefined, onerror: undefined }
      sources.push(s)
      return s as never
    },
    after: (f, ms) => {
      const t = { f, at: now + ms }
      timers.push(t)
      return () => void (timers.includes(t) && timers.splice(timers.indexOf(t), 1))
    },
    now: () => now,
    onLost: () => lost++,
  })
  r.start()
  const run = (ms: number) => {
    const end = now + ms
    for (;;) {
      const next = timers.filter((t) => t.at <= end).sort((a, b) => a.at - b.at)[0]
      if (!next) break
      timers.splice(timers.indexOf(next), 1)
      now = Math.max(now, next.at)
      next.f()
    }
    now = end
  }
  const say = (name: string, data: unknown) => sources.at(-1)!.handlers.get(name)!({ data: JSON.stringify(data) })
  const send = (name: string, data: unknown) => {
    say(name, data)
    run(100)
  }
  return { r, say, send, run, sources, lost: () => lost, time: () => now }
}

describe('the live roster', () => {
  test('shows the snapshot, then changes', () => {
    const { r, send } = rig()
    send('snapshot', { agents: [agent('a', 1), agent('b', 1)], complete: true })
    expect(r.get().ready).toBe(true)
    send('agent', agent('a', 2, 'Lunch'))
    expect(r.get().agents.get('a')?.status.team.text).toBe('Lunch')
    expect(r.get().agents.size).toBe(2)
  })

  test('an older number never replaces a newer one', () => {
    const { r, send } = rig()
    send('snapshot', { agents: [agent('a', 7, 'Lunch')], complete: true })
    send('agent', agent('a', 6, 'Available'))
    expect(r.get().agents.get('a')?.status.team.text).toBe('Lunch')
  })

  test('a snapshot in several parts is shown with the last, and drops who is gone', () => {
    const { r, send } = rig()
    send('snapshot', { agents: [agent('gone', 1)], complete: true })
    send('snapshot', { agents: [agent('a', 1)], complete: false })
    expect(r.get().agents.has('gone')).toBe(true)
    send('snapshot', { agents: [agent('b', 1)], complete: true })
    expect([...r.get().agents.keys()].sort()).toEqual(['a', 'b'])
  })

  test('a snapshot that was torn counts for nothing', () => {
    const { r, say, send, sources } = rig()
    say('snapshot', { agents: [agent('torn', 1)], complete: false })
    sources[0]!.onerror!()
    sources[0]!.onopen!()
    send('snapshot', { agents: [agent('a', 1)], complete: true })
    expect([...r.get().agents.keys()]).toEqual(['a'])
  })

  test('a removed agent disappears', () => {
    const { r, send } = rig()
    send('snapshot', { agents: [agent('a', 1)], complete: true })
    send('removed', { id: 'a' })
    expect(r.get().agents.size).toBe(0)
    expect(r.get().order).toEqual([])
  })

  test('a burst of changes is one notification', () => {
    const { r, say, send, run } = rig()
    send('snapshot', { agents: [agent('a', 1)], complete: true })
    let told = 0
    r.subscribe(() => told++)
    for (let v = 2; v < 100; v++) say('agent', agent('a', v))
    run(100)
    expect(told).toBe(1)
    expect(r.get().agents.get('a')?.version).toBe(99)
  })

  test('the order is by number, and the same array while nobody comes or goes', () => {
    const { r, send } = rig()
    send('snapshot', { agents: [agent('10', 1), agent('9', 1)], complete: true })
    const order = r.get().order
    expect(order).toEqual(['9', '10'])
    send('agent', agent('9', 2, 'Lunch'))
    expect(r.get().order).toBe(order)
    send('agent', agent('1', 1))
    expect(r.get().order).toEqual(['1', '9', '10'])
  })
})

describe('a stream that is lost', () => {
  test('is left to the browser while it tries by itself', () => {
    const { r, run, sources, lost } = rig()
    sources[0]!.onopen!()
    sources[0]!.onerror!()
    expect(r.get().connected).toBe(false)
    expect(lost()).toBe(1)
    run(5000)
    expect(sources.length).toBe(1)
  })

  test('is opened again after an answer that ended it, ever more slowly', () => {
    const { run, sources, lost } = rig()
    for (let i = 0; i < 20; i++) {
      const s = sources.at(-1)!
      s.readyState = 2
      s.onerror!()
      expect(lost()).toBe(i + 1)
      run(15_000)
      expect(sources.length).toBe(i + 2)
    }
  })

  test('in silence is noticed', () => {
    const { r, run, say, sources, lost, time } = rig()
    sources[0]!.onopen!()
    for (let i = 0; i < 10; i++) {
      run(15_000)
      say('alive', { at: new Date(time()).toISOString() })
    }
    expect(sources.length).toBe(1)
    run(60_000)
    expect(lost()).toBeGreaterThan(0)
    expect(sources[0]!.closed).toBe(true)
    expect(r.get().connected).toBe(false)
    expect(sources.length).toBeGreaterThan(1)
  })

  test('stays closed once stopped', () => {
    const { r, run, sources } = rig()
    sources[0]!.readyState = 2
    sources[0]!.onerror!()
    r.stop()
    run(120_000)
    expect(sources.length).toBe(1)
  })
})

describe('the clock of the server', () => {
  test('is told by a snapshot', () => {
    const { r, send } = rig()
    send('snapshot', { agents: [agent('a', 1, 'Available', '2026-01-01T01:00:00Z')], complete: true })
    expect(r.get().skew).toBe(3600_000)
  })
  test('is not turned back by a change that was written down long ago', () => {
    const { r, send } = rig()
    send('snapshot', { agents: [agent('a', 1)], complete: true })
    send('agent', agent('a', 2, 'Lunch', '2025-12-31T23:00:00Z'))
    expect(r.get().skew).toBe(0)
  })
})

describe('durations', () => {
  test.each([
    [0, '0:00'],
    [7, '0:07'],
    [754, '12:34'],
    [3723, '1:02:03'],
    [-4, '0:00'],
  ])('%d seconds read %s', (s, want) => expect(clock(s)).toBe(want))

  test('count on the clock of the server', () => {
    expect(since(at, Date.parse(at) + 10_000, -3000)).toBe(7)
  })
})
