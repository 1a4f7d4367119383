import { Button, Popover, Stack, Table, Text } from '@mantine/core'
import { complaint, grade, rows, type Figures } from '../webphone'

const words = { good: 'Good sound', fair: 'Fair sound', poor: 'Poor sound' }
const colours = { good: 'green', fair: 'yellow', poor: 'red' }

/** How a call is heard: in words, what helps, and the figures for who wants them. */
export function CallQuality({ figures }: { figures: Figures }) {
  const is = grade(figures)
  if (is === undefined) return null
  return (
    <Popover position="bottom-start" withArrow trapFocus shadow="md">
      <Popover.Target>
        <Button size="compact-xs" variant="light" color={colours[is]} data-testid="quality" data-grade={is}>
          {words[is]}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Sound of this call" maw={320}>
        <Stack gap="xs">
          {complaint(figures) && <Text size="sm">{complaint(figures)}</Text>}
          <Table verticalSpacing={2} aria-label="Figures of this call" data-testid="figures">
            <Table.Tbody>
              {rows(figures).map(([name, value]) => (
                <Table.Tr key={name}>
                  <Table.Td>{name}</Table.Td>
                  <Table.Td>{value}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}
