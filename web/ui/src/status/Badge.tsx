import { Badge, Group, Text } from '@mantine/core'
import type { StatusChoice, View } from '../api/http'
import { Icon } from './icons'
import { look } from './look'
import { clock, since, useNow } from '../live/clock'

export function StatusBadge({ view, choices, size = 'lg' }: { view: View; choices: readonly StatusChoice[]; size?: 'md' | 'lg' | 'xl' }) {
  const l = look(view, choices)
  return (
    <Badge color={l.colour} variant="light" size={size} radius="sm" tt="none" leftSection={<Icon name={l.icon} size={14} />}>
      {view.text}
    </Badge>
  )
}

/** A duration that runs on the server's clock. */
export function Running({ from, skew }: { from: string; skew: number }) {
  const now = useNow()
  return (
    <Text component="span" size="sm" ff="monospace" style={{ fontVariantNumeric: 'tabular-nums' }}>
      {clock(since(from, now, skew))}
    </Text>
  )
}

export function StatusWithTime({ view, choices, skew }: { view: View; choices: readonly StatusChoice[]; skew: number }) {
  return (
    <Group gap="xs" wrap="nowrap">
      <StatusBadge view={view} choices={choices} />
      <Running from={view.since} skew={skew} />
    </Group>
  )
}
