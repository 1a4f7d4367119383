// Package presence is the domain of Lamplight in the domain's own words: who an
// agent is, which facts are known of it, which status follows from them, and
// which of its devices a call may ring.
//
// This root holds the words only. Below it:
//
//   - status: facts and settings and time in, Evaluation out. Pure.
//   - routing: an agent's state and a call in, Decision out. Pure.
//   - directory: domains, agents, devices, credentials, assignments.
//   - consent: whom agents allowed to watch them.
//   - roster: one writer per agent; applies facts, runs timers, numbers
//     snapshots, tells watchers, hands records to the store.
//
// Facts come in, snapshots go out, nothing flows back: no package here knows
// SIP, WebRTC or HTTP.
package presence
