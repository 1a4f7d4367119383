// The audio of one call: a peer connection with the microphone's track, and what the
// other side says, played. The server is ICE-lite and needs no candidates, but gets
// them.

import type { Figures, Outgoing } from './protocol'
import { measure } from './quality'
import type { Counters, Report } from './quality'
import { heardBy } from './sound'

export interface CallAudioOptions {
  call: string
  ice: RTCIceServer[]
  /** Opens the microphone; rejects with the browser's error. */
  microphone: () => Promise<MediaStream>
  /** Where the other side is heard; undefined: the system's own device. */
  speaker?: () => string | undefined
  send: (message: Outgoing) => boolean
  /** The connection was lost and wants new ICE. */
  onLost: () => void
  /** The browser lets nothing be heard until the agent clicks, or does so now. */
  onBlocked: (blocked: boolean) => void
  /** The microphone ended, and no other could be had. */
  onUnheard?: (error: unknown) => void
}

// ICE recovers from short interruptions by itself; a browser says that there is one after
// seconds only.
const patience = 1000
// Figures are taken so far apart at least, in ms. The server asks every second or every
// five, and each of its questions is an occasion.
const between = 4000

export class CallAudio {
  private readonly pc: RTCPeerConnection
  private readonly player = new Audio()
  private stream: MediaStream | undefined
  private sender: RTCRtpSender | undefined
  private renewing = 0
  private counters: Counters | undefined
  private measured = -between
  private told = false // our description: candidates follow it
  private waiting: RTCIceCandidate[] = []
  private closed = false
  private timer = 0
  private on = false
  private click = new AbortController() // ends the wait for the agent's next click

  constructor(private readonly options: CallAudioOptions) {
    this.pc = new RTCPeerConnection({ iceServers: options.ice, bundlePolicy: 'max-bundle' })
    this.pc.onicecandidate = ({ candidate }) => {
      if (candidate === null || this.closed) return
      if (this.told) this.candidate(candidate)
      else this.waiting.push(candidate)
    }
    this.pc.ontrack = ({ track }) => {
      this.player.srcObject = new MediaStream([track])
      this.player.autoplay = true
      this.useSpeaker()
      this.play()
    }
    this.pc.onconnectionstatechange = () => {
      window.clearTimeout(this.timer)
      switch (this.pc.connectionState) {
        case 'failed':
          options.onLost()
          break
        case 'disconnected':
          this.timer = window.setTimeout(() => options.onLost(), patience)
      }
    }
  }

  /** Has the other side be heard. A browser may want a click first (a page that was just
   * loaded has had none): then any click will do, and the page says so. */
  play(): void {
    this.player.play().then(
      () => {
        this.click.abort()
        this.options.onBlocked(false)
      },
      (error: unknown) => {
        if (this.closed || !(error instanceof DOMException) || error.name !== 'NotAllowedError') return
        this.click.abort()
        this.click = new AbortController()
        const once = { once: true, signal: this.click.signal }
        for (const what of ['pointerup', 'keydown']) document.addEventListener(what, () => this.play(), once)
        this.options.onBlocked(true)
      },
    )
  }

  /** Lets the agent be heard, or not. */
  speak(on: boolean): void {
    this.on = on
    for (const track of this.stream?.getAudioTracks() ?? []) track.enabled = on
  }

  /** Has relays to use from its next ICE on. */
  relays(ice: RTCIceServer[]): void {
    if (!this.closed) this.pc.setConfiguration({ ...this.pc.getConfiguration(), iceServers: ice })
  }

  /** Is heard by the device that is chosen now. */
  useSpeaker(): void {
    void heardBy(this.player, this.options.speaker?.())
  }

  /** Speaks by the microphone that is chosen now. The call goes on, and the other side is
   * asked nothing. Where that microphone cannot be had the old one goes on. */
  async renew(): Promise<void> {
    if (this.closed || this.stream === undefined) return // it is being opened
    const attempt = ++this.renewing
    const stream = await this.options.microphone()
    const track = stream.getAudioTracks()[0]
    if (this.closed || attempt !== this.renewing || track === undefined) {
      stop(stream)
      return
    }
    const old = this.stream
    this.adopt(stream)
    await this.sender?.replaceTrack(track)
    stop(old)
  }

  get connected(): boolean {
    return this.pc.connectionState === 'connected'
  }

  /** Answers an offer of the server: the first, or a later one. */
  async answer(sdp: string): Promise<void> {
    await this.open()
    if (this.closed) return
    await this.pc.setRemoteDescription({ type: 'offer', sdp })
    const answer = await this.pc.createAnswer()
    await this.pc.setLocalDescription(answer)
    this.tell({ t: 'answer', call: this.options.call, sdp: this.pc.localDescription?.sdp ?? answer.sdp ?? '' })
  }

  /** Begins a call of the agent's. */
  async dial(to: string): Promise<void> {
    await this.open()
    if (this.closed) return
    const offer = await this.pc.createOffer()
    await this.pc.setLocalDescription(offer)
    if (!this.tell({ t: 'dial', call: this.options.call, to, sdp: this.pc.localDescription?.sdp ?? offer.sdp ?? '' })) {
      throw new DOMException('The call was not made: there is no connection to the server. Try again when it is back.', 'NetworkError')
    }
  }

  /** Takes the server's answer. */
  async answered(sdp: string): Promise<void> {
    if (!this.closed) await this.pc.setRemoteDescription({ type: 'answer', sdp })
  }

  /** How it was heard since the last time, which was not a moment ago. */
  async figures(): Promise<Figures | undefined> {
    const now = performance.now()
    if (this.closed || now - this.measured < between) return undefined
    this.measured = now
    const { figures, counters } = measure((await this.pc.getStats()).values() as Iterable<Report>, this.counters)
    this.counters = counters
    return figures
  }

  /** How loud the microphone is, 0 to 1. */
  async level(): Promise<number> {
    if (this.closed) return 0
    for (const report of (await this.pc.getStats()).values() as Iterable<{ type: string; kind?: string; audioLevel?: number }>) {
      if (report.type === 'media-source' && report.kind === 'audio') return report.audioLevel ?? 0
    }
    return 0
  }

  close(): void {
    this.closed = true
    window.clearTimeout(this.timer)
    this.click.abort()
    this.pc.onicecandidate = this.pc.ontrack = this.pc.onconnectionstatechange = null
    this.pc.close()
    this.player.srcObject = null
    if (this.stream !== undefined) stop(this.stream)
  }

  private async open(): Promise<void> {
    if (this.stream !== undefined) return
    const stream = await this.options.microphone()
    if (this.closed) {
      stop(stream)
      return
    }
    this.adopt(stream)
    for (const track of stream.getAudioTracks()) this.sender = this.pc.addTrack(track, stream)
  }

  private adopt(stream: MediaStream): void {
    this.stream = stream
    this.speak(this.on)
    for (const track of stream.getAudioTracks()) {
      track.addEventListener('ended', () => {
        // Unplugged, or taken away: what is there now goes on for it.
        if (this.stream === stream && !this.closed) void this.renew().catch((error: unknown) => this.options.onUnheard?.(error))
      })
    }
  }

  private tell(message: Outgoing): boolean {
    if (this.closed) return true
    const sent = this.options.send(message)
    this.told = true
    for (const candidate of this.waiting.splice(0)) this.candidate(candidate)
    return sent
  }

  private candidate(c: RTCIceCandidate): void {
    this.options.send({
      t: 'cand',
      call: this.options.call,
      cand: { candidate: c.candidate, sdpMid: c.sdpMid ?? undefined, sdpMLineIndex: c.sdpMLineIndex ?? undefined },
    })
  }
}

function stop(stream: MediaStream): void {
  stream.getTracks().forEach((track) => track.stop())
}
