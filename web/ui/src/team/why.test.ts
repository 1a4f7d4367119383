import { describe, expect, test } from 'vitest'
import { about, at, did, inShort, outcome, party, place, type CallDecision, type CallSummary } from './why'

const summary: CallSummary = { seq: 1, id: 'd', at: '2026-03-04T12:00:00Z', allow: true, explanation: '' }
const one = { target: 'b', at: '', what: 'called', after_seconds: 0 }

describe('a call in short', () => {
  test.each<[string, Partial<CallSummary>, string]>([
    ['that was answered', { caller: 'sip:+49301234@trunk.test;user=phone', status: 200 }, 'From +49301234: answered'],
    ['that was given up', { caller: 'sip:+49301234@trunk.test', status: 487 }, 'From +49301234: the caller gave up'],
    ['from nobody known', { status: 486 }, 'From an unknown caller: busy'],
    ['that the agent made', { number: '+4930', status: 404 }, 'To +4930: unknown number'],
    ['that only was asked about', { caller: 'sip:a@b' }, 'From a: only asked for'],
    ['with a rare end', { caller: 'sip:a@b', status: 499 }, 'From a: ended with 499'],
  ])('%s', (_, part, want) => expect(inShort({ ...summary, ...part })).toBe(want))
  test('redirected', () => expect(outcome(302)).toBe('sent elsewhere'))
})

describe('who', () => {
  test.each([
    ['sip:%2B49@x', '+49'],
    ['sip:%zz@x', '%zz'],
    ['tel:+49-30', '+49-30'],
    ['anonymous', 'anonymous'],
  ])('%s calls', (uri, want) => expect(party(uri)).toBe(want))
  test('a group is decided about', () =>
    expect(about({ about: 'group', decision: { agent: { id: 'g', number: '600', name: 'Sales' } } } as CallDecision)).toBe('Group 600 Sales'))
  test('an agent is', () => expect(about({ decision: { agent: { id: 'a', number: '1001', name: '' } } } as CallDecision)).toBe('1001'))
})

describe('what was tried', () => {
  test.each([
    ['a member', { id: '1001', kind: 'member' }, 'agent 1001'],
    ['a device with a name', { id: 'b', kind: 'desk', name: 'Window seat' }, 'Desk phone, Window seat'],
    ['a device without', { id: 'b', kind: 'desk' }, 'Desk phone'],
    ['what it is not told', { target: 'trunk' }, 'trunk'],
  ])('%s', (_, t, want) => expect(place(t)).toBe(want))
  test.each<[object, string]>([
    [{}, 'called'],
    [{ what: 'rings', status: 180 }, 'rings (180)'],
    [{ what: 'failed', status: 486 }, 'was busy (486)'],
    [{ what: 'failed', status: 408 }, 'did not answer (408)'],
    [{ what: 'failed', status: 500 }, 'did not take it (500)'],
  ])('%o', (part, want) => expect(did({ ...one, ...part })).toBe(want))
  test('at once', () => expect(at({ ...one, after_seconds: -0.01 })).toBe('0.0 s'))
  test('after a while', () => expect(at({ ...one, after_seconds: 75 })).toBe('1:15'))
})
