import { describe, expect, test } from 'vitest'
import type { Agent, Change, StatusChoice } from '../api/http'
import { actor, because, call, explain } from '../status/words'
import { admitted, counts, teamsOf } from './filter'
import { reasons, sentence, when } from './history'

type Status = Agent['status']['team']['status']

function agent(number: string, name: string, status: Status, text: string, teams: string[] = []): Agent {
  const view = { status, text, since: '', cause: '', duration_seconds: 0 }
  return { id: number, number, name, teams, status: { team: view } } as unknown as Agent
}

const ada = agent('1001', 'Ada', 'available', 'Available', ['sales'])
const bo = agent('1002', 'Bo', 'offline', 'Offline', ['sales', 'support'])
const cy = agent('1003', 'Cy', 'custom', 'Lunch', ['support'])
const all = new Map([bo, cy, ada].map((a) => [a.id, a]))
const order = ['1001', '1002', '1003']

describe('the list', () => {
  test.each([
    ['everybody', null, '', ['1001', '1002', '1003']],
    ['a team', 'support', '', ['1002', '1003']],
    ['a name in any case', null, ' aD', ['1001']],
    ['a number', null, '003', ['1003']],
    ['both', 'sales', 'cy', []],
  ])('admits %s', (_, team, text, want) => {
    expect(admitted(all, order, { team, text }).map((a) => a.id)).toEqual(want)
  })
  test('knows the teams', () => expect(teamsOf(all)).toEqual(['sales', 'support']))
})

describe('the counts', () => {
  const said = (l: ReturnType<typeof counts>) => l.map(([v, n]) => `${n} ${v.text}`)
  test('keep their places whatever the numbers', () => {
    expect(said(counts([bo, bo, ada, cy]))).toEqual(['1 Available', '1 Lunch', '2 Offline'])
    expect(said(counts([bo, ada, ada, ada, cy]))).toEqual(['3 Available', '1 Lunch', '1 Offline'])
  })
  test('keep what is chosen when nobody shows it any more', () => {
    expect(said(counts([bo], cy.status.team))).toEqual(['0 Lunch', '1 Offline'])
  })
})

const choices: StatusChoice[] = [
  { status: 'available', text: 'Available', selectable: true },
  { status: 'offline', text: 'Offline', selectable: false },
  { status: 'custom', custom: 'Lunch', text: 'Lunch', selectable: true },
]
const change = (kind: string, before: unknown, after: unknown, part: Partial<Change> = {}): Change => ({ seq: 1, time: '', kind, entity: 'x', actor: 'agent:1001', cause: 'agent', before, after, ...part })
const options = (webphone: boolean) => ({ options: { webphone, sip_phone: false, mobile: webphone } })

describe('the history', () => {
  const cases: Record<string, [Change, string]> = {
    'a status': [change('status', { team: { status: 'offline' }, own: { status: 'offline' } }, { team: { status: 'available' }, own: { status: 'available' } }), 'Shown: Offline → Available'],
    'the agent first': [change('status', { team: { status: 'available' }, own: { status: 'available' } }, { team: { status: 'available' }, own: { status: 'offline' } }), 'The agent sees: Available → Offline, the team still Available'],
    'the team after': [change('status', { team: { status: 'available' }, own: { status: 'offline' } }, { team: { status: 'offline' }, own: { status: 'offline' } }), 'The team sees: Available → Offline'],
    'a selection': [change('selection', { status: 'available' }, { status: 'custom:Lunch' }), 'Selected: Available → Lunch'],
    'options off': [change('options', options(true), options(false)), 'Calls ring on: webphone, mobile → nothing'],
    'options, first': [change('options', undefined, options(true)), 'Calls ring on: webphone, mobile'],
    'wrap-up over': [change('wrap-up', { Call: 'c' }, undefined), 'Wrap-up ended'],
    'wrap-up by hand': [change('wrap-up', undefined, { Until: '0001-01-01T00:00:00Z' }), 'Wrap-up began'],
    'a new agent': [change('config', undefined, { name: 'Ada' }), 'Entered in the directory'],
    'a new name': [change('config', { name: 'Ada', teams: ['a'] }, { name: 'Ada L', teams: ['a', 'b'] }), 'Name: Ada → Ada L; Teams: a → a, b'],
    'a password': [change('config', {}, { login_hash: '(set)' }), 'Page password set'],
    'what is not known': [change('oddity', 1, 2), 'Oddity'],
  }
  for (const [name, [c, want]] of Object.entries(cases)) test(name, () => expect(sentence(c, choices)).toBe(want))

  test('says who and why', () => {
    expect(reasons(change('selection', {}, { reason: 'noon' }, { cause: 'supervisor', actor: 'agent:1006' }))).toBe('set by a supervisor (1006): “noon”')
    expect(reasons(change('wrap-up', {}, undefined, { cause: 'wrap-up-expired', actor: 'system' }))).toBe('wrap-up ran out')
  })
  test('names the day only when it is another', () => {
    const now = new Date('2026-03-04T12:00:00')
    expect(when('2026-03-04T10:00:00', now)).not.toMatch(/Mar|\d,/)
    expect(when('2026-03-03T10:00:00', now)).toMatch(/3/)
    expect(when('2026-03-03T10:00:00', now)).toContain(',')
  })
})

describe('words', () => {
  test('for an agent nothing was heard of', () => expect(because({ status: 'offline' })).toBe('not logged in so far'))
  test('for a cause this page does not know', () => expect(because({ status: 'offline', cause: 'new-thing' })).toBe('new-thing'))
  test.each([['agent:1006', '1006'], ['token:demo-admin', 'demo-admin'], ['system', '']])('for the actor %s', (a, want) => expect(actor(a)).toBe(want))
  test('for a call', () => {
    const leg = { id: 'l', call: 'c', direction: 'inbound', kind: 'campaign', state: 'ringing', since: '' } as const
    expect(call(leg)).toBe('Ringing: an unknown caller (campaign call)')
    expect(call({ ...leg, kind: 'regular', state: 'talking', remote: '+4930' })).toBe('Talking to +4930')
  })
  test('for the agent: why, the reason, and once only why no call comes', () => {
    const own = { status: 'offline', text: 'Offline', since: '', cause: 'microphone-denied', why: 'the microphone is denied', duration_seconds: 0 }
    const a = { ...ada, reachable: false, why: 'webphone: the microphone is denied', status: { team: ada.status.team, own } } as unknown as Agent
    expect(explain(a)).toBe('The microphone is denied · the team sees Available')
    const lunch = { status: 'custom', custom: 'Lunch', text: 'Lunch', since: '', cause: 'supervisor', duration_seconds: 0 }
    const b = { ...ada, status: { team: lunch, own: lunch }, selected: { status: 'custom', custom: 'Lunch', reason: 'noon' } } as unknown as Agent
    expect(explain(b)).toBe('Set by a supervisor · reason given: noon')
  })
})
