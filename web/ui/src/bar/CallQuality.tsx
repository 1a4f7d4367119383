import { Box, Button, Group, Text } from '@mantine/core'
import { useId, useState } from 'react'
import { complaint, rows, soundOf, type PhoneCall } from '../webphone'

const words = { good: 'Good sound', fair: 'Fair sound', poor: 'Poor sound', unknown: 'Sound not known now' }
const colours = { good: 'green', fair: 'yellow', poor: 'red', unknown: 'gray' }
const before = 'The server or the call cannot be reached. These figures are from before; new ones come soon after it is back.'

/** How a call is heard: in words, what helps, and the figures for who wants them. They
 * open below it, in a line of their own, and lie over nothing. */
export function CallQuality({ call }: { call: PhoneCall }) {
  const [open, setOpen] = useState(false)
  const id = useId()
  const is = soundOf(call)
  if (is === undefined || call.figures === undefined) return null
  const advice = is === 'unknown' ? before : complaint(call.figures)
  return (
    <>
      <Button
        size="compact-xs"
        variant="light"
        color={colours[is]}
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
        onKeyDown={(e) => e.key === 'Escape' && setOpen(false)}
        data-testid="quality"
        data-grade={is}
      >
        {words[is]}
      </Button>
      {open && (
        <Box id={id} w="100%" role="group" aria-label="Sound of this call">
          {advice && <Text size="sm">{advice}</Text>}
          <Group component="dl" gap="xs" m={0} data-testid="figures" style={{ columnGap: 'var(--mantine-spacing-md)' }}>
            {rows(call.figures).map(([name, value]) => (
              <Group key={name} gap={6} wrap="nowrap">
                <Text component="dt" size="sm">
                  {name}
                </Text>
                <Text component="dd" size="sm" fw={600} m={0}>
                  {value}
                </Text>
              </Group>
            ))}
          </Group>
        </Box>
      )}
    </>
  )
}
