import type { Desk } from '../api/http'

/** What is said of a desk: its name and who is at it until when. */
export function deskLine(d: Desk): string {
  if (!d.agent) return `${d.name} · free`
  const until = d.until ? ` until ${new Date(d.until).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })}` : ''
  return `${d.name} · ${d.agent.name || d.agent.number}${until}`
}

/** The desk at which the agent is logged in; the agent's own phone is none. */
export function ownDesk(list: readonly Desk[], agent: string): Desk | undefined {
  return list.find((d) => d.agent?.id === agent && d.until !== undefined)
}
