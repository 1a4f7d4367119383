// What the phone of the bar shows.
import type { WebphoneState } from '../webphone'

export const keypad = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '0', '#']

/** Whether a call can be made from this tab now. */
export function mayDial(s: WebphoneState): boolean {
  return s.connection === 'connected' && s.server?.target === true
}

/** A duration in ms, as a clock shows it: 0:07, 12:34, 1:02:03. */
export function clock(ms: number): string {
  const all = Math.max(0, Math.floor(ms / 1000))
  const two = (n: number) => String(n).padStart(2, '0')
  const [h, m, s] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60]
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}
