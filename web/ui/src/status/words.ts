// What is shown, said in words: why a status is what it is, what a call is, who
// did something.
import type { Agent, Schemas, View } from '../api/http'

/** Why a status changed, in words; a status that never changed says so. */
export function because(view: Pick<View, 'cause' | 'status'>): string {
  if (!view.cause) return view.status === 'offline' ? 'not logged in so far' : ''
  return cause(view.cause)
}

/** A cause in words; one this page does not know is named as it is. */
export function cause(name: string): string {
  const words: Record<string, string> = {
    agent: 'set by the agent',
    supervisor: 'set by a supervisor',
    api: 'set by a program',
    config: 'by configuration',
    'feature-code': 'set by feature code',
    'phone-sync': 'set on the phone',
    'call-start': 'a call began',
    'call-end': 'the call ended',
    'wrap-up-start': 'wrap-up began',
    'wrap-up-end': 'wrap-up was finished',
    'wrap-up-expired': 'wrap-up ran out',
    'no-answer': 'calls were not answered',
    'options-off': 'all forwarding options are off',
    'options-on': 'a forwarding option is on again',
    'webphone-gone': 'the webphone was closed',
    'webphone-silent': 'the webphone stopped answering',
    'webphone-back': 'the webphone is back',
    logout: 'logged out',
    login: 'logged in',
    'microphone-denied': 'the microphone was denied',
    'microphone-pending': 'the microphone is not allowed yet',
    'microphone-missing': 'there is no microphone',
    'microphone-lost': 'the microphone was lost',
    'custom-expired': 'the time of the status ran out',
    'fact-expired': 'the registration or call report ran out',
    restart: 'the server restarted',
  }
  return words[name] ?? name
}

/** The line under the agent's own status: why, what the team sees instead, and
 * why no call comes. */
export function explain(agent: Agent): string {
  const own = agent.status.own ?? agent.status.team
  const parts = [own.why || because(own)]
  const by = agent.selected
  const mine = by?.status === own.status && (by.custom ?? '') === (own.custom ?? '')
  if (mine && by?.reason) parts.push(`reason given: ${by.reason}`)
  if (agent.status.team.text !== own.text) parts.push(`the team sees ${agent.status.team.text}`)
  // An agent who is Offline for a reason needs to hear it once only.
  if (agent.reachable === false && agent.why && !(own.why && agent.why.includes(own.why))) {
    parts.push(`no call can reach you: ${agent.why}`)
  }
  return capital(parts.filter(Boolean).join(' · '))
}

/** A call in words. */
export function call(l: Schemas['Leg']): string {
  const who = l.remote_name || l.remote || 'an unknown caller'
  const kind = l.kind === 'regular' ? '' : ` (${l.kind} call)`
  switch (l.state) {
    case 'ringing':
      return `Ringing: ${who}${kind}`
    case 'dialling':
      return `Calling ${who}${kind}`
    case 'held':
      return `On hold: ${who}${kind}`
    default:
      return `Talking to ${who}${kind}`
  }
}

/** Who did it, as the log names them: agent:1006, token:demo-admin, system. */
export function actor(name: string): string {
  const [kind, who = ''] = name.split(':', 2)
  switch (kind) {
    case 'agent':
    case 'token':
      return who
    default:
      return name === 'system' || name === 'configuration' ? '' : name
  }
}

/** Devices by what people call them. */
export function device(kind: string): string {
  const words: Record<string, string> = { webphone: 'Webphone', desk: 'Desk phone', soft: 'Softphone', mobile: 'Mobile', number: 'Number' }
  return words[kind] ?? kind
}

export function capital(s: string): string {
  return s.slice(0, 1).toUpperCase() + s.slice(1)
}
