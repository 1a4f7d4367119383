// Package mailbox keeps how many messages wait for whom (RFC 3842): it relays to
// the phones what voicemail servers tell by PUBLISH or by unsolicited NOTIFY,
// and what the API sets.
//
// # Guarantees
//
//   - A class of messages (voice, fax…) has one owner: whoever last told of it. A
//     word with counts takes the classes it names, one without counts all. So a
//     server that publishes anew after it lost its entity tag leaves no double.
//   - What a publication told ends with it (RFC 3903 §6: a removal, or its
//     expiry): a voicemail server that is gone could turn no lamp off. What a
//     NOTIFY told or the API set has no end and stays until the next word.
//   - PUBLISHes for one mailbox are taken one at a time, in the order they came;
//     an entity tag is good once, a second use is answered 412.
//   - A 2xx follows the commit. If that fails nothing has changed. Mailboxes and
//     entity tags outlive a restart.
//   - Only a change of what phones are shown is told to them.
//
// Bounds are in Options. Details of single messages (RFC 3842 §3.5) are not kept.
package mailbox
