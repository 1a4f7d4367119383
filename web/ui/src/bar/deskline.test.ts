import { describe, expect, it } from 'vitest'
import type { Desk } from '../api/http'
import { deskLine, ownDesk } from './deskline'

const desk = (name: string, agent?: string, until?: string): Desk => ({
  id: name,
  name,
  usernames: [],
  ...(agent ? { agent: { id: agent, number: agent, name: '' } } : {}),
  ...(until ? { until } : {}),
})

describe('shared phones', () => {
  it('say who is at them', () => {
    expect(deskLine(desk('Window seat'))).toBe('Window seat · free')
    expect(deskLine(desk('Window seat', '1001'))).toBe('Window seat · 1001')
    expect(deskLine(desk('Window seat', '1001', '2026-01-01T12:00:00Z'))).toMatch(/^Window seat · 1001 until \d/)
  })

  it('are the agent’s only for the time of a login', () => {
    const list = [desk('own', '1001'), desk('free'), desk('hot', '1001', '2026-01-01T12:00:00Z'), desk('taken', '1002', '2026-01-01T12:00:00Z')]
    expect(ownDesk(list, '1001')?.name).toBe('hot')
    expect(ownDesk(list, '1003')).toBeUndefined()
  })
})
