// The test call: a peer connection with the microphone's track, for as long as
// the server needs to hear a second of it. Nothing is played, so no gesture of
// the agent is needed.

import type { Outgoing } from './protocol'

export interface TestCallOptions {
  call: string
  ice: RTCIceServer[]
  stream: MediaStream
  send: (message: Outgoing) => void
}

// How often arrived packets are counted, in ms.
const countEvery = 200

export class TestCall {
  private readonly pc: RTCPeerConnection
  private timer = 0
  private told = 0
  private closed = false

  constructor(private readonly options: TestCallOptions) {
    this.pc = new RTCPeerConnection({ iceServers: options.ice, bundlePolicy: 'max-bundle' })
    this.pc.onicecandidate = ({ candidate }) => {
      if (candidate === null || this.closed) return
      options.send({
        t: 'cand',
        call: options.call,
        cand: {
          candidate: candidate.candidate,
          sdpMid: candidate.sdpMid ?? undefined,
          sdpMLineIndex: candidate.sdpMLineIndex ?? undefined,
        },
      })
    }
  }

  /** Makes the offer. It goes out before candidates are known: the server needs
   * none of them. */
  async start(): Promise<void> {
    for (const track of this.options.stream.getAudioTracks()) this.pc.addTrack(track, this.options.stream)
    const offer = await this.pc.createOffer()
    if (this.closed) return
    // First the offer, then its candidates.
    this.options.send({ t: 'offer', call: this.options.call, sdp: offer.sdp ?? '' })
    await this.pc.setLocalDescription(offer)
  }

  async answer(sdp: string): Promise<void> {
    if (this.closed) return
    await this.pc.setRemoteDescription({ type: 'answer', sdp })
    this.timer = window.setInterval(() => void this.count(), countEvery)
  }

  close(): void {
    this.closed = true
    window.clearInterval(this.timer)
    this.pc.onicecandidate = null
    this.pc.close()
  }

  private async count(): Promise<void> {
    let packets = 0
    for (const report of (await this.pc.getStats()).values() as Iterable<RTCInboundRtpStreamStats>) {
      if (report.type === 'inbound-rtp') packets += report.packetsReceived ?? 0
    }
    if (this.closed || packets === this.told) return
    this.told = packets
    this.options.send({ t: 'heard', call: this.options.call, packets })
  }
}
