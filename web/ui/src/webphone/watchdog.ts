// A clock that hidden tabs do not slow down: it ticks in a worker. A tick that
// comes late by more than `jump` means that the machine slept.

const source = `
let last = Date.now()
setInterval(() => {
  const now = Date.now()
  postMessage(now - last)
  last = now
}, 1000)
`

export interface WatchdogOptions {
  onTick: () => void
  onJump: (ms: number) => void
  jump?: number
}

/** Starts the clock; the returned function ends it. */
export function watchdog(options: WatchdogOptions): () => void {
  const jump = options.jump ?? 5000
  const tick = (elapsed: number) => (elapsed > jump ? options.onJump(elapsed) : options.onTick())
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))
  try {
    const worker = new Worker(url)
    worker.onmessage = (event: MessageEvent<number>) => tick(event.data)
    return () => {
      worker.terminate()
      URL.revokeObjectURL(url)
    }
  } catch {
    // A policy may forbid such workers; a timer still sees the machine sleep.
    URL.revokeObjectURL(url)
    let last = Date.now()
    const timer = window.setInterval(() => {
      const now = Date.now()
      // A hidden tab's timers come once a minute without anything being wrong.
      tick(document.hidden ? 0 : now - last)
      last = now
    }, 1000)
    return () => window.clearInterval(timer)
  }
}
