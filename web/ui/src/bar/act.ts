import { notifications } from '@mantine/notifications'
import type { Outcome } from '../api/http'

/** Runs a command and says what came of it, most of all when nothing visible changed. */
export async function act(command: () => Promise<Outcome>): Promise<void> {
  try {
    const o = await command()
    if (o && !o.changed) notifications.show({ message: o.explanation, color: 'yellow' })
  } catch (e) {
    notifications.show({ message: (e as Error).message, color: 'red', title: 'That did not work' })
  }
}
