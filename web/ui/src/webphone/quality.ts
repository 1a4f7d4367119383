// How good a call is heard: what the browser's statistics come to, and what to say of it.

import type { Figures } from './protocol'

export type Grade = 'good' | 'fair' | 'poor'

/** Counters of a moment; two of them make figures. */
export interface Counters {
  received: number
  lost: number
  samples: number
  concealed: number
  /** Sum of squared loudness, and the seconds it was summed over, there and here. */
  energy: number
  seconds: number
}

// Reports as far as they are read; browsers differ in which they have.
export type Report = { id: string; type: string } & Record<string, unknown>

const number = (v: unknown): number | undefined => (typeof v === 'number' && Number.isFinite(v) ? v : undefined)
const count = (v: unknown): number => Math.max(0, number(v) ?? 0)
const bounded = (v: number | undefined, most: number): number | undefined =>
  v === undefined ? undefined : Math.round(Math.min(most, Math.max(0, v)) * 10000) / 10000

/** What a browser's statistics say, of the time since the counters before. */
export function measure(reports: Iterable<Report>, before?: Counters): { figures: Figures; counters: Counters } {
  const by = new Map<string, Report>()
  for (const r of reports) by.set(r.id, r)
  const all = [...by.values()]
  const of = (type: string) => all.find((r) => r.type === type && (r.kind === undefined || r.kind === 'audio'))
  const inbound = of('inbound-rtp')
  const there = of('remote-inbound-rtp')
  const source = of('media-source')
  const transport = of('transport')
  const pair =
    by.get(String(transport?.selectedCandidatePairId)) ??
    all.find((r) => r.type === 'candidate-pair' && r.state === 'succeeded' && (r.nominated === true || r.selected === true))
  const counters: Counters = {
    received: count(inbound?.packetsReceived),
    lost: count(inbound?.packetsLost),
    samples: count(inbound?.totalSamplesReceived),
    concealed: count(inbound?.concealedSamples),
    energy: count(inbound?.totalAudioEnergy),
    seconds: count(inbound?.totalSamplesDuration),
  }
  const since = (k: keyof Counters) => Math.max(0, counters[k] - (before?.[k] ?? 0))
  const share = (part: number, whole: number) => (whole > 0 ? part / whole : undefined)
  const ms = (v: unknown) => {
    const seconds = number(v)
    return seconds === undefined ? undefined : bounded(seconds * 1000, 60_000)
  }
  const figures: Figures = {
    codec: codecOf(by.get(String(inbound?.codecId))),
    path: pathOf(pair, by),
    rtt: ms(there?.roundTripTime) ?? ms(pair?.currentRoundTripTime),
    jitter: ms(inbound?.jitter),
    lost: bounded(share(since('lost'), since('lost') + since('received')), 1),
    lost_there: bounded(number(there?.fractionLost), 1),
    concealed: bounded(share(since('concealed'), since('samples')), 1),
    level: bounded(number(source?.audioLevel), 1),
    heard: bounded(number(inbound?.audioLevel) ?? loudness(since('energy'), since('seconds')), 1),
  }
  for (const k of Object.keys(figures) as (keyof Figures)[]) if (figures[k] === undefined) delete figures[k]
  return { figures, counters }
}

function loudness(energy: number, seconds: number): number | undefined {
  return seconds > 0 ? Math.sqrt(energy / seconds) : undefined
}

const word = (v: unknown): string | undefined => (typeof v === 'string' && /^[\w./-]{1,60}$/.test(v) ? v.replaceAll('_', '-') : undefined)

function codecOf(codec: Report | undefined): string | undefined {
  return word(typeof codec?.mimeType === 'string' ? codec.mimeType.replace(/^audio\//i, '') : undefined)
}

function pathOf(pair: Report | undefined, by: Map<string, Report>): string | undefined {
  const local = by.get(String(pair?.localCandidateId))
  const kind = word(local?.candidateType)
  const protocol = word(local?.relayProtocol ?? local?.protocol)
  return kind === undefined ? undefined : protocol === undefined ? kind : `${kind}/${protocol}`
}

// Limits of good and of fair. Talking at the same time begins at a quarter of a second
// of delay; a loss of one percent is heard as a click, of five it costs words.
const limits: [keyof Figures, good: number, fair: number][] = [
  ['rtt', 200, 400],
  ['jitter', 30, 60],
  ['lost', 0.01, 0.05],
  ['lost_there', 0.01, 0.05],
  ['concealed', 0.03, 0.1],
]

/** How the call is heard; undefined: too little is known. */
export function grade(f: Figures): Grade | undefined {
  let worst: Grade | undefined
  for (const [k, good, fair] of limits) {
    const v = number(f[k])
    if (v === undefined) continue
    const is: Grade = v <= good ? 'good' : v <= fair ? 'fair' : 'poor'
    if (worst === undefined || is === 'poor' || (is === 'fair' && worst === 'good')) worst = is
  }
  return worst
}

/** How a call is heard now: unknown where the figures are those of before. */
export function soundOf(call: { figures?: Figures; old?: boolean }): Grade | 'unknown' | undefined {
  const is = call.figures && grade(call.figures)
  return is !== undefined && call.old === true ? 'unknown' : is
}

const bad: Partial<Record<keyof Figures, string>> = {
  rtt: 'What is said arrives late.',
  jitter: 'The sound arrives unevenly.',
  lost: 'Parts of what the other side says are lost on the way to you.',
  lost_there: 'Parts of what you say are lost on the way.',
  concealed: 'Parts of what the other side says are missing.',
}

/** What is wrong, and what helps; none where all is good. */
export function complaint(f: Figures): string | undefined {
  const over = (limit: 1 | 2) => limits.find((l) => (number(f[l[0]]) ?? 0) > l[limit])
  const worst = over(2) ?? over(1)
  if (worst === undefined) return undefined
  return `${bad[worst[0]]} A cable instead of WLAN helps, or fewer downloads at the same time.`
}

/** The figures as rows of a table. */
export function rows(f: Figures): [name: string, value: string][] {
  const percent = (v: number) => `${(v * 100).toFixed(v > 0 && v < 0.1 ? 1 : 0)} %`
  const time = (v: number) => `${v < 10 ? v.toFixed(1) : Math.round(v)} ms`
  const row = (name: string, v: number | undefined, show: (v: number) => string): [string, string][] => (v === undefined ? [] : [[name, show(v)]])
  return [
    ...row('Round trip', f.rtt, time),
    ...row('Jitter', f.jitter, time),
    ...row('Lost to you', f.lost, percent),
    ...row('Lost from you', f.lost_there, percent),
    ...row('Made up for', f.concealed, percent),
    ...(f.codec === undefined ? [] : ([['Codec', f.codec]] as [string, string][])),
    ...(f.path === undefined ? [] : ([['Way', f.path]] as [string, string][])),
  ]
}
