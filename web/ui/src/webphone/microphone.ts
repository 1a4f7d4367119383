// The microphone as the browser shows it. Permissions say little: "granted" can
// be without a device, and in Firefox means "granted last time". Only opening
// the microphone tells, so probe() does that, keeps the track for a moment (the
// test call follows) and lets it go, so that no recording sign stays lit.

import { openMicrophone, probeOf } from './openmic'
import type { MicClaim } from './protocol'

export interface MicrophoneOptions {
  /** Called whenever the claim changed. */
  onChange: (claim: MicClaim) => void
  /** Called when a probe is due: a device came or went, permission was given. */
  onDue: (why: 'devices' | 'permission') => void
  /** The chosen input; undefined means the browser's. */
  deviceId?: () => string | undefined
  /** How long an opened microphone is kept for a test call, in ms. */
  keep?: number
}

// A question the browser answers without asking is not worth telling.
const asksAfter = 400
// With the permission given, opening never takes this long unless it hangs.
const hangsAfter = 10_000
// A headset that is plugged in changes the devices several times.
const settle = 500

export class Microphone {
  private claimed: MicClaim = { perm: 'unknown', probe: '' }
  private stream: MediaStream | undefined
  private opening: Promise<MediaStream | undefined> | undefined
  private releaseTimer = 0
  private settleTimer = 0
  private status: PermissionStatus | undefined
  private devices = ''
  private off = new AbortController()

  constructor(private readonly options: MicrophoneOptions) {}

  get claim(): MicClaim {
    return this.claimed
  }

  /** Reads the permission and the devices, and follows both. */
  async start(): Promise<void> {
    this.off = new AbortController()
    if (navigator.mediaDevices === undefined) {
      this.set({ perm: 'denied', probe: 'failed', err: 'InsecureContext' })
      return
    }
    navigator.mediaDevices.addEventListener('devicechange', () => this.devicesChanged(), {
      signal: this.off.signal,
    })
    try {
      // Older Safari knows no "microphone" here and throws.
      this.status = await navigator.permissions.query({ name: 'microphone' as PermissionName })
      this.status.addEventListener('change', () => this.permissionChanged(), { signal: this.off.signal })
      this.set({ perm: this.status.state })
    } catch {
      this.set({ perm: 'unknown' })
    }
    await this.count()
  }

  stop(): void {
    this.off.abort()
    window.clearTimeout(this.settleTimer)
    this.release()
  }

  /** Opens the microphone and reports how that went. Calls while one is under
   * way share its outcome. */
  probe(): Promise<MediaStream | undefined> {
    this.opening ??= this.open().finally(() => {
      this.opening = undefined
    })
    return this.opening
  }

  /** The open microphone, opened if need be, for a test call. The caller
   * releases it. */
  async take(): Promise<MediaStream | undefined> {
    const stream = this.live() ?? (await this.probe())
    window.clearTimeout(this.releaseTimer)
    return stream
  }

  /** Lets the microphone go. By the standard this fires no "ended". */
  release(): void {
    window.clearTimeout(this.releaseTimer)
    const stream = this.stream
    this.stream = undefined
    stream?.getTracks().forEach((track) => track.stop())
  }

  private live(): MediaStream | undefined {
    return this.stream?.getAudioTracks().some((track) => track.readyState === 'live') === true ? this.stream : undefined
  }

  private async open(): Promise<MediaStream | undefined> {
    if (navigator.mediaDevices === undefined) return undefined
    this.release()
    const asking = window.setTimeout(() => this.set({ probe: 'waiting' }), asksAfter)
    let hanging = 0
    let givenUp = false
    try {
      const request = openMicrophone(this.options.deviceId?.())
      const limit = new Promise<never>((_, reject) => {
        if (this.claimed.perm === 'granted') {
          hanging = window.setTimeout(() => reject(new DOMException('no answer', 'TimeoutError')), hangsAfter)
        }
      })
      // A microphone that opens after we gave up must not stay open.
      request.then((late) => {
        if (givenUp) late.getTracks().forEach((track) => track.stop())
      }, () => undefined)
      const stream = await Promise.race([request, limit])
      this.stream = stream
      const track = stream.getAudioTracks()[0]
      if (track === undefined) throw new DOMException('no audio track', 'NotFoundError')
      this.follow(track)
      this.set({
        perm: this.status?.state === 'denied' ? 'denied' : 'granted',
        probe: 'ok',
        lost: false,
        muted: track.muted,
        err: undefined,
      })
      void this.count()
      this.releaseTimer = window.setTimeout(() => this.release(), this.options.keep ?? 15_000)
      return stream
    } catch (error) {
      givenUp = true
      this.release()
      this.set({ probe: probeOf(error), err: error instanceof Error ? error.name : 'Error' })
      return undefined
    } finally {
      window.clearTimeout(asking)
      window.clearTimeout(hanging)
    }
  }

  private follow(track: MediaStreamTrack): void {
    const options = { signal: this.off.signal }
    const mine = () => this.stream?.getTracks().includes(track) === true
    track.addEventListener('ended', () => {
      if (!mine()) return
      this.release()
      this.set({ lost: true })
    }, options)
    track.addEventListener('mute', () => mine() && this.set({ muted: true }), options)
    track.addEventListener('unmute', () => mine() && this.set({ muted: false }), options)
  }

  private permissionChanged(): void {
    const before = this.claimed.perm
    const now = this.status?.state ?? 'unknown'
    // Taken away, or to be asked again: what was tried counts no more.
    const decided = before === 'granted' || before === 'denied'
    this.set(now !== 'granted' && decided ? { perm: now, probe: '' } : { perm: now })
    if (now === 'granted' && this.claimed.probe !== 'ok') this.options.onDue('permission')
  }

  private devicesChanged(): void {
    window.clearTimeout(this.settleTimer)
    const before = this.devices
    // That there is none left is told at once, the rest when it has settled.
    void this.count()
    this.settleTimer = window.setTimeout(() => {
      void this.count().then(() => {
        if (this.devices !== before && this.claimed.inputs !== 0) this.options.onDue('devices')
      })
    }, settle)
  }

  private async count(): Promise<void> {
    try {
      const inputs = (await navigator.mediaDevices.enumerateDevices()).filter((d) => d.kind === 'audioinput')
      this.devices = inputs.map((d) => d.deviceId + d.groupId).sort().join()
      // Before the permission browsers may show none, though there are some.
      const known = inputs.length > 0 || this.claimed.perm === 'granted'
      this.set({ inputs: known ? inputs.length : undefined })
    } catch {
      this.set({ inputs: undefined })
    }
  }

  private set(change: Partial<MicClaim>): void {
    const next = { ...this.claimed, ...change }
    if (JSON.stringify(next) === JSON.stringify(this.claimed)) return
    this.claimed = next
    if (!this.off.signal.aborted) this.options.onChange(next)
  }
}
