// The line to the server: one socket after the other. It is opened with the resume token of
// the last welcome or with a ticket, and opened again by itself when it was lost, until it
// is ended.

import { close, subprotocol } from './protocol'
import type { Incoming, Outgoing, Welcome } from './protocol'
import { loadSeat, saveSeat } from './seat'
import type { Seat } from './seat'
import type { Connection } from './state'

export interface LineOptions {
  /** Whose tabs share a browser's storage. */
  agent: string
  /** Address of the WebSocket; default /webphone on this server. */
  url?: string
  /** Fetches a ticket; rejects with LoggedOut when the login is over. */
  ticket?: () => Promise<string>
  /** Who this page is. */
  hello: (resume: string | undefined, ticket: string | undefined) => Outgoing
  /** A socket is opened. */
  onOpening: () => void
  /** The server has given this page up by now, and will want a ticket. */
  away: () => boolean
  /** The server has taken the socket; what was before it is over. */
  onWelcome: (welcome: Welcome) => void
  onMessage: (message: Incoming) => void
  /** What was said over the socket counts no more. */
  onDrop: () => void
  /** It broke without a word. */
  onBroken: () => void
  /** The session goes on over another page's. */
  onReplaced: () => void
  onLoggedOut: () => void
  /** The connection has changed. */
  onConnection: (connection: Connection) => void
}

/** The login is over; the page should show it. */
export class LoggedOut extends Error {}

export class Line {
  private socket: WebSocket | undefined
  private coming: WebSocket | undefined // opened, not welcomed yet
  private retry = 0
  private attempt = 0
  private early: Promise<string> | undefined // a ticket that was asked for before it is needed
  private running = false
  connection: Connection = 'off'
  seat: Seat = { tab: '' }
  welcome: Welcome | undefined
  /** How often in a row it was lost. */
  failures = 0
  /** Why the last socket was closed. */
  code = 0

  constructor(private readonly options: LineOptions) {}

  start(): void {
    this.running = true
  }

  /** Reads who this tab is, once. */
  async sit(): Promise<void> {
    if (this.seat.tab === '') this.seat = await loadSeat(this.options.agent)
  }

  keep(seat: Seat): void {
    this.seat = seat
    saveSeat(this.options.agent, seat)
  }

  send(message: Outgoing): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false
    this.socket.send(JSON.stringify(message))
    return true
  }

  /** Closes it for good. */
  end(): void {
    this.running = false
    window.clearTimeout(this.retry)
    this.attempt++
    this.coming?.close()
    this.coming = undefined
    this.drop()
  }

  to(connection: Connection): void {
    this.connection = connection
    this.options.onConnection(connection)
  }

  /** Opens a socket. One that is open stays until the server takes the new one
   * for it, so that nothing is lost in between. Resolves with the welcome. */
  async connect(): Promise<void> {
    if (!this.running) return
    window.clearTimeout(this.retry)
    const attempt = ++this.attempt
    this.options.onOpening()
    if (this.connection !== 'connected') this.to('connecting')
    const resume = this.seat.resume
    if (resume !== undefined && this.options.away()) this.askEarly()
    let ticket: string | undefined
    try {
      if (resume === undefined) ticket = await this.ticket()
    } catch (error) {
      if (attempt !== this.attempt) return
      if (error instanceof LoggedOut) this.options.onLoggedOut()
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
        if (wanted()) socket.send(JSON.stringify(this.options.hello(resume, ticket)))
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
      socket.send(JSON.stringify(this.options.hello(undefined, ticket)))
    } catch (error) {
      socket.close()
      if (error instanceof LoggedOut) this.options.onLoggedOut()
    }
  }

  /** A browser asks for a ticket over a connection that may be dead, and finds that out
   * 10 s after it is asked. */
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
    const epoch = welcome.lead ? welcome.epoch : this.seat.epoch
    this.keep({ tab: this.seat.tab, resume: welcome.resume, epoch, lead: welcome.lead })
    socket.onmessage = (event: MessageEvent<string>) => this.options.onMessage(JSON.parse(event.data) as Incoming)
    socket.onclose = (event) => {
      // While another one is being opened, that one's end counts.
      if (this.coming === undefined) this.lost(event.code)
    }
    this.options.onWelcome(welcome)
    this.to('connected')
  }

  private drop(): void {
    const socket = this.socket
    this.socket = undefined
    if (socket !== undefined) {
      socket.onopen = socket.onmessage = socket.onclose = null
      socket.close()
    }
    this.options.onDrop()
  }

  /** The socket is closed: stop, or come back. */
  private lost(code: number): void {
    this.drop()
    this.code = code
    switch (code) {
      case close.loggedOut:
        this.keep({ tab: this.seat.tab })
        this.options.onLoggedOut()
        return
      case close.replaced:
        this.keep({ tab: this.seat.tab })
        this.options.onReplaced()
        this.to('replaced')
        return
      case close.restart:
        this.later(Math.random() * 3000)
        return
      case close.refused:
        this.keep({ ...this.seat, resume: undefined })
        break
      case close.broken:
        this.options.onBroken()
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
