import { Button, Group, PasswordInput, Popover, Stack, Text } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { api, type Agent, type Desk } from '../api/http'
import { failed } from './act'
import { deskLine, ownDesk } from './deskline'

/** The shared phones: sit down at one, or leave it. Where there are none there is nothing to see. */
export function Desks({ agent }: { agent: Agent }) {
  const [opened, setOpened] = useState(false)
  const desks = useQuery({ queryKey: ['desks'], queryFn: api.desks, refetchInterval: opened ? 5_000 : 60_000 })
  const list = desks.data?.desks ?? []
  if (list.length === 0) return null
  const own = ownDesk(list, agent.id)

  const move = async (command: () => Promise<Desk>, said: string) => {
    try {
      await command()
      notifications.show({ message: said })
    } catch (e) {
      failed(e)
    }
    await desks.refetch()
  }

  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-start" withArrow trapFocus>
      <Popover.Target>
        <Button variant="default" data-testid="desks" onClick={() => setOpened((o) => !o)}>
          Desk: {own ? own.name : 'none'}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Shared phones">
        <Stack gap="sm">
          <Text size="sm" fw={600}>
            Shared phones
          </Text>
          {list.map((d) => (
            <Group key={d.id} justify="space-between" wrap="nowrap">
              <Text size="sm">{deskLine(d)}</Text>
              {d.agent?.id === agent.id ? (
                d.until && (
                  <Button size="xs" variant="default" aria-label={`Leave ${d.name}`} onClick={() => void move(() => api.leaveDesk(d.id), `${d.name} is free.`)}>
                    Leave
                  </Button>
                )
              ) : (
                <Button size="xs" variant="default" aria-label={`Use this phone: ${d.name}`} onClick={() => void move(() => api.useDesk(d.id), `${d.name} rings for you now.`)}>
                  Use this phone
                </Button>
              )}
            </Group>
          ))}
          <PIN agent={agent} />
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}

/** The PIN by which the agent sits down by dialling. */
function PIN({ agent }: { agent: Agent }) {
  const [pin, setPIN] = useState('')
  const save = async () => {
    try {
      await api.setPIN(agent.id, pin)
      setPIN('')
      notifications.show({ message: 'The PIN is set.' })
    } catch (e) {
      failed(e)
    }
  }
  return (
    <Group align="flex-end" gap="xs" wrap="nowrap">
      <PasswordInput
        size="xs"
        label="New PIN, to log in by phone"
        description="4 to 12 digits"
        inputMode="numeric"
        autoComplete="off"
        maxLength={12}
        value={pin}
        onChange={(e) => setPIN(e.currentTarget.value.replace(/\D/g, ''))}
      />
      <Button size="xs" variant="default" disabled={pin.length < 4} onClick={() => void save()}>
        Set PIN
      </Button>
    </Group>
  )
}
