import { Button, Group, Select, Table, Text, TextInput } from '@mantine/core'
import { useVirtualizer } from '@tanstack/react-virtual'
import { memo, useCallback, useMemo, useRef, useState } from 'react'
import type { Agent, StatusChoice, View } from '../api/http'
import { useRoster } from '../live/useRoster'
import { StatusWithTime } from '../status/Badge'
import { Icon } from '../status/icons'
import { look } from '../status/look'
import { because } from '../status/words'
import { admitted, counts, teamsOf } from './filter'

const rowHeight = 46

/** Everybody of the domain, live. Only the rows in view are drawn, and of these
 * only the ones that changed, so ten thousand agents scroll as ten do. */
export function TeamList({ choices, onOpen }: { choices: readonly StatusChoice[]; onOpen: (id: string) => void }) {
  const { agents, order, ready, skew } = useRoster()
  const [team, setTeam] = useState<string | null>(null)
  const [text, setText] = useState('')
  const [shown, setShown] = useState<View>()
  const box = useRef<HTMLDivElement>(null)

  const teams = useSame(useMemo(() => teamsOf(agents), [agents]))
  const found = useMemo(() => admitted(agents, order, { team, text }), [agents, order, team, text])
  const count = useMemo(() => counts(found, shown), [found, shown])
  const rows = shown ? found.filter((a) => a.status.team.text === shown.text) : found

  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => rowHeight, overscan: 12 })
  const items = virtual.getVirtualItems()
  const above = items[0]?.start ?? 0
  const below = virtual.getTotalSize() - (items.at(-1)?.end ?? 0)
  const clear = useCallback(() => {
    setTeam(null)
    setText('')
    setShown(undefined)
  }, [])

  return (
    <section aria-label="Team" style={{ display: 'flex', flexDirection: 'column', flex: '1 1 auto', minHeight: 220 }}>
      <Group mb="sm" align="end">
        <Find teams={teams} team={team} setTeam={setTeam} text={text} setText={setText} />
        <Group gap={6} pb={2} role="group" aria-label="Show only">
          {count.map(([view, n]) => (
            <Count key={view.text} view={view} n={n} choices={choices} pressed={shown?.text === view.text} onPress={() => setShown(shown?.text === view.text ? undefined : view)} />
          ))}
        </Group>
      </Group>
      <div ref={box} style={{ flex: '1 1 0', minHeight: 0, overflow: 'auto' }} data-testid="team">
        <Table highlightOnHover stickyHeader verticalSpacing={6} aria-rowcount={rows.length + 1} aria-label="Agents" miw={560}>
          <Table.Thead>
            <Table.Tr aria-rowindex={1}>
              <Table.Th w={90}>Number</Table.Th>
              <Table.Th>Name</Table.Th>
              <Table.Th visibleFrom="sm">Teams</Table.Th>
              <Table.Th w={300}>Status</Table.Th>
              <Table.Th visibleFrom="sm">Because</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {above > 0 && <tr style={{ height: above }} aria-hidden />}
            {items.map((v) => (
              <Row key={rows[v.index]!.id} agent={rows[v.index]!} index={v.index} choices={choices} skew={skew} onOpen={onOpen} />
            ))}
            {below > 0 && <tr style={{ height: below }} aria-hidden />}
          </Table.Tbody>
        </Table>
        {!ready && (
          <Text p="md" role="status">
            Loading the team…
          </Text>
        )}
        {ready && rows.length === 0 && (
          <Group p="md" role="status">
            <Text>{agents.size === 0 ? 'There are no agents yet.' : 'Nobody matches.'}</Text>
            {agents.size > 0 && (
              <Button size="xs" variant="default" onClick={clear}>
                Show everybody
              </Button>
            )}
          </Group>
        )}
      </div>
    </section>
  )
}

interface FindProps {
  teams: string[]
  team: string | null
  setTeam: (team: string | null) => void
  text: string
  setText: (text: string) => void
}

// Drawn anew only when it changes itself, not with every change of somebody.
const Find = memo(function Find({ teams, team, setTeam, text, setText }: FindProps) {
  return (
    <>
      <TextInput label="Find" placeholder="Name or number" value={text} onChange={(e) => setText(e.currentTarget.value)} />
      <Select label="Team" placeholder="All teams" data={teams} value={team} onChange={setTeam} clearable clearButtonProps={{ 'aria-label': 'All teams' }} />
    </>
  )
})

/** The list as it was, while it says the same. */
function useSame(list: string[]): string[] {
  const kept = useRef(list)
  if (kept.current.join('\n') !== list.join('\n')) kept.current = list
  return kept.current
}

interface CountProps {
  view: View
  n: number
  choices: readonly StatusChoice[]
  pressed: boolean
  onPress: () => void
}

function Count({ view, n, choices, pressed, onPress }: CountProps) {
  const l = look(view, choices)
  return (
    <Button size="xs" variant="light" color={l.colour} style={pressed ? { outline: '2px solid currentColor' } : undefined} leftSection={<Icon name={l.icon} size={12} />} aria-pressed={pressed} data-count={view.text} onClick={onPress}>
      {n} {view.text}
    </Button>
  )
}

interface RowProps {
  agent: Agent
  index: number
  choices: readonly StatusChoice[]
  skew: number
  onOpen: (id: string) => void
}

const Row = memo(function Row({ agent: a, index, choices, skew, onOpen }: RowProps) {
  return (
    <Table.Tr h={rowHeight} aria-rowindex={index + 2} data-agent={a.number} data-status={a.status.team.status} style={{ cursor: 'pointer' }} onClick={() => onOpen(a.id)}>
      <Table.Td>{a.number}</Table.Td>
      <Table.Td>
        <button type="button" className="row-name" onClick={(e) => (e.stopPropagation(), onOpen(a.id))}>
          {a.name || a.number}
        </button>
      </Table.Td>
      <Table.Td visibleFrom="sm">{a.teams.join(', ')}</Table.Td>
      <Table.Td>
        <Group gap="xs" wrap="nowrap">
          <StatusWithTime view={a.status.team} choices={choices} skew={skew} />
          {a.ringing && (
            <Text size="sm" fw={600} c="var(--mantine-color-teal-light-color)" style={{ display: 'flex', gap: 4, alignItems: 'center' }}>
              <Icon name="bell" size={14} />
              ringing
            </Text>
          )}
        </Group>
      </Table.Td>
      <Table.Td visibleFrom="sm">
        <Text size="sm" c="dimmed">
          {because(a.status.team)}
        </Text>
      </Table.Td>
    </Table.Tr>
  )
})
