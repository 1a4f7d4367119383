// Package transport owns every SIP socket: UDP, TCP, TLS, WebSocket and secure
// WebSocket (RFC 3261 §18, RFC 7118). Each peer is a Flow; what is sent goes
// through Flow.Send, which never waits for the peer: a stream's messages are
// queued, bounded, and what had to be dropped is counted.
//
// Framing, limits of size, rate and number, and keep-alives (RFC 5626 §3.5, STUN
// on UDP) are dealt with before anything is parsed.
//
// Order: the messages of one stream, and those of one UDP peer, are delivered in
// the order in which they were read, on the goroutine that reads them; several
// readers of one port (ListenUDP) each keep their own peers. Messages sent on one
// flow leave in the order of the calls. OnFlowClosed comes after the last message
// of its flow was delivered or while the reader is inside its handler.
//
// Sending to an address picks the newest stream that still takes messages: one a
// trusted peer opened and lent (Alias, RFC 5923) as well as one of ours. A peer that
// vanishes without a word is noticed within a minute.
//
// Memory: an idle TCP flow costs its buffers and one goroutine; a UDP peer a few
// hundred bytes, forgotten after silence; forged datagrams that are no SIP cost
// nothing that stays.
package transport
