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
import { Line } from './line'
import { Microphone } from './microphone'
import { MicTest } from './mictest'
import type { MicTestState } from './mictest'
import { allowNotifications } from './notify'
import { openMicrophone } from './openmic'
import { Pace } from './pace'
import type { DeviceTold, Incoming, MicClaim, Outgoing, ServerState, Visibility, Welcome } from './protocol'
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

// A page that reloads gets its phone back within this time, in ms, before
// another tab takes it.
const patience = 1500

export class Webphone {
  private server: ServerState | undefined
  private test: TestCall | undefined
  private readonly hearing = new Hearing()
  private moved = false // the network changed, or may have: the server is to hear of it
  private claim = 0 // timer: take the lead
  private running = false
  private endWatchdog: () => void = () => undefined
  private events = new AbortController()
  private readonly listeners = new Set<(state: WebphoneState) => void>()
  private readonly line: Line
  private readonly mic: Microphone
  private readonly micWord = new Pace<MicClaim>((mic) => void this.line.send({ t: 'mic', mic }))
  private readonly deviceWord = new Pace<DeviceTold[]>((devices) => void this.line.send({ t: 'devices', devices }))
  private readonly tabs: Tabs
  /** The calls of this tab. */
  readonly calls: Calls
  /** What they are spoken and heard by. */
  readonly devices: Devices

  constructor(private readonly options: WebphoneOptions) {
    this.line = new Line({
      ...options,
      hello: (resume, ticket) => this.hello(resume, ticket),
      onOpening: () => this.hearing.opens(),
      away: () => this.hearing.away(),
      onWelcome: (welcome) => this.welcomed(welcome),
      onMessage: (message) => this.receive(message),
      onDrop: () => this.dropped(),
      onBroken: () => {
        if (!this.calls.idle) this.moved = true // it is how browsers close them when the network changes
      },
      onReplaced: () => this.calls.leave(),
      onLoggedOut: () => this.end('logged-out'),
      onConnection: (connection) => {
        if (connection !== 'connected') this.calls.unheard()
        this.emit()
      },
    })
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
      send: (message) => this.line.send(message),
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
      connection: this.line.connection,
      server: this.server,
      microphone,
      lead: this.tabs.lead,
      session: this.line.welcome?.sid,
      calls: this.calls.list,
      devices: this.devices.state,
      problem: problemOf(this.line.connection, this.server, microphone, this.line.failures, this.line.code),
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
    this.line.start()
    this.events = new AbortController()
    this.follow()
    this.calls.start()
    await this.line.sit()
    await Promise.all([this.tabs.start(this.line.seat.lead === true), this.mic.start(), this.devices.start()])
    if (this.running) void this.line.connect()
  }

  /** Leaves without logging out: as a closed tab. */
  stop(): void {
    this.goodbye('pagehide')
    this.end('off')
  }

  logout(): void {
    this.goodbye('logout')
    this.line.keep({ tab: this.line.seat.tab })
    this.end('logged-out')
  }

  takeOver(): void {
    this.tabs.steal()
    this.line.send({ t: 'lead' })
    if (this.line.connection === 'replaced') void this.line.connect().then(() => this.line.send({ t: 'lead' }))
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
    if (this.line.connection === 'waiting') void this.line.connect()
    void this.mic.probe().then(() => this.line.send({ t: 'retest', why: 'agent' }))
  }

  private devicesChanged(): void {
    if (this.line.welcome?.takes?.includes('devices') === true) this.deviceWord.say(this.devices.told())
    this.emit()
  }

  /** Another device is to be used from now on; a microphone has to be proven. */
  private use(use: Use): void {
    this.calls.use(use)
    if (use === 'microphone' && this.server?.leader === 'you' && this.calls.idle) {
      void this.mic.probe().then(() => this.line.send({ t: 'retest', why: 'device' }))
    }
  }

  /** Takes the lead if nobody has it by then. */
  private claimSoon(): void {
    window.clearTimeout(this.claim)
    this.claim = window.setTimeout(() => {
      if (this.tabs.lead && this.server?.leader === 'none') this.line.send({ t: 'lead' })
    }, patience + Math.random() * 500)
  }

  private emit(): void {
    const state = this.state
    for (const listener of this.listeners) listener(state)
  }

  // What the browser tells of this page and the machine.
  private follow(): void {
    const options = { signal: this.events.signal }
    window.addEventListener('pagehide', () => this.goodbye('pagehide'), options)
    window.addEventListener('pageshow', (event) => {
      if (event.persisted) void this.line.connect()
    }, options)
    document.addEventListener('freeze', () => this.line.send({ t: 'freeze' }), options)
    document.addEventListener('resume', () => this.awake(), options)
    document.addEventListener('visibilitychange', () => {
      if (document.visibilityState === 'visible' && this.line.connection === 'waiting') void this.line.connect()
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
    if (!this.hearing.lost(inCall) || this.line.connection !== 'connected') return
    if (inCall) this.awake()
    else void this.line.connect()
  }

  /** The machine slept or the network changed: a new socket, and with its welcome a new
   * test and new ICE. A browser whose network has just changed often closes the first
   * socket at once; then it is said by the one that follows. */
  private awake(): void {
    if (!this.running || this.line.connection === 'replaced') return
    this.moved = true
    void this.line.connect()
  }

  private end(connection: Connection): void {
    this.running = false
    window.clearTimeout(this.claim)
    this.line.end()
    this.endWatchdog()
    this.events.abort()
    this.tabs.stop()
    this.calls.stop()
    this.mic.stop()
    this.devices.stop()
    this.micWord.stop()
    this.deviceWord.stop()
    this.line.to(connection)
  }

  /** Says goodbye both ways: either may be the one that arrives. */
  private goodbye(why: 'pagehide' | 'logout'): void {
    this.line.send({ t: 'bye', why })
    if (this.line.welcome !== undefined) {
      const body = JSON.stringify({ resume: this.line.welcome.resume, why })
      navigator.sendBeacon(this.options.bye ?? '/webphone/bye', body)
    }
    this.mic.release()
  }

  private hello(resume: string | undefined, ticket: string | undefined): Outgoing {
    return {
      t: 'hello',
      resume,
      ticket,
      tab: this.line.seat.tab,
      client: this.options.client ?? 'web',
      ua: navigator.userAgent.slice(0, 256),
      lead: this.tabs.lead,
      epoch: this.line.seat.epoch,
      mic: this.mic.claim,
      vis: visibility(),
    }
  }

  private welcomed(welcome: Welcome): void {
    this.hearing.hears()
    this.calls.welcome(welcome, this.moved)
    if (this.moved) this.line.send({ t: 'retest', why: 'network' })
    this.moved = false
    this.devicesChanged()
  }

  private dropped(): void {
    this.test?.close()
    this.test = undefined
    this.server = undefined
  }

  private receive(message: Incoming): void {
    this.hearing.hears()
    if (this.calls.receive(message)) return
    switch (message.t) {
      case 'ping':
        this.line.send({ t: 'pong', n: message.n, mic: this.mic.claim, vis: visibility() })
        this.calls.measure()
        return
      case 'state':
        this.server = message
        this.line.keep({ ...this.line.seat, lead: message.leader === 'you' })
        if (message.leader === 'none' && this.tabs.lead) this.claimSoon()
        this.emit()
        return
      case 'ice':
        if (this.line.welcome !== undefined) this.line.welcome = { ...this.line.welcome, ice: message.ice }
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
    if (stream === undefined || this.line.welcome === undefined) return
    const test = new TestCall({ call, stream, ice: this.line.welcome.ice, send: (m) => this.line.send(m) })
    this.test = test
    await test.start().catch(() => test.close())
  }

}

function visibility(): Visibility {
  return document.visibilityState === 'visible' ? 'visible' : 'hidden'
}
