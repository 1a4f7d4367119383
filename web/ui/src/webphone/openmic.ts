// Opening a microphone, and what to say when that fails.

import type { Probe } from './protocol'
import { micWords } from './words'
import type { Words } from './words'

/** Opens the chosen microphone, or the system's own where there is no such device any
 * more. */
export async function openMicrophone(id: string | undefined): Promise<MediaStream> {
  if (navigator.mediaDevices === undefined) throw new DOMException('not over HTTPS', 'InsecureContext')
  const get = (audio: MediaTrackConstraints | true) => navigator.mediaDevices.getUserMedia({ audio })
  if (id === undefined) return get(true)
  try {
    return await get({ deviceId: { exact: id } })
  } catch (error) {
    if (probeOf(error) !== 'missing') throw error
    return get(true)
  }
}

/** How opening ended; the error names of getUserMedia, old spellings included. */
export function probeOf(error: unknown): Probe {
  switch (error instanceof Error ? error.name : '') {
    case 'NotAllowedError':
    case 'PermissionDeniedError':
    case 'SecurityError':
      return 'denied'
    case 'NotFoundError':
    case 'DevicesNotFoundError':
    case 'OverconstrainedError':
      return 'missing'
    case 'NotReadableError':
    case 'TrackStartError':
    case 'AbortError':
      return 'busy'
    default:
      return 'failed'
  }
}

/** What to tell the agent of it. */
export function openFailed(error: unknown): Words {
  if (error instanceof Error && error.name === 'InsecureContext') return micWords('insecure')
  const probe = probeOf(error)
  return micWords(probe === 'denied' || probe === 'missing' || probe === 'busy' ? probe : 'failed')
}

/** What to tell the agent of a call whose audio could not be had. */
export function audioFailed(error: unknown): string {
  const { name, message } = error instanceof Error ? error : { name: '', message: '' }
  if (name === 'NetworkError') return message
  if (name === 'InvalidAccessError' || name === 'OperationError' || name === 'InvalidStateError') {
    return 'The audio could not be set up. Reload the page; if that does not help, restart the browser.'
  }
  const { sentence, remedy } = openFailed(error)
  return `${sentence} ${remedy}`
}
