// The calls of this page: what the server says of them, their audio, and what rings.

import { CallAudio } from './audio'
import type { Use } from './devices'
import { Errands } from './errands'
import { notify } from './notify'
import { audioFailed, openFailed } from './openmic'
import type { CallTruth, Figures, Incoming, Outgoing, Ring, Welcome } from './protocol'
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
  /** What became of a click, or of a device: it did not do what it should. */
  note?: string
  /** What was clicked and waits for the connection. */
  waiting?: string
  /** How it was heard in the last seconds. */
  figures?: Figures
  /** The figures are those of before an interruption that lasts. */
  old?: boolean
}

export interface CallsOptions {
  /** Sends a message; false where there is no connection. */
  send: (message: Outgoing) => boolean
  onChange: () => void
  /** Opens the microphone; rejects with the browser's error. */
  microphone: () => Promise<MediaStream>
  /** The device that is chosen; undefined: the system's own. */
  device?: (use: Use) => string | undefined
  /** The microphone of a call ended, and there is no other. */
  onUnheard?: () => void
}

// How long a call that ended is shown, in ms; one that was missed until it is dismissed.
const shownFor = 6000

export class Calls {
  private readonly calls = new Map<string, PhoneCall>()
  private readonly audio = new Map<string, CallAudio>()
  private readonly before = new Set<string>() // calls of the page that was here before this one
  private readonly notes = new Map<string, () => void>()
  private readonly timers = new Set<number>()
  private readonly ringer: Ringer
  private readonly errands: Errands
  private ice: RTCIceServer[] = []
  private takesFigures = false

  constructor(private readonly options: CallsOptions) {
    this.ringer = new Ringer(options.device)
    this.errands = new Errands({
      send: options.send,
      onChange: (id, refused) => this.note(id, refused ?? this.calls.get(id)?.note),
    })
  }

  get list(): readonly PhoneCall[] {
    return [...this.calls.values()]
  }

  /** No call has a microphone open. */
  get idle(): boolean {
    return this.audio.size === 0
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
    this.errands.stop()
    this.ringer.stop()
    this.options.onChange()
  }

  /** The calls are another page's now, with their audio. */
  leave(): void {
    for (const id of [...this.audio.keys()]) this.silence(id)
    this.calls.clear()
    this.errands.stop()
    this.ringer.play('none')
    this.options.onChange()
  }

  /** The page is connected: calls that the server knows no more are over, and those of
   * a page that was here before this one go on in this, once it is told how they are.
   * Where the network moved, all want new ICE: that theirs is dead shows seconds later. */
  welcome(message: Welcome, moved = false): void {
    this.relays(message.ice)
    this.takesFigures = message.takes?.includes('stats') === true
    const known = new Set(message.calls ?? [])
    for (const id of this.errands.flush(known, message.takes?.includes('dtmf'))) known.delete(id)
    for (const call of this.calls.values()) {
      if (call.state !== 'ended' && !known.has(call.id)) this.over({ ...call, state: 'ended', why: 'gone' })
    }
    this.before.clear()
    for (const id of known) {
      const audio = this.audio.get(id)
      if (audio === undefined) this.before.add(id)
      else if (moved || !audio.connected) this.options.send({ t: 'restart', call: id })
    }
  }

  /** Other relays from now on, also for what goes on and asks for new ICE. */
  relays(ice: RTCIceServer[]): void {
    this.ice = ice
    for (const audio of this.audio.values()) audio.relays(ice)
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
    this.errands.last(id, 'accept')
    this.show({ ...call, picked: true })
  }

  reject(id: string): void {
    this.done(id, 'reject')
  }

  hangup(id: string): void {
    this.done(id, 'hangup')
  }

  hold(id: string, on: boolean): void {
    this.note(id, undefined)
    this.errands.hold(id, on)
  }

  mute(id: string, on: boolean): void {
    this.audio.get(id)?.speak(!on)
    const call = this.calls.get(id)
    if (call !== undefined) this.show({ ...call, muted: on, note: undefined })
    this.errands.mute(id, on)
  }

  press(id: string, keys: string): void {
    this.note(id, undefined)
    this.errands.press(id, keys)
  }

  transfer(id: string, to: { to: string } | { with: string }): void {
    this.note(id, undefined)
    this.errands.transfer(id, to)
  }

  /** Other devices are to be used, in the calls that go on, too. */
  use(use: Use): void {
    if (use !== 'microphone') this.ringer.use()
    for (const [id, audio] of this.audio) {
      if (use === 'speaker') audio.useSpeaker()
      if (use === 'microphone') void audio.renew().catch((error: unknown) => this.noMicrophone(id, error))
    }
  }

  /** Rings once, for the agent to hear where. */
  sampleRing(): Promise<void> {
    return this.ringer.sample()
  }

  /** The server has just asked: a moment to look how the calls are heard. */
  measure(): void {
    for (const [id, audio] of this.audio) {
      if (this.calls.get(id)?.state !== 'talking') continue
      void audio.figures().then((figures) => {
        const call = this.calls.get(id)
        if (figures === undefined || call?.state !== 'talking') return
        if (this.takesFigures) this.options.send({ t: 'stats', call: id, stats: figures })
        this.show({ ...call, figures, old: call.warn === 'network' })
      }, () => undefined)
    }
  }

  /** Nothing comes from the server: what was measured is not how the calls are heard now,
   * until it is measured again. */
  unheard(): void {
    for (const call of this.calls.values()) {
      if (call.state === 'talking' && call.figures !== undefined && call.old !== true) this.show({ ...call, old: true })
    }
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

  /** The agent is done with a call: it is over here at once, and for the server as soon
   * as it can be told. */
  private done(id: string, how: 'reject' | 'hangup'): void {
    const call = this.calls.get(id)
    if (call === undefined || call.state === 'ended') return
    this.errands.last(id, how)
    this.over({ ...call, state: 'ended', why: how === 'reject' ? 'rejected' : 'hung-up', sentence: undefined })
  }

  /** Says what became of a click, and what waits; what was said before is over with the
   * next click. */
  private note(id: string, note: string | undefined): void {
    const call = this.calls.get(id)
    const waiting = this.errands.words(id)
    if (call === undefined || call.state === 'ended' || (call.note === note && call.waiting === waiting)) return
    this.show({ ...call, note, waiting })
  }

  /** The microphone of a call cannot be had, or not the one that was chosen. */
  private noMicrophone(id: string, error: unknown): void {
    const { sentence, remedy } = openFailed(error)
    this.note(id, `${sentence} ${remedy}`)
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
      speaker: () => this.options.device?.('speaker'),
      send: this.options.send,
      onUnheard: (error) => {
        this.noMicrophone(id, error)
        this.options.onUnheard?.()
      },
      onLost: () => void this.options.send({ t: 'restart', call: id }),
      onBlocked: (blocked) => {
        const call = this.calls.get(id)
        if (call !== undefined && (call.blocked ?? false) !== blocked) this.show({ ...call, blocked })
      },
    })
    this.audio.set(id, audio)
    return audio
  }

  private told(message: CallTruth): void {
    const { t: _, call: id, ...truth } = this.errands.told(message)
    const before = this.calls.get(id) ?? this.goesOn(id, truth)
    if (before === undefined || before.state === 'ended') return // over here already
    const { picked, keys, blocked, figures, note } = before
    const old = figures !== undefined && (before.old === true || truth.warn === 'network')
    const call: PhoneCall = { id, picked, keys, blocked, figures, old, note, ...truth, waiting: this.errands.words(id) }
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
    this.errands.last(id, call.out || call.state === 'talking' ? 'hangup' : 'reject')
    this.over({ ...call, state: 'ended', why: 'media', sentence: audioFailed(error) })
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
