// Who is logged in. A tab opened while the session lives needs no typing.
import { useState } from 'react'
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { api, ApiError, type Me } from '../api/http'

export function useSession() {
  const client = useQueryClient()
  const [fresh, setFresh] = useState(false)
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
    retry: true,
    retryDelay: (n) => Math.min(500 * 2 ** n, 10_000),
  })
  return {
    me: me.data,
    loading: me.isPending,
    problem: me.failureReason?.message,
    /** Logged in on this page just now, not by a session that lived already. */
    fresh,
    loggedIn: (m: Me) => {
      setFresh(true)
      client.setQueryData(['me'], m)
    },
    logout: async () => {
      await api.logout().catch(() => undefined)
      setFresh(false)
      client.setQueryData(['me'], null)
    },
  }
}

export function useStatuses() {
  return useQuery({ queryKey: ['statuses'], queryFn: api.statuses, staleTime: 60_000 }).data?.statuses ?? []
}
