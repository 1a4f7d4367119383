import { expect, test } from 'vitest'
import { callEnded, callWarning, callWords } from './callwords'
import { toneOf } from './calls'

test('a call answered elsewhere is not a missed one', () => {
  expect(callEnded({ state: 'ended', out: false, why: 'elsewhere' })).toEqual({ missed: false, text: '' })
  expect(callEnded({ state: 'ended', out: false, why: 'canceled' })).toEqual({ missed: true, text: 'Missed call' })
  expect(callEnded({ state: 'ended', out: true, why: 'canceled' }).missed).toBe(false)
})

test('the sentence of the server says why a call failed', () => {
  expect(callEnded({ state: 'ended', out: true, why: 'refused', sentence: 'The line is busy.' }).text).toBe('The line is busy.')
  expect(callWarning({ state: 'talking', out: true, sentence: 'The transfer failed: The line is busy.' })).toContain('transfer')
  expect(callWarning({ state: 'ended', out: true, sentence: 'The line is busy.' })).toBeUndefined()
})

test('a page that may not be heard yet says what to do', () => {
  expect(callWarning({ state: 'talking', out: false, blocked: true, warn: 'silent' })).toContain('Click')
  expect(callWarning({ state: 'ended', out: false, blocked: true })).toBeUndefined()
})

test('each state of a call has its words', () => {
  expect(callWords({ state: 'ringing', out: false })).toBe('Incoming call')
  expect(callWords({ state: 'ringing', out: false, picked: true })).toBe('Connecting')
  expect(callWords({ state: 'ringing', out: true })).toBe('Ringing there')
  expect(callWords({ state: 'talking', out: true, held: true })).toBe('On hold')
  expect(callWords({ state: 'talking', out: true, held_far: true })).toBe('Held by the other side')
  expect(callWords({ state: 'talking', out: true, held: true, moving: true })).toBe('Being transferred')
})

test('it rings until the agent picks up', () => {
  const call = { id: 'a', from: '1', out: false, picked: false }
  expect(toneOf([])).toBe('none')
  expect(toneOf([{ ...call, state: 'ringing' }])).toBe('ring')
  expect(toneOf([{ ...call, state: 'ringing', picked: true }])).toBe('none')
  expect(toneOf([{ ...call, state: 'ringing', out: true }])).toBe('ringback')
  expect(toneOf([{ ...call, state: 'early', out: true }])).toBe('none')
  expect(toneOf([{ ...call, state: 'ringing', out: true }, { ...call, id: 'b', state: 'ringing' }])).toBe('ring')
})
