// Package transport owns every SIP socket: UDP, TCP, TLS, WebSocket and secure
// WebSocket (RFC 3261 §18, RFC 7118). Each peer is a Flow; what is sent goes
// through Flow.Send, which only queues, bounded, and counts what it had to
// drop. Framing, size and rate limits, keep-alives (RFC 5626 §3.5) and bans
// happen here, before anything is parsed.
package transport
