import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Devices, resolve } from './devices'
import type { Use } from './devices'

const info = (kind: string, deviceId: string, label = deviceId) => ({ kind, deviceId, label, groupId: '' })

/** A browser whose devices come and go. */
function browser(kept?: unknown) {
  const stored = new Map<string, string>(kept === undefined ? [] : [['lamplight.devices', typeof kept === 'string' ? kept : JSON.stringify(kept)]])
  const plugged = { list: [info('audioinput', 'default'), info('audioinput', 'built-in'), info('audioinput', 'headset'), info('audiooutput', 'desk'), info('audiooutput', 'ear')] }
  const media = Object.assign(new EventTarget(), { enumerateDevices: () => Promise.resolve(plugged.list) })
  vi.stubGlobal('navigator', { mediaDevices: media })
  vi.stubGlobal('window', new EventTarget())
  vi.stubGlobal('localStorage', { getItem: (k: string) => stored.get(k) ?? null, setItem: (k: string, v: string) => void stored.set(k, v) })
  const used: [Use, string | undefined][] = []
  const devices: Devices = new Devices({ onChange: () => undefined, onUse: (use) => used.push([use, devices.id(use)]) })
  return {
    devices,
    used,
    stored,
    plug: async (list: ReturnType<typeof info>[]) => {
      plugged.list = list
      await devices.refresh()
    },
    all: plugged.list,
  }
}

describe('the chosen devices', () => {
  let off: () => void = () => undefined
  beforeEach(() => (off = () => undefined))
  afterEach(() => {
    off()
    vi.unstubAllGlobals()
  })

  test('are the system’s own until one is chosen, and kept for this browser', async () => {
    const b = browser()
    await b.devices.start()
    expect(b.devices.state.inputs.map((d) => d.id)).toEqual(['built-in', 'headset'])
    expect(b.devices.id('microphone')).toBeUndefined()
    b.devices.choose('microphone', 'headset')
    b.devices.choose('ringer', 'desk')
    expect(b.used).toEqual([['microphone', 'headset'], ['ringer', 'desk']])
    expect(JSON.parse(b.stored.get('lamplight.devices')!)).toEqual({
      microphone: { id: 'headset', label: 'headset' },
      ringer: { id: 'desk', label: 'desk' },
    })
    b.devices.choose('microphone', '')
    expect(b.devices.id('microphone')).toBeUndefined()
    expect(Object.keys(JSON.parse(b.stored.get('lamplight.devices')!))).toEqual(['ringer'])
  })

  test('that are unplugged give way to the system’s own, and come back', async () => {
    const b = browser({ microphone: { id: 'headset', label: 'headset' }, speaker: { id: 'ear', label: 'ear' } })
    expect(b.devices.id('microphone')).toBe('headset') // before anything is known
    await b.devices.start()
    await b.plug(b.all.filter((d) => d.deviceId !== 'headset' && d.deviceId !== 'ear'))
    expect(b.devices.state.gone).toEqual(['microphone', 'speaker'])
    expect(b.devices.id('microphone')).toBeUndefined()
    await b.plug(b.all)
    expect(b.devices.state.gone).toEqual([])
    expect(b.used).toEqual([['microphone', undefined], ['speaker', undefined], ['microphone', 'headset'], ['speaker', 'ear']])
  })

  test('are known by their names where the browser gives them new ids', async () => {
    const b = browser({ microphone: { id: 'old', label: 'headset' } })
    await b.devices.start()
    expect(b.devices.id('microphone')).toBe('headset')
  })

  test('are not taken for unplugged before the microphone is allowed', async () => {
    const b = browser({ microphone: { id: 'headset', label: 'headset' } })
    await b.plug([info('audioinput', '')])
    expect(b.devices.state.gone).toEqual([])
    expect(b.devices.id('microphone')).toBe('headset')
    expect(resolve({ id: 'x', label: '' }, [{ id: 'y', label: '' }]).gone).toBe(true)
  })

  test('survive rubbish in the storage', () => {
    for (const kept of ['{', 'null', '[]', '{"microphone":7}', '{"microphone":{"id":""}}', '{"speaker":{"id":"a"}}']) {
      expect(browser(kept).devices.state.chosen).toEqual({})
    }
  })

  test('are told to the server, bounded', async () => {
    const b = browser({ microphone: { id: 'headset', label: 'headset' }, ringer: { id: 'lost', label: 'Lost' } })
    await b.devices.start()
    expect(b.devices.told()).toEqual([
      { kind: 'output', label: 'Lost', rings: true, gone: true },
      { kind: 'input', label: 'built-in', used: false },
      { kind: 'input', label: 'headset', used: true },
      { kind: 'output', label: 'desk', used: false, rings: false },
      { kind: 'output', label: 'ear', used: false, rings: false },
    ])
    await b.plug(Array.from({ length: 50 }, (_, i) => info('audioinput', `d${i}`, 'ß'.repeat(200))))
    const told = b.devices.told()
    expect(told).toHaveLength(32)
    expect(told.every((d) => new TextEncoder().encode(d.label).length <= 128)).toBe(true)
  })
})
