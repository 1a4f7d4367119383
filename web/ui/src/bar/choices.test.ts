import { describe, expect, test } from 'vitest'
import type { StatusChoice } from '../api/http'
import { offered, rings, selectedText, withNumber } from './choices'

const choices: StatusChoice[] = [
  { status: 'available', text: 'Available', selectable: true },
  { status: 'custom', custom: 'Lunch', text: 'Lunch', selectable: true, colour: 'amber', icon: 'utensils' },
  { status: 'custom', custom: 'Odd', text: 'Odd', selectable: true, colour: 'no such', icon: 'no such' },
  { status: 'on_a_call', text: 'On a Call', selectable: false },
]

describe('the status menu', () => {
  test('offers what may be selected by hand, and marks what is', () => {
    const list = offered({ selected: { status: 'custom', custom: 'Lunch' } }, choices)
    expect(list.map((o) => [o.text, o.selected])).toEqual([['Available', false], ['Lunch', true], ['Odd', false]])
    expect(list[0]!.choice).toEqual({ status: 'available' })
    expect(list[1]!.choice).toEqual({ status: 'custom', custom: 'Lunch' })
  })
  test('gives every status a drawing and a colour that exist', () => {
    for (const o of offered({}, choices)) expect([o.look.colour, o.look.icon]).not.toContain('no such')
  })
  test('names a selection that the domain has no more', () => {
    expect(selectedText({ selected: { status: 'custom', custom: 'Gone' } }, choices)).toBe('Gone')
    expect(selectedText({ selected: { status: 'do_not_disturb' } }, [])).toBe('Do Not Disturb')
    expect(selectedText({}, choices)).toBeUndefined()
  })
})

describe('the forwarding options', () => {
  const numbers = [{ number: '+49301', enabled: true }, { number: '+49302', enabled: false }]
  test('are named as what rings', () => {
    expect(rings({ webphone: true, sip_phone: true, mobile: false })).toBe('webphone, phone')
    expect(rings({ webphone: false, sip_phone: false, mobile: false, numbers })).toBe('+49301')
    expect(rings({ webphone: false, sip_phone: false, mobile: false })).toBe('nothing')
  })
  test('switch one number and leave the rest', () => {
    const next = withNumber({ webphone: true, sip_phone: false, mobile: false, numbers }, 1, true)
    expect(next.numbers!.map((n) => n.enabled)).toEqual([true, true])
    expect(next.webphone).toBe(true)
    expect(numbers[1]!.enabled).toBe(false)
  })
})
