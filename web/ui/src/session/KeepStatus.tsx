import { Button, Group, Modal, Text } from '@mantine/core'
import { useState } from 'react'
import { api, type Me } from '../api/http'
import { act } from '../bar/act'

/** After a login, what was selected last time still holds; the agent says whether it should. */
export function KeepStatus({ me }: { me: Me }) {
  const selected = me.agent?.selected
  const [open, setOpen] = useState(me.keep_selected === 'ask' && selected !== undefined && selected.status !== 'available')
  if (!me.agent || !selected) return null
  const name = selected.custom ?? 'Do Not Disturb'
  const id = me.agent.id
  return (
    <Modal opened={open} onClose={() => setOpen(false)} title={`You are still on ${name}`} centered closeButtonProps={{ 'aria-label': `Keep ${name}` }}>
      <Text size="sm" mb="md">
        You selected it before you logged out. Keep it, or take calls now?
      </Text>
      <Group>
        <Button
          onClick={() => {
            setOpen(false)
            void act(() => api.select(id, { status: 'available' }))
          }}
        >
          Take calls: Available
        </Button>
        <Button variant="default" onClick={() => setOpen(false)}>
          Keep {name}
        </Button>
      </Group>
    </Modal>
  )
}
