// The words of devices.
import type { Device, DeviceState, Use } from '../webphone'

export const useWords: Record<Use, string> = {
  microphone: 'Microphone',
  speaker: 'Loudspeaker',
  ringer: 'Rings on',
}

/** What can be chosen for a use, and what is. One that is not plugged in stays in the
 * list, for it is used again as soon as it is back. */
export function deviceChoices(use: Use, s: DeviceState): { value: string; data: { value: string; label: string }[] } {
  const list = use === 'microphone' ? s.inputs : s.outputs
  const kind = use === 'microphone' ? 'Microphone' : 'Device'
  const chosen = s.chosen[use]
  const data = [{ value: '', label: "The system's own" }]
  list.filter((d) => d.id !== '').forEach((d, i) => data.push({ value: d.id, label: d.label || `${kind} ${i + 1}` }))
  if (chosen === undefined) return { value: '', data }
  const found = list.find((d) => d.id === chosen.id) ?? list.find((d) => d.label !== '' && d.label === chosen.label)
  if (found === undefined) data.push({ value: chosen.id, label: `${chosen.label || kind} (not plugged in)` })
  return { value: found?.id ?? chosen.id, data }
}

/** What is said while a chosen device is not there. */
export function goneWords(use: Use, chosen: Device | undefined): string {
  const what = { microphone: 'microphone', speaker: 'loudspeaker', ringer: 'device that rings' }[use]
  const name = chosen?.label ? ` "${chosen.label}"` : ''
  return `The ${what}${name} is not plugged in: the system's own is used until it is back.`
}
