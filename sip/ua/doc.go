// Package ua is SIP user agents inside this process (RFC 3261 §8, §12 to §15): each
// is a Phone at the end of a flow in memory (transport.Pipe), whose other end a
// proxy uses as it uses the flow of any device. Nothing in here is known to that
// proxy, and nothing of it is known here.
//
// # What a call is
//
// A Call is one dialog from its INVITE to its end, made by Phone.Call or told to
// PhoneOptions.Incoming. What its owner wants of it is a method, what happens to it
// comes to its Handler. Descriptions (SDP) are the owner's; the package knows when
// an offer and when an answer is due (RFC 3264, RFC 6337).
//
// # What is promised
//
//   - Ended is the last that a Handler hears, and it hears it once, also when the
//     flow ends under the call or the owner ended it himself.
//   - No method blocks and no Handler may. A Handler may call methods of its call.
//   - A 2xx is repeated until its ACK comes, an ACK whenever the 2xx comes again, a
//     refused offer that met another (491) is made again.
//   - A session timer (RFC 4028) is kept as the other side wants it; a call that is
//     not refreshed in time ends.
//   - Who requires reliable provisional responses (RFC 3262) gets them; nobody is asked
//     for them.
//   - Calls of a phone are bounded: 486 beyond that.
package ua
