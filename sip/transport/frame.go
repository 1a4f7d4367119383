package transport

import (
	"bytes"
	"fmt"
	"strings"

	"lamplight/sip/message"
)

// Framing errors end a stream: after one, nobody knows where the next message
// starts.
var (
	errHeadTooLong = fmt.Errorf("header section of a stream: %w", message.ErrTooLarge)
	errBodyTooLong = fmt.Errorf("body on a stream: %w", message.ErrTooLarge)
	errNoLength    = fmt.Errorf("no usable Content-Length on a stream: %w", message.ErrBody)
	errBusy        = fmt.Errorf("no room for large messages on streams: %w", message.ErrTooLarge)
	errGarbage     = fmt.Errorf("no start line on a stream: %w", message.ErrMalformed)
)

// usualBuffer is what any stream may use for reading without being counted.
const usualBuffer = 16 << 10

// framer cuts messages out of a stream (RFC 3261 §18.3): empty lines, a header
// section, and as much body as Content-Length says.
type framer struct {
	head, body int // limits
	buf        []byte
	used       int // bytes of buf already cut
	scanned    int // bytes after used known to hold no end of the header section
	need       int // length of the message begun, 0 until its header section ended
}

// frame is what next found.
type frame struct {
	message []byte // valid until the next call of next or room
	pings   int    // CRLF CRLF seen before it (RFC 5626 §4.4.1)
}

// room returns where to read more bytes to; filled says how many came.
func (f *framer) room() []byte {
	if f.used > 0 {
		f.buf = f.buf[:copy(f.buf, f.buf[f.used:])]
		f.used = 0
	}
	if len(f.buf) == 0 && cap(f.buf) > usualBuffer {
		f.buf = nil // a large message must not cost memory for the flow's whole life
	}
	if cap(f.buf)-len(f.buf) < 512 {
		f.buf = append(make([]byte, 0, max(2*cap(f.buf), 2048)), f.buf...)
	}
	return f.buf[len(f.buf):cap(f.buf)]
}

func (f *framer) filled(n int) { f.buf = f.buf[:len(f.buf)+n] }

// large is the size of the buffer when it is more than a flow may always have.
func (f *framer) large() int64 {
	if n := cap(f.buf); n > usualBuffer {
		return int64(n)
	}
	return 0
}

// begun reports whether part of a message is waiting for its rest; half a ping
// is none.
func (f *framer) begun() bool { return len(f.buf) > f.used && isStart(f.buf[f.used]) }

// next cuts the next message; ok is false when more bytes are needed. Pings are
// reported even then.
func (f *framer) next() (fr frame, ok bool, err error) {
	for f.need == 0 {
		rest := f.buf[f.used:]
		switch {
		case bytes.HasPrefix(rest, []byte("\r\n\r\n")):
			f.used += 4
			fr.pings++
			continue
		case bytes.Equal(rest, []byte("\r\n\r")) || bytes.Equal(rest, []byte("\r")):
			return fr, false, nil // the rest of a ping is under way
		case bytes.HasPrefix(rest, []byte("\r\n")):
			if len(rest) == 2 {
				// A pong, or the first half of a ping: its second half alone is a
				// pong as well, so nothing is lost by waiting.
				return fr, false, nil
			}
			f.used += 2
			continue
		}
		if len(rest) > 0 && !isStart(rest[0]) {
			return fr, false, errGarbage
		}
		from := max(0, f.scanned-3)
		i := bytes.Index(rest[from:], []byte("\r\n\r\n"))
		if i < 0 {
			f.scanned = len(rest)
			if len(rest) > f.head {
				return fr, false, fmt.Errorf("%w: over %d bytes", errHeadTooLong, f.head)
			}
			return fr, false, nil
		}
		if err := f.setNeed(rest[:from+i+4]); err != nil {
			return fr, false, err
		}
	}
	if len(f.buf)-f.used < f.need {
		return fr, false, nil
	}
	fr.message = f.buf[f.used : f.used+f.need]
	f.used += f.need
	f.need, f.scanned = 0, 0
	return fr, true, nil
}

// rest is the header section that could not be framed, for a 400.
func (f *framer) rest() []byte { return f.buf[f.used:] }

func (f *framer) setNeed(head []byte) error {
	if len(head) > f.head {
		return fmt.Errorf("%w: %d bytes", errHeadTooLong, len(head))
	}
	n, err := contentLength(head)
	if err != nil {
		return err
	}
	if n > f.body {
		return fmt.Errorf("%w: %d bytes", errBodyTooLong, n)
	}
	f.need = len(head) + n
	return nil
}

// isStart: a method or "SIP/" starts with a letter or another token character.
func isStart(c byte) bool {
	return c > ' ' && c < 0x7f && strings.IndexByte("\"(),/:;<=>?@[\\]{}", c) < 0
}

// contentLength finds the Content-Length of a header section. It must be there
// on a stream (RFC 3261 §20.14), and twice only with one value.
func contentLength(head []byte) (int, error) {
	length := -1
	for len(head) > 0 {
		var line []byte
		line, head, _ = bytes.Cut(head, []byte("\r\n"))
		if len(line) == 0 || line[0]|0x20 != 'c' && line[0]|0x20 != 'l' {
			continue
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		name = bytes.TrimRight(name, " \t")
		if (len(name) != 1 || name[0]|0x20 != 'l') && !bytes.EqualFold(name, []byte("Content-Length")) {
			continue
		}
		n, ok := decimal(bytes.Trim(value, " \t"))
		if !ok || length >= 0 && n != length {
			return 0, errNoLength
		}
		length = n
	}
	if length < 0 {
		return 0, errNoLength
	}
	return length, nil
}

func decimal(b []byte) (n int, ok bool) {
	if len(b) == 0 || len(b) > 9 {
		return 0, false
	}
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
