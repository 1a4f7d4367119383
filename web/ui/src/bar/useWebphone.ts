import { useEffect, useRef, useState } from 'react'
import { Webphone, type WebphoneState } from '../webphone'

export interface Phone {
  state: WebphoneState | undefined
  allowMicrophone: () => void
  takeOver: () => void
  tryAgain: () => void
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
    const p = new Webphone({ agent })
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

  return {
    state,
    allowMicrophone: () => phone.current?.allowMicrophone(),
    takeOver: () => phone.current?.takeOver(),
    tryAgain: () => phone.current?.tryAgain(),
    logout: () => phone.current?.logout(),
  }
}
