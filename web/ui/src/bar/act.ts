import { notifications } from '@mantine/notifications'
import { ApiError, type Outcome } from '../api/http'

/** Runs a command and says what came of it, most of all when nothing visible changed. */
export async function act(command: () => Promise<Outcome>): Promise<Outcome | undefined> {
  try {
    const o = await command()
    if (o && !o.changed) notifications.show({ message: o.explanation, color: 'yellow' })
    return o
  } catch (e) {
    failed(e)
    return undefined
  }
}

export function failed(e: unknown): void {
  const message = e instanceof ApiError ? e.message : 'The page made a mistake; reload it.'
  notifications.show({ message, color: 'red', title: 'That did not work', autoClose: 10_000 })
}
