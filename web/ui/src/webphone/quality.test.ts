import { describe, expect, test } from 'vitest'
import { complaint, grade, measure, rows } from './quality'
import type { Report } from './quality'

/** What Chromium says of a call. */
const chromium = (received: number, lost: number): Report[] => [
  { id: 'T', type: 'transport', selectedCandidatePairId: 'P' },
  { id: 'P', type: 'candidate-pair', state: 'succeeded', nominated: true, currentRoundTripTime: 0.05, localCandidateId: 'L' },
  { id: 'L', type: 'local-candidate', candidateType: 'relay', relayProtocol: 'tls', protocol: 'udp' },
  { id: 'C', type: 'codec', mimeType: 'audio/PCMU' },
  { id: 'I', type: 'inbound-rtp', kind: 'audio', codecId: 'C', packetsReceived: received, packetsLost: lost, jitter: 0.004, audioLevel: 0.3, totalSamplesReceived: received * 160, concealedSamples: lost * 160 },
  { id: 'R', type: 'remote-inbound-rtp', kind: 'audio', roundTripTime: 0.02, fractionLost: 0.1 },
  { id: 'S', type: 'media-source', kind: 'audio', audioLevel: 0.12 },
]

describe('what is measured', () => {
  test('is of the time since the last look', () => {
    const first = measure(chromium(1000, 500))
    const { figures } = measure(chromium(1090, 510), first.counters)
    expect(figures).toEqual({ codec: 'PCMU', path: 'relay/tls', rtt: 20, jitter: 4, lost: 0.1, lost_there: 0.1, concealed: expect.closeTo(0.1111, 4), level: 0.12, heard: 0.3 })
  })

  test('leaves out what the browser does not say', () => {
    expect(measure([]).figures).toEqual({})
    const firefox: Report[] = [
      { id: 'P', type: 'candidate-pair', state: 'succeeded', selected: true, localCandidateId: 'L' },
      { id: 'L', type: 'local-candidate', candidateType: 'host', protocol: 'udp' },
      { id: 'I', type: 'inbound-rtp', kind: 'audio', packetsReceived: 10, packetsLost: 0, jitter: 0, totalAudioEnergy: 0.02, totalSamplesDuration: 2 },
    ]
    expect(measure(firefox).figures).toEqual({ path: 'host/udp', jitter: 0, lost: 0, heard: 0.1 })
  })

  test('is never what the server would not believe', () => {
    const odd: Report[] = [
      { id: 'I', type: 'inbound-rtp', kind: 'audio', packetsReceived: -5, packetsLost: -3, jitter: 1e9, audioLevel: 7 },
      { id: 'R', type: 'remote-inbound-rtp', kind: 'audio', roundTripTime: NaN, fractionLost: -1 },
      { id: 'S', type: 'media-source', kind: 'audio', audioLevel: Infinity },
      { id: 'C', type: 'codec', mimeType: 'audio/<b>' },
    ]
    expect(measure(odd).figures).toEqual({ jitter: 60_000, lost_there: 0, heard: 1 })
  })
})

describe('a call is heard', () => {
  test.each([
    [{}, undefined],
    [{ codec: 'PCMU' }, undefined],
    [{ rtt: 40, jitter: 3, lost: 0, lost_there: 0 }, 'good'],
    [{ rtt: 250, jitter: 3, lost: 0 }, 'fair'],
    [{ rtt: 40, lost: 0.03 }, 'fair'],
    [{ rtt: 40, lost_there: 0.2 }, 'poor'],
    [{ rtt: 250, jitter: 100 }, 'poor'],
    [{ rtt: NaN }, undefined],
  ])('%o is %s', (figures, want) => {
    expect(grade(figures)).toBe(want)
    expect(complaint(figures) === undefined).toBe(want === 'good' || want === undefined)
  })

  test('with the worst named first', () => {
    expect(complaint({ rtt: 250, lost_there: 0.2 })).toContain('what you say')
  })

  test('and details have their units', () => {
    expect(rows({ rtt: 20.4, jitter: 0.5, lost: 0, lost_there: 0.013, codec: 'opus', path: 'host/udp' })).toEqual([
      ['Round trip', '20 ms'], ['Jitter', '0.5 ms'], ['Lost to you', '0 %'], ['Lost from you', '1.3 %'], ['Codec', 'opus'], ['Way', 'host/udp'],
    ])
  })
})
