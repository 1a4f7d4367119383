import { useState } from 'react'
import type { Me, StatusChoice } from '../api/http'
import { useRoster } from '../live/useRoster'
import { AgentDrawer } from './AgentDrawer'
import { TeamList } from './TeamList'

export default function Team({ me, choices }: { me: Me; choices: readonly StatusChoice[] }) {
  const roster = useRoster()
  const [opened, setOpened] = useState<string>()
  return (
    <>
      <TeamList choices={choices} onOpen={(a) => setOpened(a.id)} />
      <AgentDrawer agent={opened ? roster.agents.get(opened) : undefined} me={me} choices={choices} skew={roster.skew} onClose={() => setOpened(undefined)} />
    </>
  )
}
