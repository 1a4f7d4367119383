// Package notifier is the subscription engine of RFC 6665: it answers SUBSCRIBE
// and sends NOTIFY for whatever event packages it is given.
//
// # Guarantees
//
//   - A new subscription, a changed one and an ended one are durable before the
//     200; an unchanged refresh writes nothing while the stored, padded expiry
//     covers what is granted. NOTIFYs write nothing.
//   - At most one NOTIFY of a subscription is in flight, and the next one has
//     the newest state: last state wins, none queue up.
//   - CSeq and document version of a subscription only grow, also across
//     restarts, document versions by one from NOTIFY to NOTIFY between them; the
//     first NOTIFY after one is full state.
//   - A state is told once: a change that leaves the rendered document as it
//     was sends nothing. A SUBSCRIBE is always answered by a NOTIFY, unless its
//     sender names the entity tag of the document as it is: then a refresh is
//     answered 204, and the first NOTIFY is empty (RFC 5839). A tag follows from
//     the document and is never that of another.
//   - Changes are told no more often than the watcher wished, the last of them in
//     the end (RFC 6446). What answers a SUBSCRIBE or ends a subscription does
//     not wait.
//   - Who may watch whom, and who may see who calls, is asked of the domain's
//     rules and the watched agent's decisions at each SUBSCRIBE, after a restart,
//     and within seconds of a change of either. A watcher who waits for leave, or
//     has lost it, is sent nothing but what is told of nobody.
//   - Whoever watches an address without an agent is told to ask anew when it
//     becomes an agent's, and whoever watches one that its agent has left; so is
//     a peer that is one no more.
//   - What is different about a phone is looked up once and stored. Only phones
//     that apply changes are sent changes, on top of what they acknowledged.
//   - 481 ends a subscription at once, silence only after several attempts
//     (RFC 6665 §4.2.2 would end it at the first: many phones drop a NOTIFY now
//     and then, and a lamp would be dead until the next refresh).
//   - A watcher over a stream whose flow is gone keeps its subscription until
//     it expires; NOTIFYs wait, and the next SUBSCRIBE of the dialog, over
//     whatever flow, brings the newest state. RFC 6665 asks for nothing else,
//     and RFC 5626 §5.3 forbids opening another connection to such a contact.
//
// # Lists
//
// A subscription to a list (RFC 4662, RFC 5367) is one of these too, with the
// same promises. Its first NOTIFY, and the one after each SUBSCRIBE and each
// restart, is full state, later ones tell of the members that changed. What does
// not fit one NOTIFY follows, part after part, each when the one before is
// answered. A member whom the watcher may not watch is shown as terminated and
// rejected, one who has not decided yet as pending. Members added to a list are
// told of as such; when one leaves it, full state follows.
//
// Nothing here runs on a roster's shard but the taking of a note: a bounded set
// of workers renders and sends.
package notifier
