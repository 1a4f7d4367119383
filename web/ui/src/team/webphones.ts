// An agent's pages in words: where they are, and how their calls are heard.
import type { Schemas } from '../api/http'
import { clock, since } from '../live/clock'

export type WebphonePage = Schemas['Webphone']
export type PageCall = Schemas['WebphoneCall']

/** What the page is, and whether it rings. */
export function page(w: WebphonePage): string {
  const kind = w.client === 'desktop' ? 'Desktop app' : 'Page'
  return [kind, w.remote, w.lead ? 'rings' : 'does not ring'].filter(Boolean).join(' · ')
}

/** How it lives. */
export function life(w: WebphonePage, now: number, skew: number): string {
  const trip = w.round_trip_ms === undefined ? '' : `, answers in ${w.round_trip_ms < 1 ? '<1' : Math.round(w.round_trip_ms)} ms`
  const is = { alive: `there${trip}`, suspect: 'does not answer', closed: 'away' }[w.life] ?? w.life
  const seen = w.heard === undefined ? '' : `heard ${clock(since(w.heard, now, skew))} ago`
  return [is, w.visible === 'hidden' ? 'in the background' : '', seen].filter(Boolean).join(' · ')
}

/** Its microphone and network. */
export function proof(w: WebphonePage): string {
  const mic = `microphone ${w.mic.replaceAll('_', ' ')}${w.proven ? ', heard here' : ''}`
  return [mic, `network ${w.network}`, w.code].filter(Boolean).join(' · ')
}

/** What it is spoken and heard by. */
export function devices(w: WebphonePage): string {
  return w.devices
    .filter((d) => d.used || d.rings)
    .map((d) => {
      const use = d.kind === 'input' ? 'microphone' : [d.used ? 'loudspeaker' : '', d.rings ? 'rings' : ''].filter(Boolean).join(' and ')
      return `${d.label || 'unnamed'} (${use}${d.gone ? ', not plugged in' : ''})`
    })
    .join(', ')
}

/** A call of the page. */
export function pageCall(c: PageCall): string {
  const who = [c.out ? 'to' : 'from', c.name, c.number].filter(Boolean).join(' ')
  const how = c.state === 'ended' ? `ended${c.why ? ` (${c.why})` : ''}` : c.held ? 'on hold' : c.state
  return [`Call ${who}`, how, c.warn ? `trouble: ${c.warn}` : ''].filter(Boolean).join(' · ')
}

const percent = (v: number) => `${(v * 100).toFixed(v > 0 && v < 0.1 ? 1 : 0)} %`
const ms = (v: number) => `${Math.round(v)} ms`

/** How the page says the call is heard, and how the gateway does. */
export function figures(c: PageCall): string[] {
  const out: string[] = []
  const p = c.page
  if (p) {
    const parts = [
      p.codec,
      p.path,
      p.rtt_ms === undefined ? '' : `round trip ${ms(p.rtt_ms)}`,
      p.jitter_ms === undefined ? '' : `jitter ${ms(p.jitter_ms)}`,
      p.lost === undefined ? '' : `lost ${percent(p.lost)}`,
      p.lost_there === undefined ? '' : `lost there ${percent(p.lost_there)}`,
    ]
    out.push(`Page: ${parts.filter(Boolean).join(', ')}`)
  }
  const g = c.gateway
  if (g) out.push(`Gateway: ${side('from the page', g.page)}; ${side('from the other side', g.far)}`)
  return out
}

function side(name: string, s: Schemas['SideFigures']): string {
  const parts = [
    `${s.packets} packets`,
    `lost ${percent(s.lost / Math.max(1, s.packets + s.lost))}`,
    `jitter ${ms(s.jitter_ms)}`,
    s.mos === undefined ? '' : `MOS ${s.mos.toFixed(1)}`,
  ]
  return `${name} ${parts.filter(Boolean).join(', ')}`
}
