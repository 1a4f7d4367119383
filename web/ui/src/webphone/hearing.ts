// Whether the server is still heard. A network whose address has changed takes what we
// send and brings nothing, and no browser tells of it.

// A server that asks at least every 5.5 s has gone when this long nothing came, in ms.
const deaf = 12_000
// In a call it asks every 1.1 s at least, and the call waits for us. A new socket for
// nothing does no harm: the old one goes on until it is welcomed.
const deafInCall = 2500
// A server that is not heard for so long keeps nothing for this page any more.
const given = 10_500
// Each new socket gets this time.
const opening = 4000
// A tick that comes so much later than the one before says that this page was busy: what
// has come meanwhile may wait behind it.
const busy = 1800

export class Hearing {
  private heard = 0
  private tried = 0
  private ticked = 0
  private late = false // the last tick was

  /** Something came. */
  hears(now = Date.now()): void {
    this.heard = now
  }

  /** A socket is opened. */
  opens(now = Date.now()): void {
    this.tried = now
  }

  /** Nothing has come for longer than a call lets pass unnoticed. */
  quiet(now = Date.now()): boolean {
    return now - this.heard > deafInCall
  }

  /** Nothing has come for so long that the server has given this page up. */
  away(now = Date.now()): boolean {
    return this.heard > 0 && now - this.heard > given
  }

  /** A second has passed; true: nothing has come for too long. */
  lost(inCall: boolean, now = Date.now()): boolean {
    this.late = !this.late && now - this.ticked > busy
    this.ticked = now
    return !this.late && now - this.tried >= opening && now - this.heard > (inCall ? deafInCall : deaf)
  }
}
