// Package transaction is the one transaction table of the server (RFC 3261 §17,
// RFC 6026).
//
// Requests reach the Handler on the goroutine that read them, so in the order of
// their flow; the handler must not block. What waits (a commit, a look-up on the
// network) goes on elsewhere and answers later: Request.Respond is safe from any
// goroutine.
//
// A non-INVITE server transaction is an entry of a replay cache, no goroutine
// and no state machine: it absorbs retransmissions while the answer is pending
// and repeats the answer's bytes for 32 s afterwards; over reliable transports
// it keeps nothing. An INVITE server transaction is a small state machine with one
// timer until it is settled, by a 2xx or by the ACK of a refusal; then it is such
// an entry too, about 200 bytes, so thousands of calls a second can be remembered.
// A client transaction is an entry of a timer wheel, but for that of an INVITE,
// which is a small state machine with timers of its own; with its final response it
// is settled, keeps no message, and counts no more as open.
//
// Everything is bounded: a full replay cache forgets its oldest entries, a full
// INVITE table the refusals that nobody acknowledged, and then it refuses, as a
// full client table does (ErrOverload, 503 with Retry-After), but for calls for help.
package transaction
