// Package proxy answers INVITEs. For now it is a redirect server (RFC 3261 §8.3):
// it says where the called agent can be reached, or why not, and stays out of
// the call.
//
// # Who is answered
//
//   - A peer whose mode is redirect, known by the address it sends from. Its word
//     on the kind of call is believed.
//   - The domain's own devices, once they have proved who they are.
//   - Anybody else gets 403 before anything is looked up, so that nobody learns
//     which agents there are.
//
// # Guarantees
//
//   - Every decision is given an id, named in the answer, and appended to the
//     change log with all that it was made from, so that it can be made again.
//     The answer does not wait for that.
//   - What was left out of a redirect is said in a Warning.
//   - A call that nothing but a sleeping mobile can take wakes it and waits, as long
//     as Options.Waker does, until the mobile has registered anew or it is clear that
//     it will not; then it is decided again, and the record says how that went. A
//     CANCEL ends the wait. Where something else rings the answer does not wait, and
//     the mobile is let sleep: no call would follow the push.
package proxy
