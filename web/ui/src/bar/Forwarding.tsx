import { Button, Group, Popover, Stack, Switch, Text } from '@mantine/core'
import { useRef, useState } from 'react'
import { api, type Agent, type ForwardingOptions, type Outcome } from '../api/http'
import { act } from './act'
import { rings, withNumber } from './choices'

/** Where my calls may ring: one switch a way, and one button for all. */
export function Forwarding({ agent }: { agent: Agent }) {
  // What was just asked for, until the server answered: a second switch then
  // builds on the first.
  const [asked, setAsked] = useState<ForwardingOptions>()
  const turn = useRef(0)
  const known = agent.settings?.options
  if (!known) return null
  const options = asked ?? known

  const send = async (next: ForwardingOptions | undefined, command: () => Promise<Outcome>) => {
    const mine = ++turn.current
    setAsked(next)
    const done = await act(command)
    if (mine === turn.current) setAsked(done?.agent.settings?.options)
    // By then the live stream has told the same.
    setTimeout(() => mine === turn.current && setAsked(undefined), 1000)
  }
  const set = (next: ForwardingOptions) => void send(next, () => api.setOptions(agent.id, next))

  return (
    <Popover position="bottom-start" withArrow trapFocus>
      <Popover.Target>
        <Button variant="default" data-testid="rings">
          Rings: {rings(options)}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label="Where calls ring">
        <Stack gap="sm">
          <Text size="sm" fw={600}>
            Calls ring on
          </Text>
          <Switch label="Webphone (this page)" checked={options.webphone} onChange={(e) => set({ ...options, webphone: e.currentTarget.checked })} />
          <Switch label="Desk phone and softphone" checked={options.sip_phone} onChange={(e) => set({ ...options, sip_phone: e.currentTarget.checked })} />
          <Switch label="Mobile" checked={options.mobile} onChange={(e) => set({ ...options, mobile: e.currentTarget.checked })} />
          {(options.numbers ?? []).map((n, i) => (
            <Switch key={n.id ?? n.number} label={n.number} checked={n.enabled ?? false} onChange={(e) => set(withNumber(options, i, e.currentTarget.checked))} />
          ))}
          <Group gap="xs">
            <Button size="xs" variant="default" data-testid="all-off" onClick={() => void send(undefined, () => api.allOff(agent.id))}>
              All off
            </Button>
            <Button size="xs" variant="default" data-testid="restore" disabled={!agent.settings?.saved} onClick={() => void send(undefined, () => api.restore(agent.id))}>
              Back as before
            </Button>
          </Group>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}
