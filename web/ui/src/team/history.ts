// The change log as sentences: what it was, what it is, and who did it.
import type { Change, ForwardingOptions, StatusChoice } from '../api/http'
import { rings } from '../bar/choices'
import { actor, capital, cause } from '../status/words'

interface Label {
  status?: string
  custom?: string
}

interface ConfigEntity {
  name?: string
  number?: string
  role?: string
  teams?: string[]
  aors?: string[]
  login_hash?: string
}

/** What changed, as a person says it; the kinds this page does not know are named. */
export function sentence(c: Change, choices: readonly StatusChoice[]): string {
  switch (c.kind) {
    case 'status':
      return shownChange(c, choices)
    case 'selection':
      return arrow('Selected', selection(c.before, choices), selection(c.after, choices))
    case 'options':
      return arrow('Calls ring on', ringing(c.before), ringing(c.after))
    case 'wrap-up':
      return wrapUp(c)
    case 'config':
      return config(c.before as ConfigEntity | undefined, c.after as ConfigEntity | undefined)
  }
  return capital(c.kind)
}

/** Why, and by whom with which reason. */
export function reasons(c: Change): string {
  const by = actor(c.actor)
  const reason = (c.after as { reason?: string } | undefined)?.reason
  return [cause(c.cause) + (by ? ` (${by})` : ''), reason ? `“${reason}”` : ''].filter(Boolean).join(': ')
}

function arrow(what: string, before: string | undefined, after: string | undefined): string {
  if (before === undefined) return `${what}: ${after ?? 'nothing'}`
  return `${what}: ${before} → ${after ?? 'nothing'}`
}

function label(l: Label | undefined, choices: readonly StatusChoice[]): string | undefined {
  if (!l?.status) return undefined
  const known = choices.find((c) => c.status === l.status && (c.custom ?? '') === (l.custom ?? ''))
  return known?.text ?? l.custom ?? l.status
}

function shownChange(c: Change, choices: readonly StatusChoice[]): string {
  type Shown = { team?: Label; own?: Label } | undefined
  const [was, is] = [c.before as Shown, c.after as Shown]
  const team = [label(was?.team, choices), label(is?.team, choices)]
  const own = [label(was?.own, choices), label(is?.own, choices)]
  if (team[0] === own[0] && team[1] === own[1]) return arrow('Shown', team[0], team[1])
  if (team[0] === team[1]) return arrow('The agent sees', own[0], own[1]) + `, the team still ${team[1]}`
  if (own[0] === own[1]) return arrow('The team sees', team[0], team[1])
  return arrow('The team sees', team[0], team[1]) + arrow('; the agent', own[0], own[1])
}

// A selection is written "available" or "custom:Lunch".
function selection(v: unknown, choices: readonly StatusChoice[]): string | undefined {
  const word = (v as { status?: string } | undefined)?.status
  if (word === undefined) return undefined
  if (word === '') return label({ status: 'available' }, choices)
  return word.startsWith('custom:') ? word.slice('custom:'.length) : label({ status: word }, choices)
}

function ringing(v: unknown): string | undefined {
  const o = (v as { options?: ForwardingOptions } | undefined)?.options
  return o && rings(o)
}

function wrapUp(c: Change): string {
  const until = (c.after as { Until?: string } | undefined)?.Until
  if (!c.after) return 'Wrap-up ended'
  return until && !until.startsWith('0001') ? `Wrap-up began, until ${new Date(until).toLocaleTimeString()}` : 'Wrap-up began'
}

function config(was: ConfigEntity | undefined, is: ConfigEntity | undefined): string {
  if (!was) return 'Entered in the directory'
  if (!is) return 'Deleted'
  const said: string[] = []
  const list = (l?: string[]) => l?.join(', ') || 'none'
  const field = (what: string, a = '', b = '') => a !== b && said.push(arrow(what, a || 'none', b || 'none'))
  field('Name', was.name, is.name)
  field('Number', was.number, is.number)
  field('Role', was.role || 'agent', is.role || 'agent')
  field('Teams', list(was.teams), list(is.teams))
  field('Addresses', list(was.aors), list(is.aors))
  if (was.login_hash !== is.login_hash) said.push(is.login_hash ? 'Page password set' : 'Page password removed')
  return said.join('; ') || 'Entry in the directory changed'
}

/** The time of a change; its day only when that is another. */
export function when(iso: string, now: Date): string {
  const t = new Date(iso)
  const time = t.toLocaleTimeString(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit' })
  return t.toDateString() === now.toDateString() ? time : `${t.toLocaleDateString(undefined, { day: 'numeric', month: 'short' })}, ${time}`
}
