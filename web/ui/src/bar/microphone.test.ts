import { describe, expect, test } from 'vitest'
import type { ServerState, WebphoneState } from '../webphone'
import { passing, remedy, shown, type Remedy } from './microphone'

function state(change: Partial<WebphoneState>, server?: Partial<ServerState>): WebphoneState {
  return {
    connection: 'connected', microphone: 'granted', lead: true, calls: [], devices: { inputs: [], outputs: [], chosen: {}, gone: [], choosable: true }, session: 's', problem: undefined,
    server: server && { t: 'state', leader: 'you', life: 'alive', mic: 'granted', network: 'proven', target: false, ...server },
    ...change,
  }
}

const cases: Record<string, [WebphoneState, string, Remedy | undefined]> = {
  works: [state({}, { target: true }), 'Microphone works', 'try-again'],
  silent: [state({}, { target: true, mic: 'silent' }), 'Microphone silent', 'try-again'],
  muted: [state({ microphone: 'muted' }, { target: true, mic: 'muted' }), 'Microphone muted', 'try-again'],
  'not asked': [state({ microphone: 'not_asked' }, { mic: 'not_asked' }), 'Microphone not allowed yet', 'allow'],
  'the browser asks': [state({ microphone: 'asking' }, { mic: 'not_asked' }), 'Microphone not allowed yet', undefined],
  denied: [state({ microphone: 'denied' }, { mic: 'denied' }), 'Microphone denied', 'try-again'],
  missing: [state({ microphone: 'missing' }, { mic: 'missing' }), 'No microphone', 'try-again'],
  unplugged: [state({ microphone: 'unplugged' }, { mic: 'missing' }), 'Microphone unplugged', 'try-again'],
  lost: [state({ microphone: 'lost' }, { mic: 'lost' }), 'Microphone lost', 'try-again'],
  busy: [state({ microphone: 'busy' }, { mic: 'missing' }), 'Microphone unusable', 'try-again'],
  'no HTTPS': [state({ microphone: 'insecure' }, { mic: 'denied' }), 'Microphone unusable', undefined],
  'under test': [state({}, { network: 'testing' }), 'Testing the microphone', undefined],
  'no sound': [state({}, { network: 'unproven' }), 'Sound does not get through', 'try-again'],
  'another tab': [state({}, { leader: 'other' }), 'Phone is in another tab', 'take-over'],
  'no tab': [state({}, { leader: 'none' }), 'Phone is not in this tab', 'take-over'],
  replaced: [state({ connection: 'replaced' }), 'Phone is in another tab', 'take-over'],
  connecting: [state({ connection: 'connecting' }), 'Webphone connecting', undefined],
  waiting: [state({ connection: 'waiting' }), 'Webphone connecting', 'try-again'],
}

describe('the microphone', () => {
  for (const [name, [s, text, help]] of Object.entries(cases)) {
    test(name, () => {
      expect(shown(s).text).toBe(text)
      expect(remedy(s)).toBe(help)
    })
  }
  test('is no problem while it is tested', () => {
    expect(passing(cases['under test']![0])).toBe(true)
    expect(passing(cases['denied']![0])).toBe(false)
  })
})
