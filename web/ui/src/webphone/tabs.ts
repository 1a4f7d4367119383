// Which of this browser's tabs has the phone. The tab that holds the lock has
// it; a tab that is closed, crashed or frozen for good loses it by itself. The
// server has the last word across browsers.

export class Tabs {
  private release: (() => void) | undefined
  private stopped = new AbortController()

  /** name is the same in all tabs of one agent. */
  constructor(
    private readonly name: string,
    private readonly onLead: (lead: boolean) => void,
  ) {}

  get lead(): boolean {
    return this.release !== undefined
  }

  /** Takes the lock if it is free and waits for it otherwise; a tab that had it
   * until its page was reloaded takes it back from whoever waited. Resolves once
   * it is known which; without locks (an insecure page, or a frame of another
   * site that browsers give no storage) every tab leads and the server decides. */
  start(hadIt: boolean): Promise<boolean> {
    if (navigator.locks === undefined) return Promise.resolve(this.alone())
    this.stopped = new AbortController()
    return new Promise((resolve) => {
      let known = false
      void navigator.locks
        .request(this.name, hadIt ? { steal: true } : { ifAvailable: true }, (lock) => {
          known = true
          const held = lock === null ? undefined : this.hold()
          resolve(lock !== null)
          return held
        })
        .then(
          () => this.wait(),
          () => (known ? this.robbed() : resolve(this.alone())),
        )
    })
  }

  /** Takes the lock from whichever tab has it. */
  steal(): void {
    if (this.lead || navigator.locks === undefined) return
    this.stopped.abort() // ends waiting
    this.stopped = new AbortController()
    void navigator.locks
      .request(this.name, { steal: true }, () => {
        const held = this.hold()
        this.onLead(true)
        return held
      })
      .then(() => undefined, () => this.robbed())
  }

  stop(): void {
    this.stopped.abort()
    this.release?.()
    this.release = undefined
  }

  /** Leads for want of anybody to ask. */
  private alone(): true {
    this.release = () => undefined
    return true
  }

  private hold(): Promise<void> {
    return new Promise((resolve) => {
      this.release = resolve
    })
  }

  private wait(): void {
    if (this.lead || this.stopped.signal.aborted) return
    void navigator.locks
      .request(this.name, { signal: this.stopped.signal }, () => {
        const held = this.hold()
        this.onLead(true)
        return held
      })
      .then(() => undefined, () => this.robbed())
  }

  private robbed(): void {
    if (this.release === undefined) return // waiting was ended
    this.release = undefined
    this.onLead(false)
    this.wait()
  }
}

/** An id for this tab that outlives a reload. A duplicated tab gets the storage
 * of the first one; the lock tells them apart. Returns whether the storage is
 * this tab's own. */
export async function ownTab(id: string): Promise<boolean> {
  if (navigator.locks === undefined) return true
  return new Promise((resolve) => {
    void navigator.locks
      .request(`lamplight-tab:${id}`, { ifAvailable: true }, (lock) => {
        resolve(lock !== null)
        return lock === null ? undefined : new Promise<void>(() => undefined) // for the page's life
      })
      .catch(() => resolve(true)) // no locks in this frame: nobody to ask
  })
}
