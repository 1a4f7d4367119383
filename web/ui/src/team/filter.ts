// Who is listed, and how many show each status.
import type { Agent, View } from '../api/http'

export interface Filter {
  team: string | null
  text: string
}

/** The agents that the filter admits, in the given order. */
export function admitted(agents: ReadonlyMap<string, Agent>, order: readonly string[], f: Filter): Agent[] {
  const q = f.text.trim().toLowerCase()
  const out: Agent[] = []
  for (const id of order) {
    const a = agents.get(id)
    if (!a || (f.team && !a.teams.includes(f.team))) continue
    if (q && !a.name.toLowerCase().includes(q) && !a.number.toLowerCase().includes(q)) continue
    out.push(a)
  }
  return out
}

/** Every team somebody is in. */
export function teamsOf(agents: ReadonlyMap<string, Agent>): string[] {
  const all = new Set<string>()
  for (const a of agents.values()) for (const t of a.teams) all.add(t)
  return [...all].sort()
}

const places: readonly string[] = ['available', 'on_a_call', 'wrap_up', 'custom', 'do_not_disturb', 'outbound_calls_only', 'offline']

/** How many show each status, in an order that numbers do not change, so that a
 * button stays where it is. What is chosen stays in the list when nobody shows
 * it any more. */
export function counts(agents: readonly Agent[], chosen?: View): [View, number][] {
  const by = new Map<string, [View, number]>()
  if (chosen) by.set(chosen.text, [chosen, 0])
  for (const a of agents) {
    const v = a.status.team
    const c = by.get(v.text)
    if (c) c[1]++
    else by.set(v.text, [v, 1])
  }
  return [...by.values()].sort((a, b) => places.indexOf(a[0].status) - places.indexOf(b[0].status) || a[0].text.localeCompare(b[0].text))
}
