import { Button, Group, Select, Table, Text, TextInput } from '@mantine/core'
import { useVirtualizer } from '@tanstack/react-virtual'
import { useMemo, useRef, useState } from 'react'
import type { Agent, StatusChoice, View } from '../api/http'
import { useRoster } from '../live/useRoster'
import { StatusWithTime } from '../status/Badge'
import { Icon } from '../status/icons'
import { because, look } from '../status/look'

const rowHeight = 46

/** Everybody of the domain, live. Only the rows in view are drawn, so ten thousand agents scroll as ten do. */
export function TeamList({ choices, onOpen }: { choices: readonly StatusChoice[]; onOpen: (a: Agent) => void }) {
  const roster = useRoster()
  const [team, setTeam] = useState<string | null>(null)
  const [text, setText] = useState('')
  const [shown, setShown] = useState<string>()
  const box = useRef<HTMLDivElement>(null)

  const teams = useMemo(() => [...new Set([...roster.agents.values()].flatMap((a) => a.teams))].sort(), [roster.agents])
  const found = useMemo(() => {
    const q = text.trim().toLowerCase()
    return [...roster.agents.values()]
      .filter((a) => (!team || a.teams.includes(team)) && (!q || a.name.toLowerCase().includes(q) || a.number.includes(q)))
      .sort((a, b) => a.number.localeCompare(b.number, undefined, { numeric: true }))
  }, [roster.agents, team, text])

  const counts = useMemo(() => count(found), [found])
  const rows = shown ? found.filter((a) => a.status.team.text === shown) : found

  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => box.current, estimateSize: () => rowHeight, overscan: 12 })
  const items = virtual.getVirtualItems()
  const above = items[0]?.start ?? 0
  const below = virtual.getTotalSize() - (items.at(-1)?.end ?? 0)

  return (
    <section aria-label="Team">
      <Group mb="sm" align="end">
        <TextInput label="Find" placeholder="Name or number" value={text} onChange={(e) => setText(e.currentTarget.value)} />
        <Select label="Team" placeholder="All teams" data={teams} value={team} onChange={setTeam} clearable />
        <Group gap={6} pb={2} role="group" aria-label="Show only">
          {counts.map(([view, n]) => (
            <Button
              key={view.text}
              size="xs"
              variant={shown === view.text ? 'filled' : 'light'}
              color={look(view, choices).colour}
              leftSection={<Icon name={look(view, choices).icon} size={12} />}
              aria-pressed={shown === view.text}
              data-count={view.text}
              onClick={() => setShown(shown === view.text ? undefined : view.text)}
            >
              {n} {view.text}
            </Button>
          ))}
        </Group>
      </Group>
      <div ref={box} style={{ maxHeight: 'calc(100vh - 230px)', overflow: 'auto' }}>
        <Table highlightOnHover stickyHeader verticalSpacing={6} aria-rowcount={rows.length}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th w={90}>Number</Table.Th>
              <Table.Th>Name</Table.Th>
              <Table.Th>Teams</Table.Th>
              <Table.Th>Status</Table.Th>
              <Table.Th>Because</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {above > 0 && <tr style={{ height: above }} aria-hidden />}
            {items.map((v) => {
              const a = rows[v.index]!
              return (
                <Table.Tr key={a.id} h={rowHeight} data-agent={a.number} data-status={a.status.team.status} style={{ cursor: 'pointer' }} onClick={() => onOpen(a)}>
                  <Table.Td>{a.number}</Table.Td>
                  <Table.Td>
                    <Text
                      component="button"
                      type="button"
                      size="sm"
                      style={{ background: 'none', border: 0, padding: 0, cursor: 'pointer', color: 'inherit' }}
                      onClick={(e) => {
                        e.stopPropagation()
                        onOpen(a)
                      }}
                    >
                      {a.name}
                    </Text>
                  </Table.Td>
                  <Table.Td>{a.teams.join(', ')}</Table.Td>
                  <Table.Td>
                    <Group gap="xs" wrap="nowrap">
                      <StatusWithTime view={a.status.team} choices={choices} skew={roster.skew} />
                      {a.ringing && (
                        <Text size="sm" c="teal">
                          ringing
                        </Text>
                      )}
                    </Group>
                  </Table.Td>
                  <Table.Td>
                    <Text size="sm" c="dimmed">
                      {because(a.status.team.cause)}
                    </Text>
                  </Table.Td>
                </Table.Tr>
              )
            })}
            {below > 0 && <tr style={{ height: below }} aria-hidden />}
          </Table.Tbody>
        </Table>
        {roster.ready && rows.length === 0 && <Text p="md">Nobody matches.</Text>}
        {!roster.ready && <Text p="md">Loading…</Text>}
      </div>
    </section>
  )
}

/** How many show each status, the most frequent first. */
function count(agents: readonly Agent[]): [View, number][] {
  const by = new Map<string, [View, number]>()
  for (const a of agents) {
    const v = a.status.team
    const c = by.get(v.text)
    if (c) c[1]++
    else by.set(v.text, [v, 1])
  }
  return [...by.values()].sort((a, b) => b[1] - a[1] || a[0].text.localeCompare(b[0].text))
}
