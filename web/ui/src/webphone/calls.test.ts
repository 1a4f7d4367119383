import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Calls } from './calls'
import { soundOf } from './quality'
import type { Outgoing, Welcome } from './protocol'

// The browser's part, as far as calls touch it.
class Connection {
  connectionState = 'new'
  localDescription = { sdp: 'sdp' }
  addTrack() {}
  close() {
    this.connectionState = 'closed'
  }
  setRemoteDescription = () => Promise.resolve()
  setLocalDescription = () => Promise.resolve()
  createAnswer = () => Promise.resolve({ sdp: 'sdp' })
  getConfiguration = () => ({})
  setConfiguration() {}
  getStats = () => Promise.resolve(new Map(reports.map((r) => [r.id, r])))
}

let reports: { id: string; type: string }[] = []


let sent: Outgoing[]
let tracks: { enabled: boolean; stop: () => void }[]
let calls: Calls
let connected: boolean

beforeEach(() => {
  sent = []
  connected = true
  tracks = []
  vi.stubGlobal('RTCPeerConnection', Connection)
  vi.stubGlobal('Audio', class { play = () => Promise.resolve() })
  vi.stubGlobal('window', globalThis)
  calls = new Calls({
    send: (m) => connected && sent.push(m) > 0,
    onChange: () => undefined,
    microphone: () => {
      const track = { enabled: true, stop: () => undefined, addEventListener: () => undefined }
      tracks.push(track)
      return Promise.resolve({ getAudioTracks: () => [track], getTracks: () => [track] } as unknown as MediaStream)
    },
  })
})

afterEach(() => vi.unstubAllGlobals())

const welcome = (...ids: string[]): Welcome => ({ t: 'welcome', sid: 's', resume: 'r', resumed: true, grace: 1, dead: 1, lead: true, epoch: 1, ice: [], calls: ids })
const how = { t: 'call', call: 'a', out: false, from: '1002' } as const
const settled = () => new Promise((resolve) => setTimeout(resolve, 0))

test('a page that was loaded in a call asks for its audio and shows how it is', async () => {
  calls.welcome(welcome('a'))
  expect(sent).toEqual([])
  calls.receive({ ...how, state: 'talking', held: true, muted: true, talked: 65_000 })
  expect(sent).toEqual([{ t: 'restart', call: 'a', fresh: true }])
  const [call] = calls.list
  expect(call).toMatchObject({ id: 'a', state: 'talking', held: true, muted: true })
  expect(Date.now() - (call?.since ?? 0)).toBeGreaterThanOrEqual(65_000)

  // An offer of the connection that is no more is passed over.
  calls.receive({ t: 'offer', call: 'a', sdp: 'stale' })
  await settled()
  expect(sent).toHaveLength(1)
  calls.receive({ t: 'offer', call: 'a', sdp: 'sdp', fresh: true })
  await settled()
  expect(sent[1]).toEqual({ t: 'answer', call: 'a', sdp: 'sdp' })
  expect(tracks.map((t) => t.enabled)).toEqual([false]) // still muted
})

test('what was not answered cannot go on, and what is not this page’s is not shown', () => {
  calls.welcome(welcome('a'))
  calls.receive({ ...how, state: 'ringing', out: true })
  expect(sent).toEqual([{ t: 'hangup', call: 'a' }])
  calls.receive({ ...how, call: 'b', state: 'talking' })
  expect(sent).toHaveLength(1)
  expect(calls.list).toEqual([])
})

test('another page that has the calls now leaves none here', async () => {
  calls.welcome(welcome('a'))
  calls.receive({ ...how, state: 'talking' })
  calls.receive({ t: 'offer', call: 'a', sdp: 'sdp', fresh: true })
  await settled()
  calls.leave()
  expect(calls.list).toEqual([])
})

test('a transfer that could not be sent is said, until one is', () => {
  calls.welcome(welcome('a'))
  calls.receive({ ...how, state: 'talking' })
  connected = false
  calls.transfer('a', { to: '1003' })
  expect(calls.list[0]?.note).toContain('was not transferred')
  connected = true
  calls.transfer('a', { to: '1003' })
  expect(sent.at(-1)).toEqual({ t: 'transfer', call: 'a', to: '1003' })
  expect(calls.list[0]?.note).toBeUndefined()
})

test('how a call is heard is not known while nothing comes, and again after', async () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  reports = [{ id: 'I', type: 'inbound-rtp', kind: 'audio', packetsReceived: 100, packetsLost: 0, jitter: 0.004 } as never]
  calls.welcome(welcome('a'))
  calls.receive({ ...how, state: 'talking' })
  calls.receive({ t: 'offer', call: 'a', sdp: 'sdp', fresh: true })
  await settled()
  const sound = () => soundOf(calls.list[0] ?? {})
  const measured = async () => {
    calls.measure()
    await settled()
    vi.advanceTimersByTime(5000)
    return sound()
  }
  calls.unheard() // before anything was measured
  expect(sound()).toBeUndefined()
  expect(await measured()).toBe('good')
  calls.unheard()
  expect(sound()).toBe('unknown')
  calls.receive({ ...how, state: 'talking' }) // the server's word alone says nothing of it
  expect(sound()).toBe('unknown')
  expect(await measured()).toBe('good')

  calls.receive({ ...how, state: 'talking', warn: 'network' })
  expect(sound()).toBe('unknown')
  expect(await measured()).toBe('unknown')
  calls.receive({ ...how, state: 'talking' })
  expect(await measured()).toBe('good')
  vi.useRealTimers()
})

test('a network that moved has every call ask for new ICE, once, also where the old seems to work', async () => {
  calls.receive({ t: 'ring', call: 'a', from: '1002', sdp: 'sdp', within: 700 })
  await settled()
  const audio = (calls as unknown as { audio: Map<string, { pc: Connection }> }).audio.get('a')
  const restarts = () => sent.splice(0).filter((m) => m.t === 'restart')
  for (const [state, moved, want] of [['connected', false, 0], ['connected', true, 1], ['disconnected', false, 1], ['disconnected', true, 1]] as const) {
    audio!.pc.connectionState = state
    restarts()
    calls.welcome(welcome('a'), moved)
    expect(restarts(), `${state}, ${moved}`).toHaveLength(want)
  }
})
