// The HTTP API, typed from its own document. Errors are problem documents whose
// detail is meant for people; ApiError carries it.
import type { components } from './schema'

export type Schemas = components['schemas']
export type Agent = Schemas['Agent']
export type Me = Schemas['Me']
export type Outcome = Schemas['Outcome']
export type Settings = Schemas['Settings']
export type ForwardingOptions = Schemas['ForwardingOptions']
export type StatusChoice = Schemas['StatusChoice']
export type View = Schemas['View']
export type Desk = Schemas['Desk']
export type Change = Schemas['Change']

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message)
  }
}

const unauthorised = new Set<() => void>()

/** Calls f whenever a command found that the session has ended. */
export function whenUnauthorised(f: () => void): () => void {
  unauthorised.add(f)
  return () => void unauthorised.delete(f)
}

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const init: RequestInit = { method, credentials: 'same-origin' }
  if (body !== undefined) {
    init.headers = { 'Content-Type': 'application/json' }
    init.body = JSON.stringify(body)
  }
  let res: Response
  try {
    res = await fetch(`/api/v1${path}`, init)
  } catch {
    throw new ApiError(0, 'The server does not answer. Check the network, then try again.')
  }
  if (res.status === 401 && path !== '/me' && path !== '/login') for (const f of unauthorised) f()
  if (!res.ok) throw new ApiError(res.status, await detail(res))
  if (res.status === 204) return undefined as T
  return (await res.json()) as T
}

async function detail(res: Response): Promise<string> {
  try {
    const p = (await res.json()) as Schemas['Problem']
    return p.detail ?? p.title
  } catch {
    return `${res.status} ${res.statusText}`
  }
}

export const api = {
  me: () => call<Me>('GET', '/me'),
  login: (number: string, password: string) => call<Me>('POST', '/login', { number, password, ...(window.self === window.top ? {} : { framed: true }) }),
  logout: () => call<void>('POST', '/logout'),
  ticket: () => call<Schemas['Ticket']>('POST', '/webphone-ticket'),
  statuses: () => call<Schemas['StatusList']>('GET', '/statuses'),
  agent: (id: string) => call<Agent>('GET', `/agents/${encodeURIComponent(id)}`),
  history: (id: string) => call<Schemas['History']>('GET', `/agents/${encodeURIComponent(id)}/history?limit=30`),
  calls: (id: string) => call<Schemas['CallList']>('GET', `/agents/${encodeURIComponent(id)}/calls?limit=20`),
  why: (id: string, agent?: string) => call<Schemas['Call']>('GET', `/calls/${encodeURIComponent(id)}?hours=168${agent ? `&agent=${encodeURIComponent(agent)}` : ''}`),
  waiting: () => call<Schemas['LineList']>('GET', '/waiting'),
  line: (group: string) => call<Schemas['WaitingList']>('GET', `/groups/${encodeURIComponent(group)}/waiting`),
  webphones: (id: string) => call<Schemas['WebphoneList']>('GET', `/agents/${encodeURIComponent(id)}/webphones`),
  registrations: (id: string) => call<Schemas['RegistrationList']>('GET', `/agents/${encodeURIComponent(id)}/registrations`),
  watchers: (id: string) => call<Schemas['AgentWatchers']>('GET', `/agents/${encodeURIComponent(id)}/watchers?limit=100`),
  select: (id: string, choice: Choice, reason?: string) =>
    call<Outcome>('PUT', `/agents/${encodeURIComponent(id)}/status`, { ...choice, ...(reason ? { reason } : {}) }),
  finishWrapUp: (id: string, reason?: string) =>
    call<Outcome>('DELETE', `/agents/${encodeURIComponent(id)}/wrap-up${reason ? `?reason=${encodeURIComponent(reason)}` : ''}`),
  endSessions: (id: string, reason: string) => call<Outcome>('POST', `/agents/${encodeURIComponent(id)}/logout`, { reason }),
  setOptions: (id: string, options: ForwardingOptions) =>
    call<Outcome>('PUT', `/agents/${encodeURIComponent(id)}/settings`, { options }),
  allOff: (id: string) => call<Outcome>('POST', `/agents/${encodeURIComponent(id)}/settings/all-off`),
  restore: (id: string) => call<Outcome>('POST', `/agents/${encodeURIComponent(id)}/settings/restore`),
  desks: () => call<Schemas['DeskList']>('GET', '/desks'),
  useDesk: (desk: string) => call<Desk>('POST', `/desks/${encodeURIComponent(desk)}/login`, {}),
  leaveDesk: (desk: string) => call<Desk>('POST', `/desks/${encodeURIComponent(desk)}/logout`),
  setPIN: (id: string, pin: string) => call<void>('PUT', `/agents/${encodeURIComponent(id)}/pin`, { pin }),
  route: (agent: string) => call<Schemas['Decision']>('POST', '/route', { agent, kind: 'regular' }),
}

export interface Choice {
  status: 'available' | 'do_not_disturb' | 'custom'
  custom?: string
}
