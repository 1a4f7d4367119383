package sdp

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Read takes the first audio line that is not declined.
func Read(b []byte) (*Description, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrTooLarge, len(b))
	}
	if !bytes.HasPrefix(b, []byte("v=0")) {
		return nil, fmt.Errorf("%w: does not begin with v=0", ErrSyntax)
	}
	r := reader{d: &Description{At: -1}}
	for line := range bytes.Lines(b) {
		s := strings.TrimRight(string(line), "\r\n")
		if s == "" {
			continue
		}
		if len(s) < 2 || s[1] != '=' {
			return nil, fmt.Errorf("%w: line %q", ErrSyntax, clip(s))
		}
		if err := r.line(s[0], s[2:]); err != nil {
			return nil, err
		}
	}
	if r.d.At < 0 {
		return nil, ErrNoAudio
	}
	return r.d, r.finish()
}

// reader is how far a description has been read.
type reader struct {
	d *Description
	// What stands above the media lines counts for each (RFC 8866 §5).
	top     section
	here    section // of the audio
	state   state
	formats []uint8
	maps    []Codec
	fmtps   map[uint8]string
}

type section struct {
	addr           netip.Addr
	way            Direction
	waySaid        bool
	ice, print     bool
	ufrag          string
	rtcp           netip.AddrPort
	mux, addrWrong bool
}

type state uint8

const (
	above  state = iota // before the first media line
	inside              // in the audio
	beside              // in another media line
)

func (r *reader) line(kind byte, v string) error {
	if kind == 'm' {
		return r.media(v)
	}
	at := &r.top
	switch r.state {
	case inside:
		at = &r.here
	case beside:
		if mid, ok := strings.CutPrefix(v, "mid:"); ok && kind == 'a' {
			r.d.Lines[len(r.d.Lines)-1].MID = token(mid)
		}
		return nil
	}
	switch kind {
	case 'c':
		at.connection(v)
	case 'a':
		r.attribute(at, v)
	}
	return nil
}

// media reads "audio 49170 RTP/AVP 0 8 101".
func (r *reader) media(v string) error {
	if len(r.d.Lines) == MaxLines {
		return fmt.Errorf("%w: more than %d media lines", ErrTooLarge, MaxLines)
	}
	f := strings.Fields(v)
	if len(f) < 4 {
		return fmt.Errorf("%w: media line %q", ErrSyntax, clip(v))
	}
	number, _, _ := strings.Cut(f[1], "/") // a count of ports is for layered video
	port, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return fmt.Errorf("%w: port of media line %q", ErrSyntax, clip(v))
	}
	if token(f[0]) != f[0] || token(f[2]) != f[2] || token(f[3]) != f[3] {
		return fmt.Errorf("%w: words of media line %q", ErrSyntax, clip(v))
	}
	r.d.Lines = append(r.d.Lines, Line{Media: f[0], Proto: f[2], Format: f[3]})
	r.state = beside
	if f[0] != "audio" || port == 0 || r.d.At >= 0 {
		return nil
	}
	r.state, r.d.At = inside, len(r.d.Lines)-1
	r.d.Audio.Port, r.d.Audio.Profile = uint16(port), Profile(strings.ToUpper(f[2]))
	for _, s := range f[3:min(len(f), 3+MaxFormats)] {
		if pt, err := strconv.ParseUint(s, 10, 7); err == nil {
			r.formats = append(r.formats, uint8(pt))
		}
	}
	return nil
}

// connection reads "IN IP4 192.0.2.1/127". A name instead of an address is not
// looked up.
func (s *section) connection(v string) {
	f := strings.Fields(v)
	if len(f) != 3 {
		s.addrWrong = true
		return
	}
	text, _, _ := strings.Cut(f[2], "/")
	a, err := netip.ParseAddr(text)
	if err != nil || a.IsMulticast() || a.Zone() != "" {
		s.addrWrong = true
		return
	}
	s.addr, s.addrWrong = a.Unmap(), false
}

func (r *reader) attribute(at *section, v string) {
	name, value, _ := strings.Cut(v, ":")
	if d, ok := direction(name); ok {
		at.way, at.waySaid = d, true
		return
	}
	a := &r.d.Audio
	switch name {
	case "ice-ufrag":
		at.ice, at.ufrag = true, value
	case "fingerprint":
		at.print = true
	}
	if r.state != inside {
		return
	}
	switch name {
	case "rtpmap":
		if c, ok := rtpmap(value); ok && len(r.maps) < MaxFormats {
			r.maps = append(r.maps, c)
		}
	case "fmtp":
		pt, params, _ := strings.Cut(value, " ")
		if n, err := strconv.ParseUint(pt, 10, 7); err == nil {
			if r.fmtps == nil {
				r.fmtps = map[uint8]string{}
			}
			r.fmtps[uint8(n)] = clip(params)
		}
	case "ptime":
		if n, err := strconv.ParseUint(value, 10, 8); err == nil {
			a.Ptime = int(n)
		}
	case "crypto":
		if c, ok := crypto(value); ok && len(a.Crypto) < maxCrypto {
			a.Crypto = append(a.Crypto, c)
		}
	case "rtcp-mux":
		at.mux = true
	case "rtcp":
		at.rtcp = rtcpAt(value)
	case "mid":
		r.d.Lines[r.d.At].MID = token(value)
	}
}

// rtcpAt reads "53020 IN IP6 2001:db8::1", the address being optional (RFC 3605
// §2.1).
func rtcpAt(v string) netip.AddrPort {
	f := strings.Fields(v)
	if len(f) == 0 {
		return netip.AddrPort{}
	}
	port, err := strconv.ParseUint(f[0], 10, 16)
	if err != nil || port == 0 {
		return netip.AddrPort{}
	}
	var a netip.Addr
	if len(f) == 4 {
		a, _ = netip.ParseAddr(f[3])
	}
	return netip.AddrPortFrom(a.Unmap(), uint16(port))
}

// finish puts together what was said above and in the audio.
func (r *reader) finish() error {
	a, in := &r.d.Audio, r.here
	a.Addr = in.addr
	if !a.Addr.IsValid() && !in.addrWrong {
		a.Addr, in.addrWrong = r.top.addr, r.top.addrWrong
	}
	if in.addrWrong || !a.Addr.IsValid() {
		return fmt.Errorf("%w: no address for the audio", ErrSyntax)
	}
	a.Way = r.top.way
	if in.waySaid {
		a.Way = in.way
	}
	// Hold as it was before RFC 3264 (§8.4 there). A browser's address is in its
	// candidates, and unspecified here (RFC 9429 §5.2.1).
	if a.Addr.IsUnspecified() && a.Profile.Plain() {
		a.Way = a.Way.And(SendOnly)
	}
	a.ICE, a.Fingerprint = in.ice || r.top.ice, in.print || r.top.print
	if a.Ufrag = in.ufrag; a.Ufrag == "" {
		a.Ufrag = r.top.ufrag
	}
	a.Mux = in.mux
	if a.RTCP = in.rtcp; !a.RTCP.IsValid() && a.RTCP.Port() == 0 {
		a.RTCP = netip.AddrPortFrom(a.Addr, a.Port+1)
	} else if !a.RTCP.Addr().IsValid() {
		a.RTCP = netip.AddrPortFrom(a.Addr, a.RTCP.Port())
	}
	for _, pt := range r.formats {
		c, ok := r.codec(pt)
		if ok && !slices.ContainsFunc(a.Codecs, func(o Codec) bool { return o.Type == pt }) {
			a.Codecs = append(a.Codecs, c)
		}
	}
	return nil
}

func (r *reader) codec(pt uint8) (Codec, bool) {
	i := slices.IndexFunc(r.maps, func(c Codec) bool { return c.Type == pt })
	c, ok := static(pt)
	if i >= 0 {
		c, ok = r.maps[i], true
	}
	c.Params = r.fmtps[pt]
	return c, ok
}

// token keeps a word that is repeated in an answer to what a word may be made of.
func token(s string) string {
	if len(s) > 64 {
		s = s[:64]
	}
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return -1
		}
		return r
	}, s)
}

func clip(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	return s
}
