import { useEffect, useMemo, useRef, useState } from 'react'
import { clientKind } from './kind'
import { Webphone, type Calls, type MicTest, type MicTestState, type Use, type WebphoneState } from '../webphone'

/** What can be done with calls. */
export type CallActs = Pick<Calls, 'dial' | 'answer' | 'reject' | 'hangup' | 'hold' | 'mute' | 'press' | 'transfer' | 'dismiss' | 'level' | 'listen'>

export interface Phone extends CallActs {
  state: WebphoneState | undefined
  allowMicrophone: () => void
  takeOver: () => void
  tryAgain: () => void
  /** Chooses a device; an empty id is the system's own. */
  choose: (use: Use, id: string) => void
  sampleRing: () => Promise<void>
  testMicrophone: (onChange: (state: MicTestState) => void) => MicTest | undefined
  logout: () => void
}

/** The webphone of this tab while an agent is logged in; it goes online by itself. */
export function useWebphone(agent: string | undefined, onLoggedOut: () => void): Phone {
  const [state, setState] = useState<WebphoneState>()
  const phone = useRef<Webphone>(undefined)
  const loggedOut = useRef(onLoggedOut)
  loggedOut.current = onLoggedOut

  useEffect(() => {
    if (!agent) return
    const p = new Webphone({ agent, client: clientKind() })
    phone.current = p
    const off = p.onState((s) => {
      setState(s)
      if (s.connection === 'logged-out') loggedOut.current()
    })
    void p.start()
    return () => {
      off()
      p.stop()
      phone.current = undefined
    }
  }, [agent])

  const calls = useMemo<CallActs>(() => {
    const c = () => phone.current?.calls
    return {
      dial: (to) => c()?.dial(to),
      answer: (id) => c()?.answer(id),
      reject: (id) => c()?.reject(id),
      hangup: (id) => c()?.hangup(id),
      hold: (id, on) => c()?.hold(id, on),
      mute: (id, on) => c()?.mute(id, on),
      press: (id, keys) => c()?.press(id, keys),
      transfer: (id, to) => c()?.transfer(id, to),
      dismiss: (id) => c()?.dismiss(id),
      listen: (id) => c()?.listen(id),
      level: (id) => c()?.level(id) ?? Promise.resolve(0),
    }
  }, [])

  return {
    ...calls,
    state,
    allowMicrophone: () => phone.current?.allowMicrophone(),
    takeOver: () => phone.current?.takeOver(),
    tryAgain: () => phone.current?.tryAgain(),
    choose: (use, id) => phone.current?.devices.choose(use, id),
    sampleRing: () => phone.current?.calls.sampleRing() ?? Promise.resolve(),
    testMicrophone: (onChange) => phone.current?.testMicrophone(onChange),
    logout: () => phone.current?.logout(),
  }
}
