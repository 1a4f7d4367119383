// Package compositor takes PUBLISH of the event package dialog (RFC 3903, RFC
// 4235) from trusted peers and turns it into legs of calls.
//
// # Guarantees
//
//   - PUBLISHes for one presentity are taken one at a time, in the order they
//     came: an entity tag is used up by the first that names it, a second gets
//     412 (RFC 3903 §6).
//   - The 200 follows the commit of the publication together with the change of
//     the roster. If the commit fails nothing has changed, and the old entity
//     tag is still good.
//   - A dialog has one owner: the publication that last told of it. So a
//     publication made anew after a 412 leaves no double behind.
//   - A dialog that was told to have ended stays ended for a while: an early or
//     confirmed that was overtaken lights no lamp again.
//   - An observer's word on a call yields to that of an authoritative peer.
//   - Every publication ends by itself, also one reloaded after a restart, and
//     its legs with it.
package compositor
