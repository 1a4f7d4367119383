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
