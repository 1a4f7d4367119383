// What the phone of the bar shows.
import { callWarning, callWords, type PhoneCall, type WebphoneState } from '../webphone'

export const keypad = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#']

/** Whether a call can be made from this tab now. */
export function mayDial(s: WebphoneState): boolean {
  return s.connection === 'connected' && s.server?.target === true
}

/** It comes, and was not picked up here yet. */
export const rings = (c: PhoneCall): boolean => c.state === 'ringing' && !c.out && !c.picked

/** The other side by name and number. */
export const who = (c: PhoneCall): string => (c.name ? `${c.name} · ${c.from}` : c.from)

/** What became of a click that the server was not told of. */
export const clickWords = (c: PhoneCall): string | undefined => (c.state === 'ended' ? undefined : (c.waiting ?? c.note))

/** What a screen reader says of a call when it changes; one that rings is an alert of its own. */
export function callNews(c: PhoneCall): string {
  if (rings(c)) return ''
  return [`${who(c)}: ${callWords(c)}.`, callWarning(c), clickWords(c)].filter(Boolean).join(' ')
}

/** A duration in ms, as a clock shows it: 0:07, 12:34, 1:02:03. */
export function clock(ms: number): string {
  const all = Math.max(0, Math.floor(ms / 1000))
  const two = (n: number) => String(n).padStart(2, '0')
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60]
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}
