// The calls of this page: what the server says of them, their audio, and what rings.

import { CallAudio } from './audio'
import { notify } from './notify'
import type { CallTruth, Incoming, Outgoing, Ring, Welcome } from './protocol'
import { Ringer } from './ringer'
import type { Tone } from './ringer'
import { callEnded } from './callwords'

/** A call as the page shows it. */
export interface PhoneCall extends Omit<CallTruth, 't' | 'call'> {
  id: string
  /** The agent picked up; the microphone may still be opening. */
  picked: boolean
  /** When it was answered here, by this machine's clock. */
  since?: number
  /** What the other side pressed. */
  keys?: string
  /** The browser lets nothing be heard until the agent clicks. */
  blocked?: boolean
}

export interface CallsOptions {
  /** Sends a message; false where there is no connection. */
  send: (message: Outgoing) => boolean
  onChange: () => void
  /** Opens the microphone; rejects with the browser's error. */
  microphone: () => Promise<MediaStream>
}

// How long a call that ended is shown, in ms; one that was missed until it is dismissed.
const shownFor = 6000

export class Calls {
  private readonly calls = new Map<string, PhoneCall>()
  private readonly audio = new Map<string, CallAudio>()
  private readonly before = new Set<string>() // calls of the page that was here before this one
  private readonly notes = new Map<string, () => void>()
  private readonly timers = new Set<number>()
  private readonly ringer = new Ringer()
  private ice: RTCIceServer[] = []

  constructor(private readonly options: CallsOptions) {}

  get list(): readonly PhoneCall[] {
    return [...this.calls.values()]
  }

  start(): void {
    this.ringer.start()
  }

  stop(): void {
    for (const id of [...this.audio.keys()]) this.silence(id)
    this.timers.forEach((timer) => window.clearTimeout(timer))
    this.timers.clear()
    this.before.clear()
    this.calls.clear()
    this.ringer.stop()
    this.options.onChange()
  }

  /** The calls are another page's now, with their audio. */
  leave(): void {
    for (const id of [...this.audio.keys()]) this.silence(id)
    this.calls.clear()
    this.ringer.play('none')
    this.options.onChange()
  }

  /** The page is connected: calls that the server knows no more are over, and those of
   * a page that was here before this one go on in this, once it is told how they are. */
  welcome(message: Welcome): void {
    this.relays(message.ice)
    const known = new Set(message.calls ?? [])
    for (const call of this.calls.values()) {
      if (call.state !== 'ended' && !known.has(call.id)) this.over({ ...call, state: 'ended', why: 'gone' })
    }
    this.before.clear()
    for (const id of known) {
      const audio = this.audio.get(id)
      if (audio === undefined) this.before.add(id)
      else if (!audio.connected) this.options.send({ t: 'restart', call: id })
    }
  }

  /** Other relays from now on, also for what goes on and asks for new ICE. */
  relays(ice: RTCIceServer[]): void {
    this.ice = ice
    for (const audio of this.audio.values()) audio.relays(ice)
  }

  /** The network changed. */
  restart(): void {
    for (const id of this.audio.keys()) this.options.send({ t: 'restart', call: id })
  }

  /** Takes a message; false: it is about no call. */
  receive(message: Incoming): boolean {
    switch (message.t) {
      case 'ring':
        this.ring(message)
        return true
      case 'call':
        this.told(message)
        return true
      case 'keys': {
        const call = this.calls.get(message.call)
        if (call !== undefined && call.state !== 'ended') this.show({ ...call, keys: message.keys })
        return true
      }
      case 'offer':
        if (message.fresh === true) this.renew(message.call)
        void this.audio.get(message.call)?.answer(message.sdp).catch((error: unknown) => this.failed(message.call, error))
        return true
      case 'answer':
        if (!this.audio.has(message.call)) return false
        void this.audio.get(message.call)?.answered(message.sdp).catch((error: unknown) => this.failed(message.call, error))
        return true
    }
    return false
  }

  /** Has the other side be heard, after a click. */
  listen(id: string): void {
    this.audio.get(id)?.play()
  }

  dial(to: string): void {
    const id = `p-${crypto.randomUUID()}`
    this.holdOthers(id)
    this.show({ id, state: 'dialling', out: true, from: to, picked: true })
    const audio = this.open(id)
    audio.speak(true)
    void audio.dial(to).catch((error: unknown) => this.failed(id, error))
  }

  answer(id: string): void {
    const call = this.calls.get(id)
    if (call?.state !== 'ringing' || call.out) return
    this.holdOthers(id)
    this.audio.get(id)?.speak(true)
    this.options.send({ t: 'accept', call: id })
    this.show({ ...call, picked: true })
  }

  reject(id: string): void {
    this.options.send({ t: 'reject', call: id })
  }

  hangup(id: string): void {
    const call = this.calls.get(id)
    if (call === undefined) return
    const sent = this.options.send({ t: 'hangup', call: id })
    // The server may not know it yet, or not be there: it is told when it is (welcome).
    if (!sent || call.state === 'dialling') this.over({ ...call, state: 'ended', why: 'hung-up' })
  }

  hold(id: string, on: boolean): void {
    this.options.send({ t: 'hold', call: id, on })
  }

  mute(id: string, on: boolean): void {
    this.audio.get(id)?.speak(!on)
    this.options.send({ t: 'mute', call: id, on })
  }

  press(id: string, keys: string): void {
    this.options.send({ t: 'dtmf', call: id, keys })
  }

  transfer(id: string, to: { to: string } | { with: string }): void {
    this.options.send({ t: 'transfer', call: id, ...to })
  }

  dismiss(id: string): void {
    if (this.calls.get(id)?.state !== 'ended') return
    this.calls.delete(id)
    this.options.onChange()
  }

  /** How loud the microphone is in a call, 0 to 1. */
  level(id: string): Promise<number> {
    return this.audio.get(id)?.level() ?? Promise.resolve(0)
  }

  // That it rings is said at once, from the message handler: the server waits for it.
  private ring(message: Ring): void {
    const { call: id, from, name } = message
    this.options.send({ t: 'ring-ack', call: id })
    this.show({ id, state: 'ringing', out: false, from, name, picked: false })
    this.notes.set(id, notify(name === undefined ? from : `${name} (${from})`, id))
    void this.open(id).answer(message.sdp).catch((error: unknown) => this.failed(id, error))
  }

  /** One conversation at a time: what goes on is held. */
  private holdOthers(id: string): void {
    for (const other of this.calls.values()) {
      if (other.id !== id && other.state === 'talking' && other.held !== true) this.hold(other.id, true)
    }
  }

  private open(id: string): CallAudio {
    const audio = new CallAudio({
      call: id,
      ice: this.ice,
      microphone: this.options.microphone,
      send: this.options.send,
      onLost: () => void this.options.send({ t: 'restart', call: id }),
      onBlocked: (blocked) => {
        const call = this.calls.get(id)
        if (call !== undefined && (call.blocked ?? false) !== blocked) this.show({ ...call, blocked })
      },
    })
    this.audio.set(id, audio)
    return audio
  }

  private told({ t: _, call: id, ...truth }: CallTruth): void {
    const before = this.calls.get(id) ?? this.goesOn(id, truth)
    if (before === undefined) return // over here already
    const { picked, keys, blocked } = before
    const call: PhoneCall = { id, picked, keys, blocked, ...truth }
    if (truth.state === 'talking') call.since = before.since ?? Date.now() - (truth.talked ?? 0)
    if (truth.state === 'ended') {
      this.over({ ...call, since: before.since, picked: before.picked })
      return
    }
    this.show(call)
  }

  /** A call of the page that was here before this one, if it can go on in this: its audio is
   * asked for. One that is not answered yet has nothing to go on with. */
  private goesOn(id: string, truth: Omit<CallTruth, 't' | 'call'>): PhoneCall | undefined {
    if (!this.before.delete(id) || truth.state === 'ended') return undefined
    const goesOn = truth.state === 'talking' || truth.state === 'early'
    this.options.send(goesOn ? { t: 'restart', call: id, fresh: true } : { t: 'hangup', call: id })
    return goesOn ? { ...truth, id, picked: true } : undefined
  }

  /** The audio of a call begins anew, by a connection of its own. */
  private renew(id: string): void {
    const call = this.calls.get(id)
    if (call === undefined || call.state === 'ended') return
    this.audio.get(id)?.close()
    this.open(id).speak(call.muted !== true)
  }

  private failed(id: string, error: unknown): void {
    const call = this.calls.get(id)
    if (call === undefined || call.state === 'ended') return
    this.options.send({ t: call.out || call.state === 'talking' ? 'hangup' : 'reject', call: id })
    const name = error instanceof Error ? error.name : ''
    this.over({ ...call, state: 'ended', why: 'media', sentence: microphoneFailed(name) })
  }

  private over(call: PhoneCall): void {
    this.silence(call.id)
    const { missed, text } = callEnded(call)
    this.show(call)
    if (missed) notify(call.from, call.id, text)
    else {
      const timer = window.setTimeout(() => {
        this.timers.delete(timer)
        this.dismiss(call.id)
      }, text === '' ? 0 : shownFor)
      this.timers.add(timer)
    }
  }

  private silence(id: string): void {
    this.audio.get(id)?.close()
    this.audio.delete(id)
    this.notes.get(id)?.()
    this.notes.delete(id)
  }

  private show(call: PhoneCall): void {
    this.calls.set(call.id, call)
    if (call.state !== 'ringing' || call.picked) {
      this.notes.get(call.id)?.()
      this.notes.delete(call.id)
    }
    this.ringer.play(toneOf(this.list))
    this.options.onChange()
  }
}

/** What is to be heard of these calls. */
export function toneOf(calls: readonly PhoneCall[]): Tone {
  if (calls.some((c) => c.state === 'ringing' && !c.out && !c.picked)) return 'ring'
  return calls.some((c) => c.state === 'ringing' && c.out) ? 'ringback' : 'none'
}

function microphoneFailed(error: string): string {
  switch (error) {
    case 'NotAllowedError':
      return 'The browser did not allow the microphone.'
    case 'NotFoundError':
      return 'There is no microphone.'
    case 'NotReadableError':
      return 'Another program uses the microphone.'
    default:
      return 'The audio could not be set up.'
  }
}
