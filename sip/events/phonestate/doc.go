// Package phonestate takes PUBLISH of the event package presence (RFC 3903, RFC
// 3863): what a phone says of its user.
//
// What a phone publishes is no fact here: it lights no lamp and rings nothing, so
// that nothing is stuck when a phone goes without a word. But a change of it may
// be the agent's own word, and then selects a status (rule 12 of
// presence/RULES.md).
//
// # Guarantees
//
//   - A publication selects only if it changes within its life, its device may
//     select, and what it says then means a status: not its first value, not a
//     refresh, an end or an expiry, and not a phone's coming back from "closed".
//     Everything else is answered 200 and selects nothing.
//   - Devices publish for their own agent only, trusted peers for the agents of
//     their domains; a peer's selects nothing.
//   - An entity tag is used up by the first PUBLISH that names it; a second gets
//     412 (§6 step 4). PUBLISHes of one publication are taken one at a time, in
//     the order they came.
//   - The 200 follows the commit of the publication together with the selection.
//     If the commit fails nothing has changed and the old entity tag is good.
//   - Publications outlive a restart, and every one ends by itself. There is a
//     bound on their number, for each agent and for all.
package phonestate
