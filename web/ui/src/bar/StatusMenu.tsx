import { Button, Menu, VisuallyHidden } from '@mantine/core'
import { api, type Agent, type StatusChoice } from '../api/http'
import { Icon } from '../status/icons'
import { act } from './act'
import { offered, selectedText } from './choices'

export function StatusMenu({ agent, choices, reason }: { agent: Agent; choices: readonly StatusChoice[]; reason?: string }) {
  const list = offered(agent, choices)
  const selected = selectedText(agent, choices)
  return (
    <Menu position="bottom-start" withinPortal={false} withInitialFocusPlaceholder={false}>
      <Menu.Target>
        <Button variant="default" data-testid="status-menu" rightSection={<span aria-hidden>▾</span>}>
          <VisuallyHidden>Change status. </VisuallyHidden>
          {selected ? `Selected: ${selected}` : 'Select a status'}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {list.length === 0 && <Menu.Label>The statuses are still loading…</Menu.Label>}
        {list.map((o) => (
          <Menu.Item
            key={o.key}
            leftSection={
              <span style={{ color: `var(--mantine-color-${o.look.colour}-filled)` }}>
                <Icon name={o.look.icon} />
              </span>
            }
            rightSection={o.selected ? <span aria-hidden>✓</span> : undefined}
            onClick={() => void act(() => api.select(agent.id, o.choice, reason))}
          >
            {o.text}
            {o.selected && <VisuallyHidden> (selected now)</VisuallyHidden>}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  )
}
