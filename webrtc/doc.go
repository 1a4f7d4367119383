// Package webrtc is the webphone's side of Lamplight: it holds the WebSocket of
// every page, judges whether the page lives and its microphone works, and tells
// the roster. What is said over the socket is in PROTOCOL.md.
//
// # What a session is
//
// A session is one page. Of an agent's pages one leads: it alone rings and it
// alone is a fact in the roster; the others stay connected and know that they
// do not. A session outlives its socket by the domain's grace time, so that a
// reloaded page goes on where it was.
//
// # What a call is
//
// A page is a phone: a SIP user agent (sip/ua) at the end of a flow in memory, which
// is made when it is first needed and ends with the session. Each call has one
// goroutine, which owns its dialog, its audio (Bridge) and what the page is told; what
// happens is posted to it and done in order.
//
// # What is promised
//
//   - A closed socket or a goodbye takes the page out of routing at once; a
//     page that stops answering is out after 2.2 s of silence while calls may
//     be offered to it, and its session ends after 4 s (package liveness).
//   - The page's word lowers trust at once. It never raises it: a microphone is
//     usable only after its audio arrived here (packages microphone, testcall).
//   - Changes of one agent's sessions reach the roster in the order in which
//     they happened. A change the roster could not commit is told again.
//   - A call that comes counts as ringing once the page said that it rings; a page that does
//     not within 700 ms has refused it.
//   - A call outlives its page's socket, and its silence, by ten seconds. A page that was
//     loaded anew in that time goes on with it, and the other side knows nothing.
//   - A page's word about a call that is not its own does nothing.
//   - Every socket, message, call, session and test call is bounded (Limits), counted
//     and refused with a reason beyond that.
package webrtc
