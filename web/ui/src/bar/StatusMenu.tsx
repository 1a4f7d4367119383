import { Button, Menu } from '@mantine/core'
import { api, type Agent, type Choice, type StatusChoice } from '../api/http'
import { Icon } from '../status/icons'
import { look } from '../status/look'
import { act } from './act'

export function StatusMenu({ agent, choices, reason }: { agent: Agent; choices: readonly StatusChoice[]; reason?: string }) {
  const selectable = choices.filter((c) => c.selectable)
  const selected = agent.selected
  return (
    <Menu position="bottom-start" withinPortal>
      <Menu.Target>
        <Button variant="default" aria-label="Change status" rightSection="▾">
          {selected ? `I am: ${text(selected.status, selected.custom, choices)}` : 'Change status'}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>Select a status</Menu.Label>
        {selectable.map((c) => {
          const l = look({ status: c.status, custom: c.custom }, choices)
          return (
            <Menu.Item
              key={c.status + (c.custom ?? '')}
              leftSection={<Icon name={l.icon} />}
              color={l.colour}
              onClick={() => void act(() => api.select(agent.id, { status: c.status as Choice['status'], ...(c.custom ? { custom: c.custom } : {}) }, reason))}
            >
              {c.text}
            </Menu.Item>
          )
        })}
      </Menu.Dropdown>
    </Menu>
  )
}

function text(status: string, custom: string | undefined, choices: readonly StatusChoice[]): string {
  return choices.find((c) => c.status === status && (c.custom ?? '') === (custom ?? ''))?.text ?? custom ?? status
}
