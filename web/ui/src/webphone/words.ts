// The states of a microphone as this page sees them by itself, each with a
// sentence and a remedy. They show at once, also while there is no connection;
// what the server found out beyond them comes with its state message.

import type { MicClaim } from './protocol'

export type MicState =
  | 'granted'
  | 'asking'
  | 'not_asked'
  | 'denied'
  | 'missing'
  | 'unplugged'
  | 'lost'
  | 'busy'
  | 'failed'
  | 'muted'
  | 'insecure'

export interface Words {
  sentence: string
  remedy: string
}

const words: Record<MicState, Words> = {
  granted: { sentence: 'The microphone works.', remedy: '' },
  asking: {
    sentence: 'The browser is asking whether this page may use the microphone.',
    remedy: "Answer the browser's question with Allow.",
  },
  not_asked: {
    sentence: 'The microphone has not been allowed yet.',
    remedy: 'Press "Allow microphone" and answer the browser\'s question with Allow.',
  },
  denied: {
    sentence: 'The browser does not let this page use the microphone.',
    remedy: 'Click the lock or microphone sign beside the address, set Microphone to Allow, then try again.',
  },
  missing: {
    sentence: 'No microphone was found.',
    remedy: 'Plug in a headset or microphone, or switch it on, then try again.',
  },
  unplugged: {
    sentence: 'The microphone was unplugged or switched off.',
    remedy: 'Plug the headset in again, or switch it on; it is tried by itself.',
  },
  lost: {
    sentence: 'The microphone was taken away.',
    remedy: "Check the headset's plug or Bluetooth connection and the site's permission, then try again.",
  },
  busy: {
    sentence: 'The microphone is held by another program.',
    remedy: 'Close the other program that uses the microphone, then try again.',
  },
  failed: {
    sentence: 'The microphone could not be opened.',
    remedy: 'Unplug and plug in the headset, or restart the browser, then try again.',
  },
  muted: {
    sentence: 'The microphone is muted by the headset or the system.',
    remedy: "Unmute the headset or the system's microphone before you take a call.",
  },
  insecure: {
    sentence: 'Browsers give a microphone to pages over HTTPS only.',
    remedy: 'Open this page with https:// or on localhost.',
  },
}

/** The state a claim comes to; the order is the server's. */
export function micState(claim: MicClaim): MicState {
  if (claim.err === 'InsecureContext') return 'insecure'
  if (claim.perm === 'denied' || claim.probe === 'denied') return 'denied'
  if (claim.inputs === 0 && claim.probe === 'ok') return 'unplugged'
  if (claim.inputs === 0 || claim.probe === 'missing') return 'missing'
  if (claim.lost && claim.probe === 'ok') return 'lost'
  switch (claim.probe) {
    case 'busy':
      return 'busy'
    case 'failed':
      return 'failed'
    case 'waiting':
      return 'asking'
    case 'ok':
      return claim.muted ? 'muted' : 'granted'
    default:
      return 'not_asked'
  }
}

export function micWords(state: MicState): Words {
  return words[state]
}
