import { createContext, useContext, useSyncExternalStore } from 'react'
import { LiveRoster, type Roster } from './roster'

export const RosterContext = createContext<LiveRoster>(new LiveRoster())

export function useRoster(): Roster {
  const r = useContext(RosterContext)
  return useSyncExternalStore(r.subscribe, r.get)
}
