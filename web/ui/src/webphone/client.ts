// The webphone's client: it keeps one tab's session with the server.
//
//   const phone = new Webphone({ agent: '1001' })
//   const off = phone.onState((state) => render(state))
//   await phone.start()            // after login; connects and goes on by itself
//   phone.allowMicrophone()        // from a click: asks for the microphone
//   phone.takeOver()               // "Use here": the phone moves to this tab
//   phone.tryAgain()               // after the agent did what the remedy said
//   phone.logout()                 // ends the session at once, without grace
//   phone.calls.dial('1002')       // and answer, reject, hangup, hold, mute, press, transfer
//   off(); phone.stop()            // leaves the page without logging out
//
// onState calls back at once with the present state, then on every change, with
// a new object each time. What the agent should see is in it: `connection`, the
// server's own view in `server` (its `target` says whether calls can ring here),
// and `problem`, the one sentence with its remedy that matters most now.
//
// Nothing here depends on timers being on time: the server asks and the answer
// is made in the message handler.

import { Calls } from './calls'
import { Devices } from './devices'
import type { Use } from './devices'
import { Hearing } from './hearing'
import { Microphone } from './microphone'
import { MicTest } from './mictest'
import type { MicTestState } from './mictest'
import { allowNotifications } from './notify'
import { openMicrophone } from './openmic'
import { Pace } from './pace'
import { close, subprotocol } from './protocol'
import type { DeviceTold, Incoming, MicClaim, Outgoing, ServerState, Visibility, Welcome } from './protocol'
import { loadSeat, saveSeat } from './seat'
import type { Seat } from './seat'
import { problemOf } from './state'
import type { Connection, WebphoneState } from './state'
import { Tabs } from './tabs'
import { TestCall } from './testcall'
import { watchdog } from './watchdog'
import { micState } from './words'

export interface WebphoneOptions {
  /** Distinguishes agents that share a browser. */
  agent: string
  /** Address of the WebSocket; default /webphone on this server. */
  url?: string
  /** Address of the goodbye by HTTP; default /webphone/bye. */
  bye?: string
  /** Fetches a ticket; rejects with LoggedOut when the login is over. */
  ticket?: () => Promise<string>
  client?: 'web' | 'desktop'
  /** Ask for the microphone as soon as the server wants to know (default), or
   * only from allowMicrophone(), where the browser would show a question. */
  ask?: 'at-once' | 'on-click'
}

/** The login is over; the page should show it. */
export class LoggedOut extends Error {}

// A page that reloads gets its phone back within this time, in ms, before
// another tab takes it.
const patience = 1500

export class Webphone {
  private socket: WebSocket | undefined
  private coming: WebSocket | undefined // opened, not welcomed yet
  private welcome: Welcome | undefined
  private server: ServerState | undefined
  private connection: Connection = 'off'
  private seat: Seat = { tab: '' }
  private test: TestCall | undefined
  private readonly hearing = new Hearing()
  private early: Promise<string> | undefined // a ticket that was asked for before it is needed
  private moved = false // the network changed, or may have: the server is to hear of it
  private failures = 0
  private code = 0 // why the last socket was closed
  private retry = 0
  private claim = 0 // timer: take the lead
  private attempt = 0
  private running = false
  private endWatchdog: () => void = () => undefined
  private events = new AbortController()
  private readonly listeners = new Set<(state: WebphoneState) => void>()
  private readonly mic: Microphone
  private readonly micWord = new Pace<MicClaim>((mic) => void this.send({ t: 'mic', mic }))
  private readonly deviceWord = new Pace<DeviceTold[]>((devices) => void this.send({ t: 'devices', devices }))
  private readonly tabs: Tabs
  /** The calls of this tab. */
  readonly calls: Calls
  /** What they are spoken and heard by. */
  readonly devices: Devices

  constructor(private readonly options: WebphoneOptions) {
    this.devices = new Devices({ onChange: () => this.devicesChanged(), onUse: (use) => this.use(use) })
    this.mic = new Microphone({
      deviceId: () => this.devices.id('microphone'),
      onChange: (mic) => {
        this.micWord.say(mic)
        if (mic.probe === 'ok') void this.devices.refresh() // they have names from now on
        this.emit()
      },
      onDue: () => {
        if (this.server?.leader === 'you') void this.mic.probe()
      },
    })
    this.calls = new Calls({
      send: (message) => this.send(message),
      onChange: () => this.emit(),
      microphone: () => openMicrophone(this.devices.id('microphone')),
      device: (use) => this.devices.id(use),
      onUnheard: () => void this.mic.probe(),
    })
    this.tabs = new Tabs(`lamplight-phone:${options.agent}`, (lead) => {
      if (lead) this.claimSoon()
      this.emit()
    })
  }

  get state(): WebphoneState {
    const microphone = micState(this.mic.claim)
    return {
      connection: this.connection,
      server: this.server,
      microphone,
      lead: this.tabs.lead,
      session: this.welcome?.sid,
      calls: this.calls.list,
      devices: this.devices.state,
      problem: problemOf(this.connection, this.server, microphone, this.failures, this.code),
    }
  }

  onState(listener: (state: WebphoneState) => void): () => void {
    this.listeners.add(listener)
    listener(this.state)
    return () => this.listeners.delete(listener)
  }

  async start(): Promise<void> {
    if (this.running) return
    this.running = true
    this.events = new AbortController()
    this.follow()
    this.calls.start()
    if (this.seat.tab === '') this.seat = await loadSeat(this.options.agent)
    await Promise.all([this.tabs.start(this.seat.lead === true), this.mic.start(), this.devices.start()])
    if (this.running) void this.connect()
  }

  /** Leaves without logging out: as a closed tab. */
  stop(): void {
    this.goodbye('pagehide')
    this.end('off')
  }

  logout(): void {
    this.goodbye('logout')
    this.keep({ tab: this.seat.tab })
    this.end('logged-out')
  }

  takeOver(): void {
    this.tabs.steal()
    this.send({ t: 'lead' })
    if (this.connection === 'replaced') void this.connect().then(() => this.send({ t: 'lead' }))
  }

  allowMicrophone(): void {
    allowNotifications()
    void this.mic.probe()
  }

  /** Tests the microphone while there is no call; from a click. The caller runs and stops
   * it. */
  testMicrophone(onChange: (state: MicTestState) => void): MicTest {
    return new MicTest({
      open: () => openMicrophone(this.devices.id('microphone')),
      speaker: () => this.devices.id('speaker'),
      onChange,
    })
  }

  tryAgain(): void {
    if (this.connection === 'waiting') void this.connect()
    void this.mic.probe().then(() => this.send({ t: 'retest', why: 'agent' }))
  }

  private devicesChanged(): void {
    if (this.welcome?.takes?.includes('devices') === true) this.deviceWord.say(this.devices.told())
    this.emit()
  }

  /** Another device is to be used from now on; a microphone has to be proven. */
  private use(use: Use): void {
    this.calls.use(use)
    if (use === 'microphone' && this.server?.leader === 'you' && this.calls.idle) {
      void this.mic.probe().then(() => this.send({ t: 'retest', why: 'device' }))
    }
  }

  /** Takes the lead if nobody has it by then. */
  private claimSoon(): void {
    window.clearTimeout(this.claim)
    this.claim = window.setTimeout(() => {
      if (this.tabs.lead && this.server?.leader === 'none') this.send({ t: 'lead' })
    }, patience + Math.random() * 500)
  }

  private keep(seat: Seat): void {
    this.seat = seat
    saveSeat(this.options.agent, seat)
  }

  private emit(): void {
    const state = this.state
    for (const listener of this.listeners) listener(state)
  }

  private to(connection: Connection): void {
    this.connection = connection
    if (connection !== 'connected') this.calls.unheard()
    this.emit()
  }

  // What the browser tells of this page and the machine.
  private follow(): void {
    const options = { signal: this.events.signal }
    window.addEventListener('pagehide', () => this.goodbye('pagehide'), options)
    window.addEventListener('pageshow', (event) => {
      if (event.persisted) void this.connect()
    }, options)
    document.addEventListener('freeze', () => this.send({ t: 'freeze' }), options)
    document.addEventListener('resume', () => this.awake(), options)
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible' && this.connection === 'waiting') void this.connect()
    }, options)
    window.addEventListener('online', () => this.awake(), options)
    this.endWatchdog = watchdog({
      onTick: () => this.listen(),
      onJump: () => this.awake(),
    })
  }

  /** Nothing has come for too long: a new socket. */
  private listen(): void {
    if (this.hearing.quiet()) this.calls.unheard()
    const inCall = !this.calls.idle
    if (!this.hearing.lost(inCall) || this.connection !== 'connected') return
    if (inCall) this.awake()
    else void this.connect()
  }

  /** The machine slept or the network changed: a new socket, and with its welcome a new
   * test and new ICE. A browser whose network has just changed often closes the first
   * socket at once; then it is said by the one that follows. */
  private awake(): void {
    if (!this.running || this.connection === 'replaced') return
    this.moved = true
    void this.connect()
  }

  private end(connection: Connection): void {
    this.running = false
    window.clearTimeout(this.retry)
    window.clearTimeout(this.claim)
    this.attempt++
    this.coming?.close()
    this.coming = undefined
    this.endWatchdog()
    this.events.abort()
    this.drop()
    this.tabs.stop()
    this.calls.stop()
    this.mic.stop()
    this.devices.stop()
    this.micWord.stop()
    this.deviceWord.stop()
    this.to(connection)
  }

  private drop(): void {
    this.test?.close()
    this.test = undefined
    const socket = this.socket
    this.socket = undefined
    this.server = undefined
    if (socket !== undefined) {
      socket.onopen = socket.onmessage = socket.onclose = null
      socket.close()
    }
  }

  /** Says goodbye both ways: either may be the one that arrives. */
  private goodbye(why: 'pagehide' | 'logout'): void {
    this.send({ t: 'bye', why })
    if (this.welcome !== undefined) {
      const body = JSON.stringify({ resume: this.welcome.resume, why })
      navigator.sendBeacon(this.options.bye ?? '/webphone/bye', body)
    }
    this.mic.release()
  }

  /** Opens a socket. One that is open stays until the server takes the new one
   * for it, so that nothing is lost in between. Resolves with the welcome. */
  private async connect(): Promise<void> {
    if (!this.running) return
    window.clearTimeout(this.retry)
    const attempt = ++this.attempt
    this.hearing.opens()
    if (this.connection !== 'connected') this.to('connecting')
    const resume = this.seat.resume
    if (resume !== undefined && this.hearing.away()) this.askEarly()
    let ticket: string | undefined
    try {
      if (resume === undefined) ticket = await this.ticket()
    } catch (error) {
      if (attempt !== this.attempt) return
      if (error instanceof LoggedOut) this.end('logged-out')
      else this.later(0)
      return
    }
    if (attempt !== this.attempt || !this.running) return
    const url = new URL(this.options.url ?? '/webphone', location.href)
    url.protocol = url.protocol.replace('http', 'ws')
    await this.open(new WebSocket(url, subprotocol), resume, ticket)
  }

  /** Resolves when the socket is welcomed, closed, or not wanted any more. */
  private open(socket: WebSocket, resume: string | undefined, ticket: string | undefined): Promise<void> {
    this.coming?.close()
    this.coming = socket
    const wanted = () => this.coming === socket
    return new Promise((resolve) => {
      socket.onopen = () => {
        if (wanted()) socket.send(JSON.stringify(this.hello(resume, ticket)))
      }
      socket.onmessage = (event: MessageEvent<string>) => {
        const message = JSON.parse(event.data) as Incoming
        if (!wanted()) return
        if (message.t === 'welcome') {
          this.coming = undefined
          this.adopt(socket, message)
          resolve()
        } else if (message.t === 'refused' && message.retry) {
          void this.secondHello(socket)
        }
      }
      socket.onclose = (event) => {
        if (wanted()) {
          this.coming = undefined
          this.lost(event.code)
        }
        resolve()
      }
    })
  }

  /** The resume token is not good any more: say hello with a ticket. */
  private async secondHello(socket: WebSocket): Promise<void> {
    this.keep({ ...this.seat, resume: undefined })
    try {
      const early = this.early
      this.early = undefined
      const ticket = await (early?.catch(() => this.ticket()) ?? this.ticket())
      socket.send(JSON.stringify(this.hello(undefined, ticket)))
    } catch (error) {
      socket.close()
      if (error instanceof LoggedOut) this.end('logged-out')
    }
  }

  private hello(resume: string | undefined, ticket: string | undefined): Outgoing {
    return {
      t: 'hello',
      resume,
      ticket,
      tab: this.seat.tab,
      client: this.options.client ?? 'web',
      ua: navigator.userAgent.slice(0, 256),
      lead: this.tabs.lead,
      epoch: this.seat.epoch,
      mic: this.mic.claim,
      vis: visibility(),
    }
  }

  /** The server has given this page up by now, and will want a ticket. A browser asks for
   * it over a connection that may be dead, and finds that out 10 s after it is asked. */
  private askEarly(): void {
    if (this.early !== undefined) return
    const early = this.ticket()
    this.early = early
    early.catch(() => {
      if (this.early === early) this.early = undefined
    })
  }

  private async ticket(): Promise<string> {
    if (this.options.ticket !== undefined) return this.options.ticket()
    const response = await fetch('/api/v1/webphone-ticket', { method: 'POST', credentials: 'same-origin' })
    if (response.status === 401) throw new LoggedOut()
    if (!response.ok) throw new Error(`ticket: ${response.status}`)
    return ((await response.json()) as { ticket: string }).ticket
  }

  private adopt(socket: WebSocket, welcome: Welcome): void {
    this.drop()
    this.socket = socket
    this.welcome = welcome
    this.failures = this.code = 0
    this.early = undefined
    this.hearing.hears()
    const epoch = welcome.lead ? welcome.epoch : this.seat.epoch
    this.keep({ tab: this.seat.tab, resume: welcome.resume, epoch, lead: welcome.lead })
    socket.onmessage = (event: MessageEvent<string>) => this.receive(JSON.parse(event.data) as Incoming)
    socket.onclose = (event) => {
      // While another one is being opened, that one's end counts.
      if (this.coming === undefined) this.lost(event.code)
    }
    this.calls.welcome(welcome, this.moved)
    if (this.moved) this.send({ t: 'retest', why: 'network' })
    this.moved = false
    this.devicesChanged()
    this.to('connected')
  }

  private receive(message: Incoming): void {
    this.hearing.hears()
    if (this.calls.receive(message)) return
    switch (message.t) {
      case 'ping':
        this.send({ t: 'pong', n: message.n, mic: this.mic.claim, vis: visibility() })
        this.calls.measure()
        return
      case 'state':
        this.server = message
        this.keep({ ...this.seat, lead: message.leader === 'you' })
        if (message.leader === 'none' && this.tabs.lead) this.claimSoon()
        this.emit()
        return
      case 'ice':
        if (this.welcome !== undefined) this.welcome = { ...this.welcome, ice: message.ice }
        this.calls.relays(message.ice)
        return
      case 'probe':
        if (this.mayAsk()) void this.mic.probe()
        return
      case 'test':
        void this.makeTestCall(message.call)
        return
      case 'answer':
        void this.test?.answer(message.sdp).catch(() => undefined) // the server sees no call come
        return
      case 'over':
        this.test?.close()
        this.test = undefined
        this.mic.release()
    }
  }

  /** Opening the microphone may put up the browser's question. */
  private mayAsk(): boolean {
    const { perm } = this.mic.claim
    return (this.options.ask ?? 'at-once') === 'at-once' || perm === 'granted' || perm === 'denied'
  }

  private async makeTestCall(call: string): Promise<void> {
    this.test?.close()
    this.test = undefined
    const stream = await this.mic.take()
    if (stream === undefined || this.welcome === undefined) return
    const test = new TestCall({ call, stream, ice: this.welcome.ice, send: (m) => this.send(m) })
    this.test = test
    await test.start().catch(() => test.close())
  }

  private send(message: Outgoing): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false
    this.socket.send(JSON.stringify(message))
    return true
  }

  /** The socket is closed: stop, or come back. */
  private lost(code: number): void {
    this.drop()
    this.code = code
    switch (code) {
      case close.loggedOut:
        this.keep({ tab: this.seat.tab })
        this.end('logged-out')
        return
      case close.replaced:
        this.keep({ tab: this.seat.tab })
        this.calls.leave()
        this.to('replaced')
        return
      case close.restart:
        this.later(Math.random() * 3000)
        return
      case close.refused:
        this.keep({ ...this.seat, resume: undefined })
        break
      case close.broken:
        if (!this.calls.idle) this.moved = true // it is how browsers close them when the network changes
        break
      case close.policy:
      case close.tooBig:
      case close.tooMany:
        this.failures = Math.max(this.failures, 5)
    }
    this.later(0)
  }

  /** Tries again after a pause that doubles to 15 s, spread at random. */
  private later(least: number): void {
    if (!this.running) return
    const pause = Math.min(250 * 2 ** this.failures, 15_000)
    this.failures++
    this.to('waiting')
    window.clearTimeout(this.retry)
    this.retry = window.setTimeout(() => void this.connect(), least + pause * (0.5 + Math.random() / 2))
  }
}

function visibility(): Visibility {
  return document.visibilityState === 'visible' ? 'visible' : 'hidden'
}
