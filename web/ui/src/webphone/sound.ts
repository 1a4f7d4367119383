// Where what a page plays is heard.

/** Lets an element be heard by a device; undefined: the system's own. False: it stays
 * where it was, because the browser cannot do that, or the device is gone. */
export async function heardBy(element: HTMLMediaElement, id: string | undefined): Promise<boolean> {
  if (!('setSinkId' in element)) return id === undefined
  if (element.sinkId === (id ?? '')) return true
  try {
    await element.setSinkId(id ?? '')
    return true
  } catch {
    if (id !== undefined) await element.setSinkId('').catch(() => undefined)
    return false
  }
}

/** Where tones go. The context's own output cannot be chosen in every browser, an
 * element's can: so what goes elsewhere than to the system's device goes by one. */
export class Outlet {
  private element: HTMLAudioElement | undefined
  private stream: MediaStreamAudioDestinationNode | undefined
  private id: string | undefined

  constructor(private readonly context: AudioContext) {}

  /** What tones are connected to. */
  get node(): AudioNode {
    return this.id !== undefined && this.stream !== undefined ? this.stream : this.context.destination
  }

  async use(id: string | undefined): Promise<void> {
    this.id = undefined
    if (id === undefined) {
      this.element?.pause()
      return
    }
    this.stream ??= this.context.createMediaStreamDestination()
    if (this.element === undefined) {
      this.element = new Audio()
      this.element.srcObject = this.stream.stream
    }
    if (!(await heardBy(this.element, id))) return
    await this.element.play().then(() => {
      this.id = id
    }, () => undefined) // not before the agent's first click
  }

  close(): void {
    this.element?.pause()
    if (this.element !== undefined) this.element.srcObject = null
  }
}
