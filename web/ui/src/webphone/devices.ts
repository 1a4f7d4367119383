// Which microphone, loudspeaker and ringing device the agent chose. The choice is kept
// for this browser. A device that is not plugged in is not forgotten: the system's own is
// used meanwhile, and the chosen one again as soon as it is back.

import type { DeviceTold } from './protocol'

/** What a device is for. */
export type Use = 'microphone' | 'speaker' | 'ringer'

export const uses: readonly Use[] = ['microphone', 'speaker', 'ringer']

/** A device; kept by its id and, for browsers that change their ids, by its name. */
export interface Device {
  id: string
  label: string
}

export interface DeviceState {
  inputs: readonly Device[]
  outputs: readonly Device[]
  chosen: Readonly<Partial<Record<Use, Device>>>
  /** Chosen, and not plugged in. */
  gone: readonly Use[]
  /** The browser lets a page say by what it sounds. */
  choosable: boolean
}

export interface DevicesOptions {
  /** The list, the choice or what is plugged in changed. */
  onChange: () => void
  /** Another device is to be used from now on. */
  onUse: (use: Use) => void
}

// What the server takes.
const most = 32
const longest = 128

const key = 'lamplight.devices'

export class Devices {
  private inputs: Device[] = []
  private outputs: Device[] = []
  private chosen: Partial<Record<Use, Device>> = {}
  private used: Partial<Record<Use, string>> = {}
  private off = new AbortController()

  constructor(private readonly options: DevicesOptions) {
    this.chosen = load()
    for (const use of uses) this.used[use] = this.chosen[use]?.id
  }

  get state(): DeviceState {
    return {
      inputs: this.inputs,
      outputs: this.outputs,
      chosen: this.chosen,
      gone: uses.filter((use) => resolve(this.chosen[use], this.of(use)).gone),
      choosable: choosable(),
    }
  }

  /** The device to use; undefined: the system's own. */
  id(use: Use): string | undefined {
    return this.used[use]
  }

  async start(): Promise<void> {
    this.off = new AbortController()
    const options = { signal: this.off.signal }
    navigator.mediaDevices?.addEventListener('devicechange', () => void this.refresh(), options)
    window.addEventListener('storage', (event) => {
      if (event.key === key) this.take(load()) // another tab's choice
    }, options)
    await this.refresh()
  }

  stop(): void {
    this.off.abort()
  }

  /** Reads what is plugged in; also worth it once the microphone was allowed, for
   * browsers name no device before. */
  async refresh(): Promise<void> {
    let list: MediaDeviceInfo[]
    try {
      list = await navigator.mediaDevices.enumerateDevices()
    } catch {
      return // an insecure page: there is nothing to choose
    }
    const inputs = devicesOf(list, 'audioinput')
    const outputs = devicesOf(list, 'audiooutput')
    const same = JSON.stringify([inputs, outputs]) === JSON.stringify([this.inputs, this.outputs])
    this.inputs = inputs
    this.outputs = outputs
    if (!same) this.follow()
  }

  /** Chooses a device; an empty id is the system's own. */
  choose(use: Use, id: string): void {
    const device = this.of(use).find((d) => d.id === id)
    const next = { ...this.chosen }
    if (device === undefined) delete next[use]
    else next[use] = device
    save(next)
    this.take(next)
  }

  /** The list as the server is told it. */
  told(): DeviceTold[] {
    const of = (use: Use, list: Device[]) => resolve(this.chosen[use], list)
    const microphone = of('microphone', this.inputs)
    const speaker = of('speaker', this.outputs)
    const ringer = of('ringer', this.outputs)
    const list: DeviceTold[] = [
      ...this.inputs.map((d): DeviceTold => ({ kind: 'input', label: d.label, used: d.id === microphone.id })),
      ...this.outputs.map((d): DeviceTold => ({ kind: 'output', label: d.label, used: d.id === speaker.id, rings: d.id === ringer.id })),
    ]
    const gone: DeviceTold[] = []
    if (microphone.gone) gone.push({ kind: 'input', label: this.chosen.microphone!.label, used: true, gone: true })
    if (speaker.gone) gone.push({ kind: 'output', label: this.chosen.speaker!.label, used: true, gone: true })
    if (ringer.gone) gone.push({ kind: 'output', label: this.chosen.ringer!.label, rings: true, gone: true })
    return [...gone, ...list].slice(0, most).map((d) => ({ ...d, label: cut(d.label) }))
  }

  private of(use: Use): Device[] {
    return use === 'microphone' ? this.inputs : this.outputs
  }

  private take(chosen: Partial<Record<Use, Device>>): void {
    this.chosen = chosen
    this.follow()
  }

  private follow(): void {
    for (const use of uses) {
      const { id } = resolve(this.chosen[use], this.of(use))
      if (id === this.used[use]) continue
      this.used[use] = id
      this.options.onUse(use)
    }
    this.options.onChange()
  }
}

/** Whether a page can say by what it sounds. */
export function choosable(): boolean {
  return typeof HTMLMediaElement !== 'undefined' && 'setSinkId' in HTMLMediaElement.prototype
}

/** What a choice comes to with these devices plugged in. */
export function resolve(chosen: Device | undefined, list: readonly Device[]): { id: string | undefined; gone: boolean } {
  if (chosen === undefined) return { id: undefined, gone: false }
  // Before the microphone is allowed browsers name none: nothing is known to be gone.
  if (list.length === 0 || list.every((d) => d.id === '')) return { id: chosen.id, gone: false }
  const found = list.find((d) => d.id === chosen.id) ?? list.find((d) => d.label !== '' && d.label === chosen.label)
  return { id: found?.id, gone: found === undefined }
}

/** The devices of a kind, without the browser's other names for the system's own. */
function devicesOf(list: readonly MediaDeviceInfo[], kind: MediaDeviceKind): Device[] {
  return list
    .filter((d) => d.kind === kind && d.deviceId !== 'default' && d.deviceId !== 'communications')
    .map((d) => ({ id: d.deviceId, label: d.label }))
}

/** The label in so many bytes as the server takes. */
function cut(label: string): string {
  const letters = Array.from(label)
  while (new TextEncoder().encode(letters.join('')).length > longest) letters.pop()
  return letters.join('')
}

function load(): Partial<Record<Use, Device>> {
  const chosen: Partial<Record<Use, Device>> = {}
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? '{}') as Partial<Record<Use, Device>>
    for (const use of uses) {
      const d = kept[use]
      if (typeof d?.id === 'string' && d.id !== '' && typeof d.label === 'string') chosen[use] = { id: d.id, label: d.label }
    }
  } catch {
    // Storage may be forbidden, or hold something else: nothing is chosen.
  }
  return chosen
}

function save(chosen: Partial<Record<Use, Device>>): void {
  try {
    localStorage.setItem(key, JSON.stringify(chosen))
  } catch {
    // The choice then ends with the page.
  }
}
