import { Progress } from '@mantine/core'

/** How loud a microphone is, 0 to 1; the ear's way: quiet speech is half of the bar. */
export function Loudness({ level, label, testId, width }: { level: number; label: string; testId: string; width?: number }) {
  return (
    <Progress.Root size="md" w={width}>
      <Progress.Section value={Math.min(100, Math.round(Math.sqrt(level) * 140))} aria-label={label} data-testid={testId} />
    </Progress.Root>
  )
}
