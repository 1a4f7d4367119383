import { createContext, useContext, useSyncExternalStore } from 'react'
import type { Agent } from '../api/http'
import { LiveRoster, type Roster } from './roster'

export const RosterContext = createContext<LiveRoster>(new LiveRoster())

/** The whole list; renders anew with every change of anybody. */
export function useRoster(): Roster {
  const r = useContext(RosterContext)
  return useSyncExternalStore(r.subscribe, r.get)
}

/** One agent; renders anew when that one changes. */
export function useAgent(id: string | undefined): Agent | undefined {
  const r = useContext(RosterContext)
  return useSyncExternalStore(r.subscribe, () => (id ? r.get().agents.get(id) : undefined))
}

/** Whether what is shown is fresh. */
export function useConnected(): boolean {
  const r = useContext(RosterContext)
  return useSyncExternalStore(r.subscribe, () => r.get().connected || !r.get().ready)
}

export function useSkew(): number {
  const r = useContext(RosterContext)
  return useSyncExternalStore(r.subscribe, () => r.get().skew)
}
