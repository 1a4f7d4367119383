// What the agent clicked in a call while the server could not be told. Nothing is lost in
// silence: hanging up, picking up, rejecting and muting are told as soon as the page is
// connected again; holding and keys wait a few seconds only, for after that they would
// surprise, and then it is said that they did not happen.

import type { CallTruth, Outgoing } from './protocol'

export interface ErrandsOptions {
  /** Sends a message; false where there is no connection. */
  send: (message: Outgoing) => boolean
  /** What waits has changed, or was given up with a sentence. */
  onChange: (call: string, refused?: string) => void
  now?: () => number
}

/** How long holding and keys wait, in ms. */
export const waits = 5000
/** As many keys as the server takes at once. */
const most = 32

type Last = 'accept' | 'reject' | 'hangup'

interface Waiting {
  last?: Last
  mute?: boolean
  hold?: { on: boolean; at: number; sent: boolean }
  keys?: { keys: string; at: number }
  timer?: ReturnType<typeof setTimeout>
}

export class Errands {
  private readonly calls = new Map<string, Waiting>()

  constructor(private readonly options: ErrandsOptions) {}

  /** Picks up, rejects or hangs up. */
  last(call: string, t: Last): void {
    if (!this.options.send({ t, call }) || t !== 'accept') this.of(call).last = t
  }

  mute(call: string, on: boolean): void {
    this.of(call).mute = on
    this.options.send({ t: 'mute', call, on })
    this.options.onChange(call)
  }

  hold(call: string, on: boolean): void {
    const w = this.of(call)
    w.hold = { on, at: this.now(), sent: this.options.send({ t: 'hold', call, on }) }
    this.expire(call, w)
    this.options.onChange(call)
  }

  press(call: string, keys: string): void {
    const w = this.of(call)
    if (w.keys === undefined && this.options.send({ t: 'dtmf', call, keys })) return
    const all = (w.keys?.keys ?? '') + keys
    if (all.length > most) {
      this.options.onChange(call, notSent(keys))
      return
    }
    w.keys = { keys: all, at: w.keys?.at ?? this.now() }
    this.expire(call, w)
    this.options.onChange(call)
  }

  /** The server says how a call is: what is so need not be told again. The result is
   * what to show of it meanwhile. */
  told(truth: CallTruth): CallTruth {
    const w = this.calls.get(truth.call)
    if (w === undefined) return truth
    if (truth.state === 'ended') {
      this.forget(truth.call)
      return truth
    }
    if (w.mute === (truth.muted ?? false)) delete w.mute
    if (w.hold?.on === (truth.held ?? false)) {
      delete w.hold
      this.expire(truth.call, w)
    }
    return w.mute === undefined ? truth : { ...truth, muted: w.mute }
  }

  /** The page is connected, and the server knows these calls: they are told what waits.
   * The result are those that the agent is done with. */
  flush(known: ReadonlySet<string>): Set<string> {
    const done = new Set<string>()
    for (const [call, w] of this.calls) {
      if (!known.has(call)) {
        this.forget(call)
        continue
      }
      const sent = w.last !== undefined && this.options.send({ t: w.last, call })
      if (w.last === 'reject' || w.last === 'hangup') {
        done.add(call)
        continue
      }
      if (sent) delete w.last
      if (w.mute !== undefined) this.options.send({ t: 'mute', call, on: w.mute })
      this.late(call, w)
      if (w.hold !== undefined) w.hold.sent = this.options.send({ t: 'hold', call, on: w.hold.on })
      if (w.keys !== undefined && this.options.send({ t: 'dtmf', call, keys: w.keys.keys })) {
        delete w.keys
        this.expire(call, w)
      }
      this.options.onChange(call)
    }
    return done
  }

  /** What waits to be sent in a call, in words; undefined: nothing. */
  words(call: string): string | undefined {
    const w = this.calls.get(call)
    const parts: string[] = []
    if (w?.hold?.sent === false) parts.push(w.hold.on ? 'holding' : 'going on with the call')
    if (w?.keys !== undefined) parts.push(`the keys ${w.keys.keys}`)
    return parts.length === 0 ? undefined : `Waiting for the connection: ${parts.join(', ')}.`
  }

  forget(call: string): void {
    clearTimeout(this.calls.get(call)?.timer)
    this.calls.delete(call)
  }

  stop(): void {
    for (const call of [...this.calls.keys()]) this.forget(call)
  }

  private of(call: string): Waiting {
    let w = this.calls.get(call)
    if (w === undefined) this.calls.set(call, (w = {}))
    return w
  }

  private now(): number {
    return (this.options.now ?? Date.now)()
  }

  private expire(call: string, w: Waiting): void {
    clearTimeout(w.timer)
    const first = Math.min(w.hold?.at ?? Infinity, w.keys?.at ?? Infinity)
    if (first === Infinity) return
    w.timer = setTimeout(() => {
      this.late(call, w)
      this.expire(call, w)
    }, Math.max(0, first + waits - this.now()))
  }

  /** Gives up what has waited for too long. */
  private late(call: string, w: Waiting): void {
    const old = (at: number) => this.now() - at >= waits
    if (w.hold !== undefined && old(w.hold.at)) {
      const { on } = w.hold
      delete w.hold
      this.options.onChange(call, `The call was not ${on ? 'held' : 'taken up again'}: the server did not answer. Press it again when the connection is back.`)
    }
    if (w.keys !== undefined && old(w.keys.at)) {
      const { keys } = w.keys
      delete w.keys
      this.options.onChange(call, notSent(keys))
    }
  }
}

function notSent(keys: string): string {
  return `The keys ${keys} were not sent: there is no connection to the server. Press them again when it is back.`
}
