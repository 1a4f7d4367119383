// What rings: the tone of a call that comes, and the one that says it rings there.
// Browsers let a page sound only after the agent has clicked somewhere in it.

/** What is to be heard. */
export type Tone = 'none' | 'ring' | 'ringback'

const every = 4000

export class Ringer {
  private context: AudioContext | undefined
  private tone: Tone = 'none'
  private timer = 0
  private off = new AbortController()

  start(): void {
    this.off = new AbortController()
    const wake = () => void this.audible()?.resume().catch(() => undefined)
    for (const event of ['pointerdown', 'keydown']) document.addEventListener(event, wake, { signal: this.off.signal })
  }

  stop(): void {
    this.off.abort()
    this.play('none')
    void this.context?.close().catch(() => undefined)
    this.context = undefined
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
    return this.context
  }

  private once(): void {
    const context = this.audible()
    if (context?.state !== 'running') return
    if (this.tone === 'ringback') {
      beep(context, [425], context.currentTime, 1, 0.08)
      return
    }
    for (const at of [0, 0.5]) beep(context, [480, 620], context.currentTime + at, 0.4, 0.15)
  }
}

function beep(context: AudioContext, frequencies: number[], at: number, seconds: number, loud: number): void {
  const gain = context.createGain()
  gain.connect(context.destination)
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
