// What is to be done once in a call: keys, a transfer. A socket that is open may be dead, so
// each is said with a number, and the server says by its calls which it has taken. The next
// is said when the one before was taken. After a new connection what is young is said again
// by the same number, which the server passes over if it has it; of what is old by then
// the server's word decides whether it was done or the agent has to be told that it was not.
// A server that takes no numbers is told once, and believed to have heard it.

import type { Outgoing } from './protocol'

/** What is done once. */
export type Deed = { t: 'dtmf'; keys: string } | { t: 'transfer'; to?: string; with?: string }

/** How long something may wait to be said, in ms: after that it would surprise. */
export const waits = 5000
/** After so long without the server's word it is shown that it waits. */
const doubts = 1000
/** As many keys as the server takes at once, and as many as may wait. */
const most = 32

interface Item {
  deed: Deed
  at: number
}

export class Once {
  private number = 0
  private out: (Item & { n: number; asked: boolean }) | undefined // said; asked: and the server says soon whether it was taken
  private next: Item[] = []
  private blocked = false // there was no connection when it was last tried
  private doubted = false

  constructor(
    private readonly call: string,
    private readonly send: (message: Outgoing) => boolean,
  ) {}

  get idle(): boolean {
    return this.out === undefined && this.next.length === 0
  }

  /** Says it, now or later; false: it cannot wait and was not said. */
  add(deed: Deed, now: number, numbered: boolean): boolean {
    const last = this.next.at(-1)
    const keys = this.next.reduce((sum, { deed: d }) => sum + (d.t === 'dtmf' ? d.keys.length : 0), 0)
    if (deed.t === 'dtmf' && keys + deed.keys.length > most) return false
    if (deed.t === 'dtmf' && last?.deed.t === 'dtmf') last.deed = { t: 'dtmf', keys: last.deed.keys + deed.keys }
    else this.next.push({ deed, at: now })
    this.go(numbered)
    if (deed.t === 'transfer' && this.blocked && this.next.length === 1 && this.out === undefined) {
      this.next = []
      return false
    }
    return true
  }

  /** Says what is due. */
  go(numbered: boolean): void {
    while (this.out === undefined) {
      const item = this.next[0]
      if (item === undefined) break
      const n = this.number + 1
      this.blocked = !this.send({ ...item.deed, call: this.call, ...(numbered ? { n } : {}) })
      if (this.blocked) break
      this.next.shift()
      if (numbered) {
        this.number = n
        this.out = { ...item, n, asked: false }
        this.doubted = false
      }
    }
  }

  /** There is a new connection. */
  again(now: number, numbered: boolean): void {
    this.blocked = false
    if (this.out === undefined) return
    if (!numbered) this.out = undefined // another server, which cannot say
    else if (now - this.out.at >= waits) this.out.asked = true
    else this.send({ ...this.out.deed, call: this.call, n: this.out.n })
  }

  /** The server has taken all up to a number. The result was not done. */
  taken(n: number): Deed | undefined {
    this.number = Math.max(this.number, n) // the page that was here before this one said some
    const { out } = this
    if (out === undefined || (n < out.n && !out.asked)) return undefined
    this.out = undefined
    return n < out.n ? out.deed : undefined
  }

  /** Gives up what has waited for too long; what was said may have been done. */
  late(now: number): Deed[] {
    const old = this.next.filter((i) => now - i.at >= waits)
    this.next = this.next.filter((i) => now - i.at < waits)
    if (this.out !== undefined && now - this.out.at >= doubts) this.doubted = true
    return old.map((i) => i.deed)
  }

  /** When to look again; Infinity: there is no need. */
  due(now: number): number {
    const first = this.next[0]?.at ?? Infinity
    const { at } = this.out ?? { at: Infinity }
    const marks = [first + waits, at + doubts, at + waits].filter((m) => m > now)
    return Math.min(Infinity, ...marks)
  }

  /** What waits for the connection, in words. */
  words(): string[] {
    const doubtful = this.out !== undefined && (this.doubted || this.blocked)
    const items = [...(doubtful && this.out !== undefined ? [this.out] : []), ...(doubtful || this.blocked ? this.next : [])]
    const keys = items.map((i) => (i.deed.t === 'dtmf' ? i.deed.keys : '')).join('')
    return [...(keys === '' ? [] : [`the keys ${keys}`]), ...(items.some((i) => i.deed.t === 'transfer') ? ['the transfer'] : [])]
  }
}

/** That something was not done. */
export function notDone(deed: Deed): string {
  return deed.t === 'transfer'
    ? 'The call was not transferred: there is no connection to the server. Try again when it is back.'
    : `The keys ${deed.keys} were not sent: there is no connection to the server. Press them again when it is back.`
}
