// The words of calls.

import type { CallEnd, CallTruth } from './protocol'

type Call = Pick<CallTruth, 'state' | 'out' | 'held' | 'held_far' | 'moving' | 'warn' | 'why' | 'sentence'> & { picked?: boolean; blocked?: boolean }

/** How a call is, in a word or two. */
export function callWords(call: Call): string {
  switch (call.state) {
    case 'dialling':
      return 'Calling'
    case 'ringing':
      if (call.out) return 'Ringing there'
      return call.picked === true ? 'Connecting' : 'Incoming call'
    case 'early':
      return 'Ringing there'
    case 'ended':
      return callEnded(call).text
  }
  if (call.moving === true) return 'Being transferred'
  if (call.held === true) return 'On hold'
  if (call.held_far === true) return 'Held by the other side'
  return 'Talking'
}

/** What is wrong with a call that goes on. */
export function callWarning(call: Call): string | undefined {
  if (call.blocked === true && call.state !== 'ended') return 'The browser plays no sound before you click. Click to hear the call.'
  switch (call.warn) {
    case 'network':
      return 'The connection for audio is interrupted. It is tried again by itself.'
    case 'silent':
      return 'Nothing is heard from your microphone. Check the mute switch of the headset, or choose another microphone.'
    case 'no-audio':
      return 'Your microphone sends nothing. Check its plug, or choose another microphone.'
  }
  return call.state === 'talking' ? call.sentence : undefined
}

const ends: Record<CallEnd, string> = {
  'hung-up': '',
  far: 'The other side hung up',
  canceled: 'Missed call',
  elsewhere: '',
  rejected: '',
  'no-ack': 'This page answered too late: the call went on without it. Close tabs that keep the machine busy.',
  refused: 'The call failed. Check the number and try again.',
  media: 'There was no audio. Test the microphone, and check the network.',
  transferred: 'Transferred',
  gone: 'The connection to the server was lost. Call again if the call is not there any more.',
}

/** How a call ended; missed: nobody else took it. No text: nothing worth saying. */
export function callEnded(call: Call): { missed: boolean; text: string } {
  const why = call.why ?? 'far'
  return { missed: why === 'canceled' && !call.out, text: call.sentence ?? ends[why] }
}
