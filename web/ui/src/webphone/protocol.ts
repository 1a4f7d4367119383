// The messages of the webphone's WebSocket, as webrtc/PROTOCOL.md has them.

export const subprotocol = 'lamplight.webphone.v1'

/** WebSocket close codes with a meaning of their own. */
export const close = {
  normal: 1000,
  broken: 1006,
  policy: 1008,
  tooBig: 1009,
  restart: 1012,
  replaced: 4001,
  noHello: 4002,
  loggedOut: 4003,
  refused: 4004,
  tooMany: 4005,
  silent: 4008,
} as const

/** How the last getUserMedia ended; empty: not tried. */
export type Probe = '' | 'waiting' | 'ok' | 'denied' | 'missing' | 'busy' | 'failed'

/** What the page says of its microphone. */
export interface MicClaim {
  perm: 'granted' | 'prompt' | 'denied' | 'unknown'
  probe?: Probe
  /** Number of audio inputs, left out while the browser does not say. */
  inputs?: number
  /** A live track ended and none was opened since. */
  lost?: boolean
  muted?: boolean
  /** Name of the last error. */
  err?: string
}

/** A device as the server is told it; see Devices. */
export interface DeviceTold {
  kind: 'input' | 'output'
  label: string
  used?: boolean
  rings?: boolean
  gone?: boolean
}

/** How a call was heard in the last seconds: times in ms, shares and levels from 0 to 1.
 * What the browser does not say is left out. */
export interface Figures {
  codec?: string
  path?: string
  rtt?: number
  jitter?: number
  lost?: number
  lost_there?: number
  concealed?: number
  level?: number
  heard?: number
}

export type Visibility = 'visible' | 'hidden'

/** What the page sends. */
export type Outgoing =
  | {
      t: 'hello'
      ticket?: string
      resume?: string
      tab: string
      client: 'web' | 'desktop'
      ua?: string
      lead: boolean
      epoch?: number
      mic: MicClaim
      vis: Visibility
    }
  | { t: 'pong'; n: number; mic: MicClaim; vis: Visibility }
  | { t: 'mic'; mic: MicClaim }
  | { t: 'lead' }
  | { t: 'offer'; call: string; sdp: string }
  | { t: 'cand'; call: string; cand: { candidate: string; sdpMid?: string; sdpMLineIndex?: number } }
  | { t: 'heard'; call: string; packets: number }
  | { t: 'retest'; why: string }
  | { t: 'freeze' }
  | { t: 'ring-ack' | 'accept' | 'reject' | 'hangup'; call: string }
  /** fresh: this page has no audio of the call, for it was loaded since. */
  | { t: 'restart'; call: string; fresh?: boolean }
  | { t: 'answer'; call: string; sdp: string }
  | { t: 'dial'; call: string; to: string; sdp: string }
  | { t: 'hold' | 'mute'; call: string; on: boolean }
  /** n: which it is in the call of what is done once; the server says what it has taken. */
  | { t: 'dtmf'; call: string; keys: string; n?: number }
  | { t: 'transfer'; call: string; to?: string; with?: string; n?: number }
  | { t: 'stats'; call: string; stats: Figures }
  | { t: 'devices'; devices: DeviceTold[] }
  | { t: 'bye'; why: 'pagehide' | 'logout' }

export interface Welcome {
  t: 'welcome'
  sid: string
  resume: string
  resumed: boolean
  grace: number
  dead: number
  lead: boolean
  epoch: number
  ice: RTCIceServer[]
  /** The calls that go on. */
  calls?: string[]
  /** Messages beyond the first version's that the server understands; dtmf and transfer:
   * with a number. */
  takes?: string[]
}

/** A call that comes. */
export interface Ring {
  t: 'ring'
  call: string
  from: string
  name?: string
  /** How long the page may take to say that it rings, in ms. */
  within: number
  sdp: string
}

export type CallStage = 'dialling' | 'ringing' | 'early' | 'talking' | 'ended'

/** Why a call is over. */
export type CallEnd =
  | 'hung-up'
  | 'far'
  | 'canceled'
  | 'elsewhere'
  | 'rejected'
  | 'no-ack'
  | 'refused'
  | 'media'
  | 'transferred'
  | 'gone'

/** How a call is, as the server has it. */
export interface CallTruth {
  t: 'call'
  call: string
  state: CallStage
  out: boolean
  from: string
  name?: string
  held?: boolean
  held_far?: boolean
  muted?: boolean
  moving?: boolean
  warn?: 'network' | 'silent' | 'no-audio'
  /** For how many ms it has been talking. */
  talked?: number
  /** Number of the last keys or transfer that arrived. */
  taken?: number
  status?: number
  why?: CallEnd
  sentence?: string
}

/** The truth as the server has it. */
export interface ServerState {
  t: 'state'
  leader: 'you' | 'other' | 'none'
  life: 'alive' | 'suspect' | 'closed'
  mic: 'granted' | 'silent' | 'muted' | 'not_asked' | 'denied' | 'missing' | 'lost'
  network: 'untested' | 'queued' | 'testing' | 'proven' | 'unproven' | 'trusted'
  /** Calls can be offered to this tab, as far as the webphone goes. */
  target: boolean
  code?: string
  sentence?: string
  remedy?: string
}

/** What the server sends. */
export type Incoming =
  | Welcome
  | ServerState
  | { t: 'refused'; why: string; retry: boolean }
  | { t: 'ping'; n: number }
  | { t: 'ice'; ice: RTCIceServer[] }
  | { t: 'probe'; why: string }
  | { t: 'test'; call: string; within: number }
  | Ring
  | CallTruth
  /** fresh, of an offer: by a connection of its own, whatever the page has of the call. */
  | { t: 'offer'; call: string; sdp: string; fresh?: boolean }
  | { t: 'answer'; call: string; sdp: string }
  | { t: 'keys'; call: string; keys: string }
  | { t: 'over'; call: string; result: string }
  | { t: 'taken-over'; epoch: number }
