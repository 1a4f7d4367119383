// What the status menu and the forwarding switches offer, apart from how they look.
import type { Agent, Choice, ForwardingOptions, StatusChoice } from '../api/http'
import { look, type Look } from '../status/look'

export interface Offered {
  key: string
  text: string
  look: Look
  /** This is what the agent selected last. */
  selected: boolean
  choice: Choice
}

/** The statuses that may be selected, in the order of the domain. */
export function offered(agent: Pick<Agent, 'selected'>, choices: readonly StatusChoice[]): Offered[] {
  const now = agent.selected
  return choices
    .filter((c) => c.selectable)
    .map((c) => ({
      key: c.status + '/' + (c.custom ?? ''),
      text: c.text,
      look: look({ status: c.status, custom: c.custom }, choices),
      selected: now?.status === c.status && (now.custom ?? '') === (c.custom ?? ''),
      choice: { status: c.status as Choice['status'], ...(c.custom ? { custom: c.custom } : {}) },
    }))
}

/** What is selected, in words; a status the domain no longer has keeps its name. */
export function selectedText(agent: Pick<Agent, 'selected'>, choices: readonly StatusChoice[]): string | undefined {
  const now = agent.selected
  if (!now) return undefined
  const plain: Record<string, string> = { available: 'Available', do_not_disturb: 'Do Not Disturb' }
  return offered(agent, choices).find((o) => o.selected)?.text ?? now.custom ?? plain[now.status] ?? now.status
}

/** What calls may ring, in words. */
export function rings(options: ForwardingOptions): string {
  const on = [
    options.webphone && 'webphone',
    options.sip_phone && 'phone',
    options.mobile && 'mobile',
    ...(options.numbers ?? []).filter((n) => n.enabled).map((n) => n.number),
  ].filter(Boolean)
  return on.length > 0 ? on.join(', ') : 'nothing'
}

/** The options with one number switched. */
export function withNumber(options: ForwardingOptions, index: number, enabled: boolean): ForwardingOptions {
  return { ...options, numbers: (options.numbers ?? []).map((n, i) => (i === index ? { ...n, enabled } : n)) }
}
