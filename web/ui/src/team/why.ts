// Where a call went and why, in words.
import type { Schemas } from '../api/http'
import { clock } from '../live/clock'
import { device } from '../status/words'

export type CallSummary = Schemas['CallSummary']
export type CallDecision = Schemas['CallDecision']
type CallTry = Schemas['CallTry']

/** What became of a call, by its final SIP status. */
export function outcome(status: number | undefined): string {
  if (!status) return 'only asked for'
  if (status < 300) return 'answered'
  if (status < 400) return 'sent elsewhere'
  const words: Record<number, string> = {
    401: 'had to prove who it is',
    403: 'not allowed',
    404: 'unknown number',
    408: 'nobody answered',
    480: 'nobody could take it',
    486: 'busy',
    487: 'the caller gave up',
    503: 'could not be reached',
    600: 'busy everywhere',
    603: 'declined',
  }
  return words[status] ?? `ended with ${status}`
}

/** The number or name in a SIP address; anything else as it is. */
export function party(uri: string | undefined): string {
  if (!uri) return 'an unknown caller'
  const user = /^(?:sips?|tel):([^@;?]+)/i.exec(uri)?.[1] ?? uri
  try {
    return decodeURIComponent(user)
  } catch {
    return user
  }
}

/** One line of the list of calls. */
export const inShort = (c: CallSummary): string => (c.number ? `To ${c.number}` : `From ${party(c.caller)}`) + `: ${outcome(c.status)}`

/** Whom a decision is about. */
export function about(d: CallDecision): string {
  const { number, name } = d.decision.agent
  const who = [number, name].filter(Boolean).join(' ')
  return d.about === 'group' ? `Group ${who}` : who
}

/** A device or member, as a person names it. */
export function place(t: { id?: string; target?: string; kind?: string; name?: string }): string {
  const id = t.id ?? t.target ?? ''
  if (t.kind === 'member') return [`agent ${id}`, t.name].filter(Boolean).join(', ')
  const kind = t.kind ? device(t.kind) : ''
  return [kind, t.name && t.name !== kind ? t.name : ''].filter(Boolean).join(', ') || id
}

/** What a device did, with the number that it answered. */
export function did(t: CallTry): string {
  const by = t.status ? ` (${t.status})` : ''
  if (t.what === 'failed') {
    const words: Record<number, string> = { 408: 'did not answer', 430: 'its connection was gone', 480: 'did not take it', 486: 'was busy', 503: 'could not be reached', 603: 'declined' }
    return ((t.status && words[t.status]) || 'did not take it') + by
  }
  return t.what + by
}

/** When, since the call came in. */
export const at = (t: CallTry): string => (t.after_seconds < 60 ? `${Math.max(0, t.after_seconds).toFixed(1)} s` : clock(t.after_seconds))
