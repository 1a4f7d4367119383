import { describe, expect, test } from 'vitest'
import { callEnded, callWarning } from './callwords'
import { lostWords } from './lostwords'
import { judge, resultWords } from './mictest'
import { openFailed } from './openmic'
import { close } from './protocol'
import type { CallEnd } from './protocol'

// Whatever fails, the agent reads a sentence, and what to do.

const whys: Record<CallEnd, 'needs none' | 'text'> = {
  'hung-up': 'needs none', elsewhere: 'needs none', rejected: 'needs none',
  far: 'text', canceled: 'text', 'no-ack': 'text', refused: 'text', media: 'text', transferred: 'text', gone: 'text',
}

test.each(Object.entries(whys))('a call that ended: %s', (why, want) => {
  const { text } = callEnded({ state: 'ended', out: false, why: why as CallEnd })
  expect(text === '').toBe(want === 'needs none')
})

test.each(['network', 'silent', 'no-audio'] as const)('a call with trouble: %s', (warn) => {
  expect(callWarning({ state: 'talking', out: false, warn })).toMatch(/\. .+[.?]$/)
})

test.each(['NotAllowedError', 'SecurityError', 'NotFoundError', 'OverconstrainedError', 'NotReadableError', 'AbortError', 'TimeoutError', 'TypeError', 'InsecureContext', 'Unheard'])(
  'a microphone that cannot be opened: %s', (name) => {
    const { sentence, remedy } = openFailed(new DOMException('', name))
    expect([sentence, remedy].every((t) => t.length > 10)).toBe(true)
  })

test.each(Object.entries(close))('a connection that was closed: %s', (_, code) => {
  const { sentence, remedy } = lostWords(code)
  expect([sentence, remedy].every((t) => t.length > 10)).toBe(true)
})

describe('a microphone test', () => {
  test.each([
    [0, false, 'silent'], [0.0005, false, 'silent'], [0.01, false, 'quiet'], [0.3, false, 'works'], [0.3, true, 'muted'], [0, true, 'muted'],
  ] as const)('with %s, muted %s: %s', (loudest, muted, want) => {
    expect(judge(loudest, muted)).toBe(want)
    const { sentence, remedy } = resultWords(want)
    expect([sentence, remedy].every((t) => t.length > 10)).toBe(true)
  })
})
