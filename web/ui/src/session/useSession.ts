// Who is logged in. A tab opened while the session lives needs no typing.
import { useCallback, useEffect, useState } from 'react'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { api, ApiError, whenUnauthorised, type Me } from '../api/http'

export function useSession() {
  const client = useQueryClient()
  const [fresh, setFresh] = useState(false)
  const [left, setLeft] = useState(false)
  const me = useQuery({
    queryKey: ['me'],
    queryFn: async (): Promise<Me | null> => {
      try {
        return await api.me()
      } catch (e) {
        if (e instanceof ApiError && e.status === 401) return null
        throw e
      }
    },
    staleTime: Infinity,
    retry: true,
    retryDelay: (n) => Math.min(500 * 2 ** n, 10_000),
  })
  const had = me.data !== null && me.data !== undefined
  const [was, setWas] = useState(false)
  if (had && !was) setWas(true)

  /** Asks again who is logged in: the session may have ended, or be another's now. */
  const recheck = useCallback(() => {
    void client.refetchQueries({ queryKey: ['me'] }, { cancelRefetch: false })
  }, [client])
  useEffect(() => whenUnauthorised(recheck), [recheck])

  return {
    me: me.data,
    loading: me.isPending,
    problem: me.failureReason?.message,
    /** Logged in on this page just now, not by a session that lived already. */
    fresh,
    /** The session ended, and not by the button of this page. */
    ended: was && !had && !left,
    recheck,
    loggedIn: (m: Me) => {
      setFresh(true)
      setLeft(false)
      client.setQueryData(['me'], m)
    },
    /** Ends the session; rejects where the server could not be told. */
    logout: async (by: 'agent' | 'server') => {
      try {
        await api.logout()
      } catch (e) {
        if (by === 'agent' && !(e instanceof ApiError && e.status === 401)) throw e
      }
      setFresh(false)
      setLeft(by === 'agent')
      client.setQueryData(['me'], null)
    },
  }
}

export function useStatuses() {
  return useQuery({ queryKey: ['statuses'], queryFn: api.statuses, staleTime: 60_000, retry: true }).data?.statuses ?? none
}

const none: never[] = []
