// The webphone for pages; see client.ts for how it is used.
export type { Calls, PhoneCall } from './calls'
export { callWarning, callWords } from './callwords'
export { LoggedOut, Webphone } from './client'
export type { WebphoneOptions } from './client'
export type { MicClaim, ServerState } from './protocol'
export type { Connection, WebphoneState } from './state'
export { micState, micWords } from './words'
export type { MicState, Words } from './words'
