// What the agent clicked in a call while the server could not be told, or may not have
// heard it: a socket that is open may be dead. Nothing is lost in silence. How something
// shall be (muted, held, over) is told again until the server says that it is so; what is
// done once has numbers (once.ts). Holding, keys and transfers wait a few seconds only, for
// after that they would surprise, and then it is said that they did not happen.

import { notDone, Once, waits } from './once'
import type { Deed } from './once'
import type { CallTruth, Outgoing } from './protocol'

export interface ErrandsOptions {
  /** Sends a message; false where there is no connection. */
  send: (message: Outgoing) => boolean
  /** What waits has changed; or something was given up, with a sentence. */
  onChange: (call: string, refused?: string) => void
  now?: () => number
}

type Last = 'accept' | 'reject' | 'hangup'

interface Waiting {
  last?: Last
  mute?: boolean
  hold?: { on: boolean; at: number; sent: boolean }
  once: Once
  timer?: ReturnType<typeof setTimeout>
}

export class Errands {
  private readonly calls = new Map<string, Waiting>()
  private numbered = false // the server says what it has taken

  constructor(private readonly options: ErrandsOptions) {}

  /** Picks up, rejects or hangs up. */
  last(call: string, t: Last): void {
    this.of(call).last = t
    this.options.send({ t, call })
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
    this.once(call, { t: 'dtmf', keys })
  }

  transfer(call: string, to: { to: string } | { with: string }): void {
    this.once(call, { t: 'transfer', ...to })
  }

  /** The server says how a call is: what is so need not be told again. The result is
   * what to show of it meanwhile. */
  told(truth: CallTruth): CallTruth {
    const { call, taken = 0 } = truth
    if (truth.state === 'ended') {
      this.forget(call)
      return truth
    }
    const w = taken > 0 ? this.of(call) : this.calls.get(call)
    if (w === undefined) return truth
    if (w.last === 'accept' && truth.state === 'talking') delete w.last
    if (w.mute === (truth.muted ?? false)) delete w.mute
    if (w.hold?.on === (truth.held ?? false)) delete w.hold
    const lost = w.once.taken(taken)
    if (lost !== undefined) this.options.onChange(call, notDone(lost))
    this.late(call, w)
    w.once.go(this.numbered)
    this.expire(call, w)
    return w.mute === undefined ? truth : { ...truth, muted: w.mute }
  }

  /** The page is connected, and the server knows these calls: they are told what waits.
   * numbered: it says what it has taken of what is done once. The result are the calls
   * that the agent is done with. */
  flush(known: ReadonlySet<string>, numbered = false): Set<string> {
    const done = new Set<string>()
    this.numbered = numbered
    for (const [call, w] of this.calls) {
      if (!known.has(call)) {
        this.forget(call)
        continue
      }
      if (w.last !== undefined) this.options.send({ t: w.last, call })
      if (w.last === 'reject' || w.last === 'hangup') {
        done.add(call)
        continue
      }
      if (w.mute !== undefined) this.options.send({ t: 'mute', call, on: w.mute })
      this.late(call, w)
      if (w.hold !== undefined) w.hold.sent = this.options.send({ t: 'hold', call, on: w.hold.on })
      w.once.again(this.now(), numbered)
      w.once.go(numbered)
      this.expire(call, w)
      this.options.onChange(call)
    }
    return done
  }

  /** What waits to be sent in a call, in words; undefined: nothing. */
  words(call: string): string | undefined {
    const w = this.calls.get(call)
    const parts = w?.once.words() ?? []
    if (w?.hold?.sent === false) parts.unshift(w.hold.on ? 'holding' : 'going on with the call')
    return parts.length === 0 ? undefined : `Waiting for the connection: ${parts.join(', ')}.`
  }

  forget(call: string): void {
    clearTimeout(this.calls.get(call)?.timer)
    this.calls.delete(call)
  }

  stop(): void {
    for (const call of [...this.calls.keys()]) this.forget(call)
  }

  private once(call: string, deed: Deed): void {
    const w = this.of(call)
    const refused = w.once.add(deed, this.now(), this.numbered) ? undefined : notDone(deed)
    this.expire(call, w)
    this.options.onChange(call, refused)
  }

  private of(call: string): Waiting {
    let w = this.calls.get(call)
    if (w === undefined) this.calls.set(call, (w = { once: new Once(call, this.options.send) }))
    return w
  }

  private now(): number {
    return (this.options.now ?? Date.now)()
  }

  private expire(call: string, w: Waiting): void {
    clearTimeout(w.timer)
    const now = this.now()
    const first = Math.min((w.hold?.at ?? Infinity) + waits, w.once.due(now))
    if (first === Infinity) return
    w.timer = setTimeout(() => {
      this.late(call, w)
      this.options.onChange(call)
      this.expire(call, w)
    }, Math.max(0, first - now))
  }

  /** Gives up what has waited for too long. */
  private late(call: string, w: Waiting): void {
    const now = this.now()
    if (w.hold !== undefined && now - w.hold.at >= waits) {
      const { on } = w.hold
      delete w.hold
      this.options.onChange(call, `The call was not ${on ? 'held' : 'taken up again'}: the server did not answer. Press it again when the connection is back.`)
    }
    for (const deed of w.once.late(now)) this.options.onChange(call, notDone(deed))
  }
}
