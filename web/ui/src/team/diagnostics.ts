// The SIP side of an agent in words: what is registered, and who watches.
import type { Schemas } from '../api/http'
import { clock, since } from '../live/clock'

export type Registration = Schemas['Registration']
export type Watcher = Schemas['Watcher']

/** Whether the device is there, and what says so. */
export function presentNow(r: Registration): string {
  const trip = r.round_trip_ms ? `, answers in ${r.round_trip_ms < 1 ? '<1' : Math.round(r.round_trip_ms)} ms` : ''
  if (r.asleep) return `asleep, woken by push (${r.push})`
  if (!r.alive) return 'does not answer'
  if (r.restored) return 'not heard since the server restarted'
  return `there${trip}`
}

/** From where, by what. */
export const from = (v: { transport?: string; source?: string; remote?: string }): string => [v.transport, v.source ?? v.remote].filter(Boolean).join(' ')

/** How long until an end the server told; past ends say so. */
export function left(iso: string | undefined, now: number, skew: number): string {
  if (!iso) return ''
  const seconds = -since(iso, now, skew)
  return seconds > 0 ? `ends in ${clock(seconds)}` : 'has ended'
}

/** How long ago something was heard. */
export const heard = (iso: string | undefined, now: number, skew: number): string => (iso ? `heard ${clock(since(iso, now, skew))} ago` : '')

/** Who watches, as a person names it. */
export function watcher(w: Watcher): string {
  if (w.peer) return `server ${w.peer}`
  const who = [w.agent, w.name].filter(Boolean).join(' ')
  return [who, w.device && w.device !== who ? w.device : ''].filter(Boolean).join(', ') || 'a device that is no more'
}

/** How it fares with what the watcher is told. */
export function told(w: Watcher): string {
  if (w.status === 'pending') return 'waits for leave'
  if (w.failures > 0) return w.failures === 1 ? 'did not answer the last time' : `did not answer ${w.failures} times`
  if (!w.connected) return 'connection gone, told when it is back'
  if (w.in_flight) return 'being told'
  return 'told'
}
