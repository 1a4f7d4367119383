import { describe, expect, test } from 'vitest'
import type { Agent } from '../api/http'
import { LiveRoster } from './roster'
import { clock, since } from './clock'

const at = '2026-01-01T00:00:00Z'

function agent(id: string, version: number, text = 'Available'): Agent {
  const view = { status: 'available' as const, text, since: at, cause: 'login', duration_seconds: 0 }
  return { id, domain: 'd', number: id, name: id, teams: [], version, at, status: { team: view } } as Agent
}

function rig() {
  const handlers = new Map<string, (e: unknown) => void>()
  const frames: (() => void)[] = []
  const r = new LiveRoster(
    () => ({ addEventListener: (n: string, f: unknown) => void handlers.set(n, f as (e: unknown) => void), close: () => {}, onopen: null, onerror: null }) as never,
    (f) => frames.push(f),
    () => Date.parse(at),
  )
  r.start()
  const send = (name: string, data: unknown) => {
    handlers.get(name)!({ data: JSON.stringify(data) })
    for (const f of frames.splice(0)) f()
  }
  return { r, send, frames, handlers }
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

  test('a snapshot in several parts is ready with the last, and drops who is gone', () => {
    const { r, send } = rig()
    send('snapshot', { agents: [agent('gone', 1)], complete: true })
    send('snapshot', { agents: [agent('a', 1)], complete: false })
    expect(r.get().agents.has('gone')).toBe(true)
    send('snapshot', { agents: [agent('b', 1)], complete: true })
    expect([...r.get().agents.keys()].sort()).toEqual(['a', 'b'])
  })

  test('a removed agent disappears', () => {
    const { r, send } = rig()
    send('snapshot', { agents: [agent('a', 1)], complete: true })
    send('removed', { id: 'a' })
    expect(r.get().agents.size).toBe(0)
  })

  test('a burst of changes is one notification', () => {
    const { r, send, handlers, frames } = rig()
    send('snapshot', { agents: [agent('a', 1)], complete: true })
    let told = 0
    r.subscribe(() => told++)
    for (let v = 2; v < 100; v++) handlers.get('agent')!({ data: JSON.stringify(agent('a', v)) })
    for (const f of frames.splice(0)) f()
    expect(told).toBe(1)
    expect(r.get().agents.get('a')?.version).toBe(99)
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
