// What a tab keeps over a reload: its id, its resume token, the epoch of its
// lead and whether it has the phone. It is kept in sessionStorage, which ends with the tab.

import { ownTab } from './tabs'

export interface Seat {
  tab: string
  resume?: string
  epoch?: number
  lead?: boolean
}

const key = (agent: string) => `lamplight.webphone:${agent}`

/** Reads the seat. A duplicated tab, which has a copy of the storage, gets a new
 * one. */
export async function loadSeat(agent: string): Promise<Seat> {
  let seat: Seat | undefined
  try {
    seat = JSON.parse(sessionStorage.getItem(key(agent)) ?? 'null') as Seat
  } catch {
    seat = undefined
  }
  if (typeof seat?.tab === 'string' && seat.tab !== '' && (await ownTab(seat.tab))) return seat
  const fresh = { tab: newId() }
  await ownTab(fresh.tab)
  saveSeat(agent, fresh)
  return fresh
}

export function saveSeat(agent: string, seat: Seat): void {
  try {
    sessionStorage.setItem(key(agent), JSON.stringify(seat))
  } catch {
    // Storage may be forbidden; a reload then needs a new ticket.
  }
}

function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(12))
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('')
}
