import { Alert, Button, Center, Container, Group, Loader, Stack, Text, Title } from '@mantine/core'
import { lazy, Suspense, useEffect, useMemo } from 'react'
import type { Me } from './api/http'
import { failed } from './bar/act'
import { AgentBar } from './bar/AgentBar'
import { MicrophoneChip, MicrophoneProblem } from './bar/Microphone'
import { PhonePanel } from './bar/Phone'
import { Sound, SoundProblem } from './bar/Sound'
import { useWebphone } from './bar/useWebphone'
import { LiveRoster } from './live/roster'
import { RosterContext, useAgent, useConnected, useSkew } from './live/useRoster'
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
      <Center mih="100dvh" component="main">
        <Stack align="center">
          <Loader aria-label="Loading" />
          {session.problem && (
            <Alert color="yellow" role="status">
              {session.problem} This page tries again by itself.
            </Alert>
          )}
        </Stack>
      </Center>
    )
  }
  if (!session.me) return <Login onLogin={session.loggedIn} ended={session.ended} />
  return <LoggedIn key={session.me.agent?.id} me={session.me} fresh={session.fresh} barOnly={barOnly} logout={session.logout} recheck={session.recheck} />
}

interface Props {
  me: Me
  fresh: boolean
  barOnly: boolean
  logout: (by: 'agent' | 'server') => Promise<void>
}

function LoggedIn({ recheck, ...props }: Props & { recheck: () => void }) {
  // The bar alone follows its own agent only.
  const own = props.barOnly ? props.me.agent?.id : undefined
  const live = useMemo(
    () => new LiveRoster({ open: () => new EventSource('/api/v1/events' + (own ? `?agent=${own}` : '')), onLost: recheck }),
    [own, recheck],
  )
  useEffect(() => {
    live.start()
    return () => live.stop()
  }, [live])
  return (
    <RosterContext.Provider value={live}>
      <Desk {...props} />
    </RosterContext.Provider>
  )
}

function Desk({ me, fresh, barOnly, logout }: Props) {
  const choices = useStatuses()
  const webphone = useWebphone(me.agent?.id, () => void logout('server'))
  const known = useAgent(me.agent?.id)
  const mine = known ?? me.agent
  const skew = useSkew()
  const connected = useConnected()
  const shown = (mine?.status.own ?? mine?.status.team)?.text
  useEffect(() => {
    document.title = shown ? `${shown} · Lamplight` : 'Lamplight'
    return () => void (document.title = 'Lamplight')
  }, [shown])

  // The server ends this session's webphone with the session.
  const leave = () => logout('agent').then(webphone.logout, failed)
  const bar = mine && (
    <>
      {fresh && <KeepStatus me={me} />}
      <AgentBar
        agent={mine}
        choices={choices}
        skew={skew}
        connected={connected}
        microphone={
          <>
            <MicrophoneChip phone={webphone} />
            <Sound phone={webphone} />
          </>
        }
        phone={<PhonePanel phone={webphone} />}
        problem={
          <>
            <MicrophoneProblem phone={webphone} />
            <SoundProblem phone={webphone} />
          </>
        }
      >
        <Text size="sm">
          {mine.name} · {mine.number}
        </Text>
        <Button variant="subtle" px="xs" onClick={() => void leave()}>
          Log out
        </Button>
      </AgentBar>
    </>
  )
  if (barOnly) {
    return (
      <main style={{ padding: 4 }}>
        <h1 className="unseen">Lamplight</h1>
        {bar}
      </main>
    )
  }
  return (
    <Container size="xl" py="md" component="main" style={{ height: '100dvh', minHeight: 600, display: 'flex', flexDirection: 'column', gap: 'var(--mantine-spacing-md)' }}>
      <Group justify="space-between">
        <Group gap="xs" c="indigo">
          <Icon name="lamp" size={22} />
          <Title order={1} size="h3" c="var(--mantine-color-text)">
            Lamplight
          </Title>
        </Group>
        <Text c="dimmed" size="sm">
          {me.domain}
        </Text>
      </Group>
      {bar}
      <Suspense fallback={<Loader aria-label="Loading" />}>
        <Team me={me} choices={choices} />
      </Suspense>
    </Container>
  )
}
