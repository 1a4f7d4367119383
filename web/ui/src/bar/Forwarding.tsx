import { Button, Group, Popover, Stack, Switch, Text } from '@mantine/core'
import { api, type Agent, type ForwardingOptions } from '../api/http'
import { act } from './act'

/** Where my calls may ring: one switch a way, and one button for all. */
export function Forwarding({ agent }: { agent: Agent }) {
  const options = agent.settings?.options
  if (!options) return null
  const set = (part: Partial<ForwardingOptions>) => void act(() => api.setOptions(agent.id, { ...options, ...part }))
  const on = [options.webphone && 'webphone', options.sip_phone && 'phone', options.mobile && 'mobile', ...(options.numbers ?? []).filter((n) => n.enabled).map((n) => n.number)].filter(Boolean)
  return (
    <Popover position="bottom-start" withArrow>
      <Popover.Target>
        <Button variant="default">{on.length > 0 ? `Rings: ${on.join(', ')}` : 'Rings: nothing'}</Button>
      </Popover.Target>
      <Popover.Dropdown>
        <Stack gap="sm">
          <Text size="sm" fw={600}>
            Calls ring on
          </Text>
          <Switch label="Webphone (this page)" checked={options.webphone} onChange={(e) => set({ webphone: e.currentTarget.checked })} />
          <Switch label="Desk phone and softphone" checked={options.sip_phone} onChange={(e) => set({ sip_phone: e.currentTarget.checked })} />
          <Switch label="Mobile" checked={options.mobile} onChange={(e) => set({ mobile: e.currentTarget.checked })} />
          {(options.numbers ?? []).map((n, i) => (
            <Switch
              key={n.id ?? n.number}
              label={n.number}
              checked={n.enabled ?? false}
              onChange={(e) => set({ numbers: options.numbers!.map((x, j) => (i === j ? { ...x, enabled: e.currentTarget.checked } : x)) })}
            />
          ))}
          <Group gap="xs">
            <Button size="xs" variant="light" onClick={() => void act(() => api.allOff(agent.id))}>
              All off
            </Button>
            <Button size="xs" variant="light" disabled={!agent.settings?.saved} onClick={() => void act(() => api.restore(agent.id))}>
              Restore
            </Button>
          </Group>
        </Stack>
      </Popover.Dropdown>
    </Popover>
  )
}
