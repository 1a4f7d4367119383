// The webphone for pages; see client.ts for how it is used.
export { LoggedOut, Webphone } from './client'
export type { Connection, WebphoneOptions, WebphoneState } from './client'
export type { MicClaim, ServerState } from './protocol'
export { micState, micWords } from './words'
export type { MicState, Words } from './words'
