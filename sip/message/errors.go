package message

import "errors"

// The ways in which bytes are not a SIP message. A returned error wraps one of
// them.
var (
	// ErrMalformed: no start line, no header section, a line that is no header,
	// a bare CR or LF, a control character.
	ErrMalformed = errors.New("malformed SIP message")
	// ErrTooLarge: one of the limits of this package is exceeded.
	ErrTooLarge = errors.New("SIP message exceeds a limit")
	// ErrBody: Content-Length says more than there is, or is no number.
	ErrBody = errors.New("SIP message body does not match Content-Length")
)

// Limits of what is read. Streams and sockets may be stricter.
const (
	// MaxHead bounds start line and headers together, in bytes.
	MaxHead = 64 << 10
	// MaxLine bounds one header line, in bytes.
	MaxLine = 16 << 10
	// MaxHeaders bounds the number of header lines.
	MaxHeaders = 256
	// MaxBody bounds the body, in bytes.
	MaxBody = 1 << 20
)
