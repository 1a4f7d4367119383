import { describe, expect, it } from 'vitest'

import type { MicClaim, ServerState } from './protocol'
import { problemOf } from './state'
import { micState, micWords } from './words'
import type { MicState } from './words'

describe('micState', () => {
  const cases: Record<string, [MicClaim, MicState]> = {
    'not tried': [{ perm: 'granted', probe: '' }, 'not_asked'],
    'the browser asks': [{ perm: 'prompt', probe: 'waiting' }, 'asking'],
    works: [{ perm: 'granted', probe: 'ok', inputs: 1 }, 'granted'],
    'works for this visit': [{ perm: 'prompt', probe: 'ok' }, 'granted'],
    'denied in the settings': [{ perm: 'denied', probe: 'ok' }, 'denied'],
    'denied when asked': [{ perm: 'prompt', probe: 'denied' }, 'denied'],
    'no device left': [{ perm: 'granted', probe: 'ok', inputs: 0 }, 'unplugged'],
    'no device at all': [{ perm: 'granted', probe: '', inputs: 0 }, 'missing'],
    'no device found': [{ perm: 'granted', probe: 'missing' }, 'missing'],
    'taken away': [{ perm: 'granted', probe: 'ok', lost: true }, 'lost'],
    'permission taken back, track ended': [{ perm: 'prompt', probe: '', lost: true }, 'not_asked'],
    'held by another program': [{ perm: 'granted', probe: 'busy' }, 'busy'],
    muted: [{ perm: 'granted', probe: 'ok', muted: true }, 'muted'],
    'no HTTPS': [{ perm: 'denied', probe: 'failed', err: 'InsecureContext' }, 'insecure'],
  }
  for (const [name, [claim, want]] of Object.entries(cases)) {
    it(name, () => {
      const state = micState(claim)
      expect(state).toBe(want)
      const { sentence, remedy } = micWords(state)
      expect(sentence).not.toBe('')
      expect(remedy === '').toBe(state === 'granted')
    })
  }
})

it('says each state in words of its own', () => {
  const states: MicState[] = ['asking', 'not_asked', 'denied', 'missing', 'unplugged', 'lost', 'busy', 'failed', 'muted', 'insecure']
  for (const part of ['sentence', 'remedy'] as const) {
    expect(new Set(states.map((state) => micWords(state)[part])).size).toBe(states.length)
  }
})

describe('problemOf', () => {
  const server = (change: Partial<ServerState>): ServerState => ({
    t: 'state', leader: 'you', life: 'alive', mic: 'granted', network: 'proven', target: true, ...change,
  })
  it('has nothing to say when all is well', () => {
    expect(problemOf('connected', server({}), 'granted')).toBeUndefined()
  })
  it('puts the connection first', () => {
    expect(problemOf('waiting', undefined, 'denied')?.sentence).toMatch(/connection/)
  })
  it('takes the first attempt for no problem, and the next for one', () => {
    expect(problemOf('connecting', undefined, 'granted', 0)).toBeUndefined()
    expect(problemOf('connecting', undefined, 'granted', 1)?.sentence).toMatch(/no connection/)
  })
  it('puts another tab before the microphone', () => {
    const other = server({ leader: 'other', sentence: 'elsewhere', remedy: 'r' })
    expect(problemOf('connected', other, 'denied')?.sentence).toBe('elsewhere')
  })
  it('puts what the page sees before what the server still believes', () => {
    expect(problemOf('connected', server({ sentence: 'being tested', remedy: 'wait' }), 'lost')).toEqual(micWords('lost'))
  })
  it('says what only the server knows', () => {
    const blocked = server({ network: 'unproven', target: false, sentence: 'no UDP', remedy: 'ask' })
    expect(problemOf('connected', blocked, 'granted')).toEqual({ sentence: 'no UDP', remedy: 'ask' })
  })
})
