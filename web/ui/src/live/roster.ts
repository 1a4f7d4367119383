// The live list of agents: one EventSource, a snapshot and then changes. An
// agent's older number never replaces a newer one, so a reconnect cannot turn a
// label back.
//
// A browser connects again by itself only after a broken connection. Any answer
// but 200 (the session has ended, the server is starting) ends an EventSource
// for good, and a connection that died in silence is never noticed; both are
// seen to here. At every loss onLost is told, so that somebody asks whether the
// session still lives.
import type { Agent, Schemas } from '../api/http'

export interface Roster {
  agents: ReadonlyMap<string, Agent>
  /** Ids by number. The same array as long as nobody comes, goes or is renumbered. */
  order: readonly string[]
  /** True once the first snapshot is complete. */
  ready: boolean
  /** False while the connection is down; what is shown may then be old. */
  connected: boolean
  /** The server's clock minus ours, in milliseconds: durations run on the server's time. */
  skew: number
}

type Source = Pick<EventSource, 'addEventListener' | 'close' | 'readyState'> & { onopen: unknown; onerror: unknown }

export interface LiveOptions {
  open?: () => Source
  /** Runs f after so many milliseconds; the returned function takes that back. */
  after?: (f: () => void, ms: number) => () => void
  now?: () => number
  onLost?: () => void
}

// Changes are shown together at most this often, in ms; a long list costs more
// to show.
const frame = (agents: number) => (agents > 2000 ? 250 : 100)
// The server says something every 15 s.
const deaf = 40_000
const closed = 2 // EventSource.CLOSED

const byNumber = new Intl.Collator('en', { numeric: true })

export class LiveRoster {
  private state: Roster = { agents: new Map(), order: [], ready: false, connected: false, skew: 0 }
  private readonly listeners = new Set<() => void>()
  private source?: Source
  private draft?: Map<string, Agent>
  private reorder = false
  private loading?: Set<string>
  private skew = 0 // of the draft
  private shown = 0 // when changes were shown last
  private due?: () => void // takes the next showing back
  private again?: () => void // takes the next attempt back
  private watch?: () => void // takes the watchdog back
  private heard = 0
  private failures = 0

  private readonly open: () => Source
  private readonly after: (f: () => void, ms: number) => () => void
  private readonly now: () => number

  constructor(private readonly options: LiveOptions = {}) {
    this.open = options.open ?? (() => new EventSource('/api/v1/events'))
    this.after = options.after ?? later
    this.now = options.now ?? (() => Date.now())
  }

  start(): void {
    if (this.source) return
    const s = this.open()
    this.source = s
    this.heard = this.now()
    s.onopen = () => this.opened()
    s.onerror = () => this.failed(s)
    this.on(s, 'snapshot', (e: Schemas['SnapshotEvent']) => this.snapshot(e))
    this.on(s, 'agent', (a: Agent) => this.changed(a))
    this.on(s, 'removed', (e: Schemas['RemovedEvent']) => this.removed(e.id))
    this.on(s, 'alive', (e: Schemas['AliveEvent']) => this.clockIs(e.at))
    this.listen()
  }

  stop(): void {
    this.source?.close()
    this.source = undefined
    for (const back of [this.due, this.again, this.watch]) back?.()
    this.due = this.again = this.watch = undefined
  }

  subscribe = (f: () => void): (() => void) => {
    this.listeners.add(f)
    return () => this.listeners.delete(f)
  }

  get = (): Roster => this.state

  private on<T>(s: Source, name: string, f: (data: T) => void): void {
    s.addEventListener(name, (e) => {
      this.heard = this.now()
      f(JSON.parse((e as MessageEvent<string>).data) as T)
    })
  }

  private opened(): void {
    this.failures = 0
    this.heard = this.now()
    this.loading = undefined // a torn snapshot begins anew
    this.set({ connected: true })
  }

  private failed(s: Source): void {
    if (s !== this.source) return
    this.set({ connected: false })
    if (s.readyState === closed) this.reopen()
    this.options.onLost?.()
  }

  /** Opens another stream after a pause that doubles to 15 s, spread at random. */
  private reopen(): void {
    this.stop()
    const pause = Math.min(1000 * 2 ** this.failures++, 15_000)
    this.again = this.after(() => this.start(), pause * (0.5 + Math.random() / 2))
  }

  private listen(): void {
    this.watch = this.after(() => {
      if (this.now() - this.heard < deaf) return this.listen()
      this.set({ connected: false })
      this.reopen()
      this.options.onLost?.()
    }, deaf / 4)
  }

  private snapshot(e: Schemas['SnapshotEvent']): void {
    this.loading ??= new Set()
    for (const a of e.agents) {
      this.loading.add(a.id)
      this.put(a)
    }
    if (e.agents[0]) this.clockIs(e.agents[0].at)
    if (e.complete === false) return
    const seen = this.loading
    this.loading = undefined
    for (const id of this.edit().keys()) if (!seen.has(id)) this.take(id)
    this.state = { ...this.state, ready: true, connected: true }
    this.show()
  }

  private changed(a: Agent): void {
    this.put(a)
    // A change may be told long after it was written down (after a pause of
    // this connection), so it can only show that the server's clock is ahead.
    const ahead = Date.parse(a.at) - this.now()
    if (ahead > this.skew + slack) this.skew = ahead
    this.later()
  }

  private removed(id: string): void {
    this.take(id)
    this.later()
  }

  private put(a: Agent): void {
    const old = this.edit().get(a.id)
    if (old && old.version > a.version) return
    if (old?.number !== a.number) this.reorder = true
    this.edit().set(a.id, a)
  }

  private take(id: string): void {
    if (this.edit().delete(id)) this.reorder = true
  }

  private clockIs(at: string): void {
    const skew = Date.parse(at) - this.now()
    if (!Number.isFinite(skew)) return
    const next = Math.abs(skew) > slack ? skew : 0
    if (Math.abs(next - this.skew) < slack) return
    this.skew = next
    this.later()
  }

  private edit(): Map<string, Agent> {
    return (this.draft ??= new Map(this.state.agents))
  }

  // A single change is shown at once, a burst at the pace of a frame.
  private later(): void {
    if (this.due || this.loading) return
    const pace = frame(this.state.agents.size)
    const wait = Math.max(0, this.shown + pace - this.now())
    this.due = this.after(() => this.show(), Math.min(wait, pace))
  }

  private show(): void {
    this.due?.()
    this.due = undefined
    this.shown = this.now()
    const agents = this.draft ?? this.state.agents
    this.draft = undefined
    let order = this.state.order
    if (this.reorder) {
      order = [...agents.values()].sort((a, b) => byNumber.compare(a.number, b.number)).map((a) => a.id)
      this.reorder = false
    }
    this.set({ agents, order, skew: this.skew })
  }

  private set(part: Partial<Roster>): void {
    this.state = { ...this.state, ...part }
    for (const f of this.listeners) f()
  }
}

// Differences of the clocks that do not matter, in ms.
const slack = 2000

function later(f: () => void, ms: number): () => void {
  const timer = setTimeout(f, ms)
  return () => clearTimeout(timer)
}
