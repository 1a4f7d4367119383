import { VisuallyHidden } from '@mantine/core'
import type { PhoneCall } from '../webphone'
import { callNews } from './phone'

/** Tells a screen reader how the calls are. It is there before the first call is, for what
 * comes with its words already in it is often not read out. */
export function CallNews({ calls }: { calls: readonly PhoneCall[] }) {
  return (
    <VisuallyHidden aria-live="polite" data-testid="call-news">
      {calls.map((c) => (
        <p key={c.id}>{callNews(c)}</p>
      ))}
    </VisuallyHidden>
  )
}
