import { Alert, Button, Center, Container, Group, Loader, Stack, Text, Title } from '@mantine/core'
import { lazy, Suspense, useEffect, useMemo } from 'react'
import type { Me } from './api/http'
import { AgentBar } from './bar/AgentBar'
import { MicrophoneChip, MicrophoneProblem } from './bar/Microphone'
import { useWebphone } from './bar/useWebphone'
import { LiveRoster } from './live/roster'
import { RosterContext, useRoster } from './live/useRoster'
import { KeepStatus } from './session/KeepStatus'
import { Login } from './session/Login'
import { useSession, useStatuses } from './session/useSession'
import { Icon } from './status/icons'

// The bar alone never loads the team.
const Team = lazy(() => import('./team/Team'))

/** The whole page of an agent or supervisor; with barOnly, the bar alone for a frame in another page. */
export function Workplace({ barOnly = false }: { barOnly?: boolean }) {
  const session = useSession()
  if (session.loading) {
    return (
      <Center mih="100vh">
        <Stack align="center">
          <Loader />
          {session.problem && <Alert color="yellow">{session.problem}</Alert>}
        </Stack>
      </Center>
    )
  }
  if (!session.me) return <Login onLogin={session.loggedIn} />
  return <LoggedIn key={session.me.agent?.id} me={session.me} fresh={session.fresh} barOnly={barOnly} logout={session.logout} />
}

interface Props {
  me: Me
  fresh: boolean
  barOnly: boolean
  logout: () => Promise<void>
}

function LoggedIn({ me, fresh, barOnly, logout }: Props) {
  const live = useMemo(() => new LiveRoster(), [])
  useEffect(() => {
    live.start()
    return () => live.stop()
  }, [live])
  return (
    <RosterContext.Provider value={live}>
      <Desk me={me} fresh={fresh} barOnly={barOnly} logout={logout} />
    </RosterContext.Provider>
  )
}

function Desk({ me, fresh, barOnly, logout }: Props) {
  const roster = useRoster()
  const choices = useStatuses()
  const webphone = useWebphone(me.agent?.id, () => void logout())
  const mine = me.agent && (roster.agents.get(me.agent.id) ?? me.agent)

  const leave = async () => {
    webphone.logout()
    await logout()
  }
  const bar = mine && (
    <>
      {fresh && <KeepStatus me={me} />}
      <AgentBar agent={mine} choices={choices} skew={roster.skew} connected={roster.connected || !roster.ready} microphone={<MicrophoneChip phone={webphone} />} problem={<MicrophoneProblem phone={webphone} />}>
      <Text size="sm">
        {mine.name} · {mine.number}
      </Text>
      <Button variant="subtle" onClick={() => void leave()}>
        Log out
      </Button>
    </AgentBar>
    </>
  )
  if (barOnly) return <main style={{ padding: 4 }}>{bar}</main>
  return (
    <Container size="xl" py="md" component="main">
      <Stack>
        <Group justify="space-between">
          <Group gap="xs" c="indigo">
            <Icon name="lamp" size={22} />
            <Title order={3} c="var(--mantine-color-text)">
              Lamplight
            </Title>
          </Group>
          <Text c="dimmed" size="sm">
            {me.domain}
          </Text>
        </Group>
        {bar}
        <Suspense fallback={<Loader />}>
          <Team me={me} choices={choices} />
        </Suspense>
      </Stack>
    </Container>
  )
}
