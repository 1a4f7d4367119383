// What a page shows of its webphone.

import type { PhoneCall } from './calls'
import type { DeviceState } from './devices'
import type { ServerState } from './protocol'
import { lostWords } from './lostwords'
import { micWords } from './words'
import type { MicState, Words } from './words'

/**
 * off: not started, or stopped. connecting, connected. waiting: lost, and tried
 * again by itself. replaced: the session goes on in another tab. logged-out: the
 * login is over.
 */
export type Connection = 'off' | 'connecting' | 'connected' | 'waiting' | 'replaced' | 'logged-out'

export interface WebphoneState {
  connection: Connection
  /** The server's view; undefined until it said so on this connection. */
  server: ServerState | undefined
  /** The microphone as this page sees it. */
  microphone: MicState
  /** This tab holds the browser's lock. */
  lead: boolean
  /** Id of the session. */
  session: string | undefined
  /** The calls of this tab, those that just ended included. */
  calls: readonly PhoneCall[]
  /** What they are spoken and heard by. */
  devices: DeviceState
  /** What is wrong and what to do; undefined: nothing. */
  problem: Words | undefined
}

/** The one thing that matters most: first that there is no connection, then who
 * has the phone, then what this page sees of its microphone, then the server's
 * own finding. */
export function problemOf(
  connection: Connection,
  server: ServerState | undefined,
  microphone: MicState,
  failures = 0,
  code = 0,
): Words | undefined {
  // A first attempt is no problem yet.
  if (connection === 'connecting' && failures === 0) return undefined
  switch (connection) {
    case 'connecting':
    case 'waiting':
      return lostWords(code)
    case 'replaced':
      return { sentence: 'This session goes on in another tab.', remedy: 'Press "Use here" to take it over.' }
    case 'logged-out':
      return { sentence: 'You are logged out.', remedy: 'Log in again.' }
  }
  const { sentence, remedy, leader } = server ?? {}
  if (sentence !== undefined && leader !== 'you') return { sentence, remedy: remedy ?? '' }
  if (microphone !== 'granted' && microphone !== 'not_asked') return micWords(microphone)
  return sentence === undefined ? undefined : { sentence, remedy: remedy ?? '' }
}
