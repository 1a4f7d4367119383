// Package proxy answers INVITEs, and MESSAGEs outside of calls. Where a call goes is decided by presence/routing;
// this package takes it there, in one of two ways:
//
//   - As a redirect server (RFC 3261 §8.3) it says where the called agent can be
//     reached, or why not, and stays out of the call.
//   - As a forking proxy (§16) it rings the agent's devices itself, stays in the
//     way of the call and follows its dialogs; see packages fork, relay and calls.
//
// # Who is answered
//
//   - A peer whose mode is redirect or proxy, known by the address it sends from.
//     Its word on the kind of call is believed.
//   - The domain's own devices, once they have proved who they are. Their calls
//     are admitted by status and device (rules 10 and 16 of presence/RULES.md), to
//     colleagues and, by a trunk, to numbers outside.
//   - Anybody else gets 403 before anything is looked up, so that nobody learns
//     which agents there are.
//
// # Guarantees
//
//   - Every decision is given an id, named in the answer, and appended to the
//     change log with all that it was made from, so that it can be made again; of
//     a call that passed through us with what was tried and what each device
//     answered. The answer does not wait for that.
//   - What was left out of a redirect is said in a Warning.
//   - A call that rings is picked up by who may (presence.Policy.MayPickUp), by a
//     lamp (an INVITE with Replaces, RFC 3891), a feature code or a team's code (also
//     of who is in a ring group with the one who is rung); one
//     at a time, and the phones where it rang show no missed call. The record of
//     the call says by whom.
//   - A transfer passes (RFC 5589). The call that a phone was asked for is let out
//     whatever its agent's status, and one that takes the place of a dialog (RFC
//     3891) goes to the very phone that holds it; see takesPlace for who may.
//   - A MESSAGE outside of a call goes to every phone of the agent's that is there,
//     in every status; the first that takes it is enough, and nothing is stored. Over
//     UDP it may have 1300 bytes (RFC 3428 §8), over streams a body of 16 KB.
//   - A peer's OPTIONS about an agent is answered as its INVITE would be.
//   - A call for which only sleeping mobiles could ring waits for one of them to
//     wake, if a push is sent to it (Options.Waker): until it has registered, or
//     for as long as the waker lets it. CANCEL ends that.
//
// # How a call is picked up
//
// A phone that picks up sends an INVITE of its own, so there are two INVITEs to be
// made one call of. A server that stands for both ends would answer the one with
// the other's media; we pass calls on, media and its keys are the ends' own, and a
// restart must cost nobody his call. So:
//
//   - Where the caller's phone says that it knows Replaces, the picker's INVITE is
//     passed on to it with the name of the early dialog, whatever way it was asked
//     for: only who began an early dialog may replace it (RFC 3891 §3). The two
//     phones are connected at once. Some say so and refuse, or ring as for any call
//     (Linphone): then the second way is taken, and a phone known for it (quirk
//     no_replaces) is not asked. Trunks and PBXs are believed only if configured so.
//   - Else the picker's phone becomes one more branch of the caller's INVITE, and is
//     asked to pick up by itself. Its own INVITE ends first, so that the phone is
//     free. This works with every caller.
package proxy
