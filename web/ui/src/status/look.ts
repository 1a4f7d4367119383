// How a status looks: never by colour alone, always with its icon and words.
import type { Schemas, StatusChoice, View } from '../api/http'

export interface Look {
  colour: string
  icon: string
}

const builtin: Record<Exclude<Schemas['Status'], 'custom'>, Look> = {
  available: { colour: 'teal', icon: 'available' },
  do_not_disturb: { colour: 'red', icon: 'forbid' },
  on_a_call: { colour: 'indigo', icon: 'phone' },
  wrap_up: { colour: 'orange', icon: 'pen' },
  outbound_calls_only: { colour: 'grape', icon: 'out' },
  offline: { colour: 'gray', icon: 'offline' },
}

const colours: Record<string, string> = { amber: 'yellow', violet: 'violet', blue: 'blue', green: 'green', red: 'red', teal: 'teal', grey: 'gray', gray: 'gray' }
const icons: ReadonlySet<string> = new Set(['coffee', 'utensils', 'users', 'book', 'phone', 'pen', 'out'])

export function look(view: Pick<View, 'status' | 'custom'>, choices: readonly StatusChoice[] = []): Look {
  if (view.status !== 'custom') return builtin[view.status]
  const c = choices.find((x) => x.status === 'custom' && x.custom === view.custom)
  return { colour: colours[c?.colour ?? ''] ?? 'yellow', icon: icons.has(c?.icon ?? '') ? c!.icon! : 'half' }
}

/** Why a status changed, in words. */
export function because(cause: string): string {
  const words: Record<string, string> = {
    agent: 'set by the agent',
    supervisor: 'set by a supervisor',
    api: 'set by a program',
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
    'fact-expired': 'what was known ran out',
    restart: 'the server restarted',
  }
  return words[cause] ?? cause
}
