// The live list of agents: one EventSource, a snapshot and then changes. An
// agent's older number never replaces a newer one, so a reconnect cannot turn a
// label back.
import type { Agent, Schemas } from '../api/http'

export interface Roster {
  agents: ReadonlyMap<string, Agent>
  /** True once the first snapshot is complete. */
  ready: boolean
  /** False while the connection is down; what is shown may then be old. */
  connected: boolean
  /** The server's clock minus ours, in milliseconds: durations run on the server's time. */
  skew: number
}

type Source = Pick<EventSource, 'addEventListener' | 'close'> & { onopen: unknown; onerror: unknown }

export class LiveRoster {
  private state: Roster = { agents: new Map(), ready: false, connected: false, skew: 0 }
  private listeners = new Set<() => void>()
  private source?: Source
  private scheduled = false
  private draft?: Map<string, Agent>
  private loading?: Set<string>

  constructor(
    private readonly open: () => Source = () => new EventSource('/api/v1/events'),
    private readonly schedule: (f: () => void) => void = (f) => void setTimeout(f, 16),
    private readonly now: () => number = () => Date.now(),
  ) {}

  start(): void {
    if (this.source) return
    const s = this.open()
    this.source = s
    s.onopen = () => this.set({ connected: true })
    s.onerror = () => this.set({ connected: false })
    s.addEventListener('snapshot', (e) => this.snapshot(JSON.parse((e as MessageEvent<string>).data) as Schemas['SnapshotEvent']))
    s.addEventListener('agent', (e) => this.put(JSON.parse((e as MessageEvent<string>).data) as Agent))
    s.addEventListener('removed', (e) => this.remove((JSON.parse((e as MessageEvent<string>).data) as Schemas['RemovedEvent']).id))
  }

  stop(): void {
    this.source?.close()
    this.source = undefined
  }

  subscribe = (f: () => void): (() => void) => {
    this.listeners.add(f)
    return () => this.listeners.delete(f)
  }

  get = (): Roster => this.state

  private snapshot(e: Schemas['SnapshotEvent']): void {
    this.loading ??= new Set()
    for (const a of e.agents) {
      this.loading.add(a.id)
      this.put(a)
    }
    if (e.complete === false) return
    const seen = this.loading
    this.loading = undefined
    for (const id of this.edit().keys()) if (!seen.has(id)) this.edit().delete(id)
    this.flush()
    this.set({ ready: true, connected: true })
  }

  private put(a: Agent): void {
    const old = this.edit().get(a.id)
    if (old && old.version > a.version) return
    this.edit().set(a.id, a)
    const skew = Date.parse(a.at) - this.now()
    if (Number.isFinite(skew) && Math.abs(skew) > 2000) this.state = { ...this.state, skew: this.loading ? this.state.skew : skew }
    else if (!this.loading) this.state = { ...this.state, skew: 0 }
    this.later()
  }

  private remove(id: string): void {
    this.edit().delete(id)
    this.later()
  }

  private edit(): Map<string, Agent> {
    return (this.draft ??= new Map(this.state.agents))
  }

  // Changes that arrive together are shown together: one render a frame.
  private later(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.schedule(() => {
      this.scheduled = false
      this.flush()
      this.tell()
    })
  }

  private flush(): void {
    if (!this.draft) return
    this.state = { ...this.state, agents: this.draft }
    this.draft = undefined
  }

  private set(part: Partial<Roster>): void {
    this.state = { ...this.state, ...part }
    this.tell()
  }

  private tell(): void {
    for (const f of this.listeners) f()
  }
}
