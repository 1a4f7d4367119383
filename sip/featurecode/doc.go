// Package featurecode carries out the codes an agent dials on a phone: Do Not
// Disturb, a status, the end of a wrap-up, forwarding, a hot desk.
//
// # Guarantees
//
//   - A code is for the agent whose device dialled it, as its credential and
//     assignment say; no header counts.
//   - The answer leaves when the change is durable. It is a 200 without media
//     whose call we end after the ACK, or, where the domain prefers, a refusal
//     that says what was done. What could not be done is refused with the reason.
//   - One INVITE is carried out once, also where it reaches us by two ways (482,
//     RFC 3261 §8.2.2.2) or comes again. A CANCEL takes nothing back.
//   - A 200 is repeated until its ACK, for 32 s at most (§13.3.1.4); a phone that
//     never sends one is sent a BYE all the same.
//   - Calls, and INVITEs remembered, are bounded; beyond that the answer is 503.
package featurecode
