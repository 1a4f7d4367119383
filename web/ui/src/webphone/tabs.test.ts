import { afterEach, describe, expect, test, vi } from 'vitest'
import { ownTab, Tabs } from './tabs'

type Grant = (lock: unknown) => Promise<void> | undefined

/** A browser whose locks do as told. */
function locks(request: (name: string, options: LockOptions, grant: Grant) => Promise<unknown>) {
  vi.stubGlobal('navigator', { locks: { request } })
}

afterEach(() => vi.unstubAllGlobals())

describe('which tab has the phone', () => {
  test('a free lock makes this tab lead', async () => {
    locks((_, __, grant) => Promise.resolve(grant({})))
    const t = new Tabs('phone', () => undefined)
    expect(await t.start(false)).toBe(true)
    expect(t.lead).toBe(true)
  })

  test('a taken lock makes it wait', async () => {
    locks((_, o, grant) => (o.ifAvailable ? Promise.resolve(grant(null)) : new Promise(() => undefined)))
    const t = new Tabs('phone', () => undefined)
    expect(await t.start(false)).toBe(false)
    expect(t.lead).toBe(false)
  })

  test('a frame that is denied locks leads, and the server decides', async () => {
    locks(() => Promise.reject(new DOMException('denied in this context', 'SecurityError')))
    const t = new Tabs('phone', () => undefined)
    expect(await t.start(false)).toBe(true)
    expect(t.lead).toBe(true)
    expect(await ownTab('a')).toBe(true)
  })

  test('without locks at all, too', async () => {
    vi.stubGlobal('navigator', {})
    const t = new Tabs('phone', () => undefined)
    expect(await t.start(true)).toBe(true)
    expect(await ownTab('a')).toBe(true)
  })

  test('a lead that is stolen is told once', async () => {
    let rob: () => void = () => undefined
    let first = true
    locks((_, __, grant) => {
      if (!first) return new Promise(() => undefined)
      first = false
      void grant({})
      return new Promise((_, reject) => (rob = () => reject(new DOMException('stolen', 'AbortError'))))
    })
    const told: boolean[] = []
    const t = new Tabs('phone', (lead) => told.push(lead))
    await t.start(false)
    rob()
    await vi.waitFor(() => expect(told).toEqual([false]))
    expect(t.lead).toBe(false)
  })
})
