// What rings: the tone of a call that comes, and the one that says it rings there.
// Browsers let a page sound only after the agent has clicked somewhere in it.

import type { Use } from './devices'
import { Outlet } from './sound'

/** What is to be heard. */
export type Tone = 'none' | 'ring' | 'ringback'

const every = 4000

export class Ringer {
  private context: AudioContext | undefined
  private tone: Tone = 'none'
  private timer = 0
  private off = new AbortController()
  private outlets: Record<'ring' | 'ringback', Outlet> | undefined

  /** device is what is to be used; undefined: the system's own. */
  constructor(private readonly device: (use: Use) => string | undefined = () => undefined) {}

  start(): void {
    this.off = new AbortController()
    let woken = false
    const wake = () => {
      void this.audible()?.resume().catch(() => undefined)
      if (!woken) this.use()
      woken = true
    }
    for (const event of ['pointerdown', 'keydown']) document.addEventListener(event, wake, { signal: this.off.signal })
  }

  stop(): void {
    this.off.abort()
    this.play('none')
    for (const outlet of Object.values(this.outlets ?? {})) outlet.close()
    this.outlets = undefined
    void this.context?.close().catch(() => undefined)
    this.context = undefined
  }

  /** Uses the devices that are chosen now. */
  use(): void {
    if (this.audible() === undefined) return
    void this.outlets?.ring.use(this.device('ringer'))
    void this.outlets?.ringback.use(this.device('speaker'))
  }

  /** Rings once, for the agent to hear where; from a click. */
  async sample(): Promise<void> {
    await this.audible()?.resume().catch(() => undefined)
    await this.outlets?.ring.use(this.device('ringer'))
    this.beeps('ring')
  }

  play(tone: Tone): void {
    if (tone === this.tone) return
    this.tone = tone
    window.clearInterval(this.timer)
    if (tone === 'none') return
    this.once()
    this.timer = window.setInterval(() => this.once(), every)
  }

  private audible(): AudioContext | undefined {
    if (typeof AudioContext === 'undefined') return undefined
    this.context ??= new AudioContext()
    this.outlets ??= { ring: new Outlet(this.context), ringback: new Outlet(this.context) }
    return this.context
  }

  private once(): void {
    if (this.tone !== 'none') this.beeps(this.tone)
  }

  private beeps(tone: 'ring' | 'ringback'): void {
    const context = this.audible()
    const to = this.outlets?.[tone].node
    if (context?.state !== 'running' || to === undefined) return
    if (tone === 'ringback') {
      beep(context, to, [425], context.currentTime, 1, 0.08)
      return
    }
    for (const at of [0, 0.5]) beep(context, to, [480, 620], context.currentTime + at, 0.4, 0.15)
  }
}

function beep(context: AudioContext, to: AudioNode, frequencies: number[], at: number, seconds: number, loud: number): void {
  const gain = context.createGain()
  gain.connect(to)
  gain.gain.setValueAtTime(0, at)
  gain.gain.linearRampToValueAtTime(loud, at + 0.02)
  gain.gain.setValueAtTime(loud, at + seconds - 0.02)
  gain.gain.linearRampToValueAtTime(0, at + seconds)
  for (const frequency of frequencies) {
    const tone = context.createOscillator()
    tone.frequency.value = frequency
    tone.connect(gain)
    tone.start(at)
    tone.stop(at + seconds)
  }
}
