import { useCallback, useState } from 'react'
import type { Me, StatusChoice } from '../api/http'
import { useAgent, useSkew } from '../live/useRoster'
import { AgentDrawer } from './AgentDrawer'
import { TeamList } from './TeamList'
import { Waiting } from './Waiting'

export default function Team({ me, choices }: { me: Me; choices: readonly StatusChoice[] }) {
  const [opened, setOpened] = useState<string>()
  const open = useCallback((id: string) => setOpened(id), [])
  const close = useCallback(() => setOpened(undefined), [])
  return (
    <>
      {me.role !== 'agent' && <Waiting />}
      <TeamList choices={choices} onOpen={open} />
      <AgentDrawer agent={useAgent(opened)} me={me} choices={choices} skew={useSkew()} onClose={close} />
    </>
  )
}
