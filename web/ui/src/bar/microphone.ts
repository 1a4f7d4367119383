// The webphone's microphone in two words, and what the agent can do about it.
import type { WebphoneState } from '../webphone'

export interface Shown {
  text: string
  colour: string
  icon: string
}

/** The microphone in two words, as the server has it where it said so. */
export function shown(s: WebphoneState): Shown {
  if (s.connection === 'replaced' || s.server?.leader === 'other') return { text: 'Phone is in another tab', colour: 'gray', icon: 'tabs' }
  if (s.connection !== 'connected' || !s.server) return { text: 'Webphone connecting', colour: 'gray', icon: 'wait' }
  if (s.server.target) {
    if (s.server.mic === 'silent') return { text: 'Microphone silent', colour: 'yellow', icon: 'microphone' }
    if (s.server.mic === 'muted') return { text: 'Microphone muted', colour: 'yellow', icon: 'microphone' }
    return { text: 'Microphone works', colour: 'teal', icon: 'microphone' }
  }
  switch (s.microphone) {
    case 'granted':
    case 'muted':
      break
    case 'asking':
    case 'not_asked':
      return { text: 'Microphone not allowed yet', colour: 'yellow', icon: 'microphone' }
    case 'denied':
      return { text: 'Microphone denied', colour: 'red', icon: 'microphone' }
    case 'missing':
      return { text: 'No microphone', colour: 'red', icon: 'microphone' }
    case 'unplugged':
      return { text: 'Microphone unplugged', colour: 'red', icon: 'microphone' }
    case 'lost':
      return { text: 'Microphone lost', colour: 'red', icon: 'microphone' }
    default:
      return { text: 'Microphone unusable', colour: 'red', icon: 'microphone' }
  }
  if (s.server.leader === 'none') return { text: 'Phone is not in this tab', colour: 'gray', icon: 'tabs' }
  if (s.server.network === 'unproven') return { text: 'Sound does not get through', colour: 'red', icon: 'warning' }
  return { text: 'Testing the microphone', colour: 'blue', icon: 'wait' }
}

export type Remedy = 'take-over' | 'allow' | 'try-again'

/** The button that helps; none where waiting does, or only the agent can act. */
export function remedy(s: WebphoneState): Remedy | undefined {
  if (s.connection === 'replaced') return 'take-over'
  if (s.connection === 'waiting') return 'try-again'
  if (s.connection !== 'connected' || !s.server) return undefined
  if (s.server.leader !== 'you') return 'take-over'
  if (s.microphone === 'not_asked') return 'allow'
  if (s.microphone === 'asking' || s.microphone === 'insecure') return undefined
  if (s.microphone === 'granted' && !s.server.target && s.server.network !== 'unproven') return undefined // under test
  return 'try-again'
}

/** Nothing is wrong: it only takes a moment. */
export function passing(s: WebphoneState): boolean {
  return s.connection === 'connected' && shown(s).icon === 'wait'
}
