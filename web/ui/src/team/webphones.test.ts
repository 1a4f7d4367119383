import { expect, test } from 'vitest'
import { devices, figures, life, page, pageCall, proof, type PageCall, type WebphonePage } from './webphones'

const now = Date.parse('2026-01-01T00:01:00Z')
const w: WebphonePage = {
  id: 's1', client: 'web', remote: '10.0.0.7:4000', since: '2026-01-01T00:00:00Z', heard: '2026-01-01T00:00:58Z',
  lead: true, life: 'alive', mic: 'granted', proven: true, network: 'proven', visible: 'hidden', round_trip_ms: 12.4,
  devices: [
    { kind: 'input', label: 'Headset', used: true },
    { kind: 'output', label: 'Dock', used: true, rings: true, gone: true },
    { kind: 'output', label: 'Speakers' },
  ],
  calls: [],
}
const call: PageCall = {
  id: 'c1', out: false, number: '+49301', name: 'Anna', state: 'talking', began: '2026-01-01T00:00:10Z',
  page: { at: '2026-01-01T00:00:50Z', codec: 'PCMU', path: 'host/udp', rtt_ms: 21, jitter_ms: 2, lost: 0.004, lost_there: 0 },
  gateway: {
    page: { packets: 990, lost: 10, sent: 1000, jitter_ms: 3.2, mos: 4.21 },
    far: { packets: 1000, lost: 0, sent: 990, jitter_ms: 0 },
  },
}

test('a page says where it is and how it lives', () => {
  expect(page(w)).toBe('Page · 10.0.0.7:4000 · rings')
  expect(page({ ...w, client: 'desktop', remote: undefined, lead: false })).toBe('Desktop app · does not ring')
  expect(life(w, now, 0)).toBe('there, answers in 12 ms · in the background · heard 0:02 ago')
  expect(life({ ...w, life: 'closed', heard: undefined, visible: 'visible' }, now, 0)).toBe('away')
  expect(proof(w)).toBe('microphone granted, heard here · network proven')
  expect(proof({ ...w, mic: 'not_asked', proven: false, code: 'mic_prompt' })).toBe('microphone not asked · network proven · mic_prompt')
})

test('devices that are used are named, also those that are gone', () => {
  expect(devices(w)).toBe('Headset (microphone), Dock (loudspeaker and rings, not plugged in)')
})

test('a call says how it goes and how it is heard on both sides', () => {
  expect(pageCall(call)).toBe('Call from Anna +49301 · talking')
  expect(pageCall({ ...call, out: true, name: undefined, state: 'ended', why: 'far', warn: 'network' })).toBe('Call to +49301 · ended (far) · trouble: network')
  expect(figures(call)).toEqual([
    'Page: PCMU, host/udp, round trip 21 ms, jitter 2 ms, lost 0.4 %, lost there 0 %',
    'Gateway: from the page 990 packets, lost 1.0 %, jitter 3 ms, MOS 4.2; from the other side 1000 packets, lost 0 %, jitter 0 ms',
  ])
  expect(figures({ ...call, page: undefined, gateway: undefined })).toEqual([])
})
