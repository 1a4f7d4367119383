// Says how something is, not too often: the server closes the socket of a page that floods
// it, and the page comes back to it only after seconds. A few words go at once, then one
// after each pause, and only the last of what came meanwhile. A hidden tab's timers may be
// late by a minute; what is said so is said by each pong, too, or can wait.

/** So often at most, in ms: mic and devices together are less than the server takes (20 a
 * second, 60 at once). */
const every = 125
const atOnce = 10

export class Pace<T> {
  private left = atOnce
  private counted = 0 // when left was right
  private timer: ReturnType<typeof setTimeout> | undefined
  private last: T | undefined

  constructor(private readonly tell: (value: T) => void) {}

  say(value: T): void {
    this.last = value
    const now = Date.now()
    this.left = Math.min(atOnce, this.left + Math.max(0, now - this.counted) / every)
    this.counted = now
    if (this.left >= 1) this.go()
    else this.timer ??= setTimeout(() => this.go(), every)
  }

  stop(): void {
    clearTimeout(this.timer)
    this.timer = undefined
  }

  private go(): void {
    this.stop()
    this.left--
    const { last } = this
    if (last !== undefined) this.tell(last)
  }
}
