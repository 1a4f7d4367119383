import { Alert, Button, Center, Paper, PasswordInput, Stack, Text, TextInput, Title } from '@mantine/core'
import { useState, type FormEvent } from 'react'
import { api, type Me } from '../api/http'

export function Login({ onLogin, ended }: { onLogin: (me: Me) => void; ended: boolean }) {
  const [number, setNumber] = useState('')
  const [password, setPassword] = useState('')
  const [error, setError] = useState('')
  const [busy, setBusy] = useState(false)

  async function submit(e: FormEvent) {
    e.preventDefault()
    setBusy(true)
    setError('')
    try {
      onLogin(await api.login(number.trim(), password))
    } catch (err) {
      setError((err as Error).message)
      setBusy(false)
    }
  }

  return (
    <Center mih="100vh" p="md">
      <Paper withBorder shadow="sm" p="xl" radius="md" w={360} component="main">
        <form onSubmit={(e) => void submit(e)}>
          <Stack>
            <div>
              <Title order={1} size="h2">Lamplight</Title>
              <Text c="dimmed" size="sm">
                Log in to take calls and see your team.
              </Text>
            </div>
            <TextInput label="Number" name="number" autoComplete="username" required autoFocus value={number} onChange={(e) => setNumber(e.currentTarget.value)} />
            <PasswordInput label="Password" name="password" autoComplete="current-password" required value={password} onChange={(e) => setPassword(e.currentTarget.value)} />
            {ended && !error && (
              <Alert color="yellow" role="status" data-testid="ended">
                You were logged out: the session ended on the server or in another tab.
              </Alert>
            )}
            {error && (
              <Alert color="red" role="alert">
                {error}
              </Alert>
            )}
            <Button type="submit" loading={busy}>
              Log in
            </Button>
          </Stack>
        </form>
      </Paper>
    </Center>
  )
}
