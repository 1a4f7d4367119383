package featurecode

import (
	"net/netip"
	"strconv"
	"strings"
	"unicode"
)

// maxMedia bounds the media lines that are answered.
const maxMedia = 16

// media is one line of an offer, and what its answer needs.
type media struct {
	kind, proto string
	formats     []string
	mid         string
	maps        []string // rtpmap attributes
	refused     bool     // by the offer itself: port 0
}

// silence is a session description without media: the answer to an offer, or an
// offer where there is none (RFC 3264 §5, §6). The first audio in plain RTP is
// accepted and inactive, on the port that discards; all else is refused. false:
// the offer has no media to answer.
func silence(offer []byte, host string, id uint64) ([]byte, bool) {
	lines := []media{{kind: "audio", proto: "RTP/AVP", formats: []string{"0", "8"}}}
	if len(offer) > 0 {
		lines = readOffer(string(offer))
	}
	if len(lines) == 0 || len(lines) > maxMedia {
		return nil, false
	}
	b := append(make([]byte, 0, 256), "v=0\r\no=- "...)
	b = strconv.AppendUint(b, id, 10)
	b = append(b, " 1 IN "...)
	b = append(appendAddress(b, host), "\r\ns=-\r\nc=IN "...)
	b = append(appendAddress(b, host), "\r\nt=0 0\r\n"...)
	taken := false
	for i := range lines {
		m := &lines[i]
		take := !taken && !m.refused && m.kind == "audio" && m.proto == "RTP/AVP"
		b = m.append(b, take)
		taken = taken || take
	}
	return b, true
}

// readOffer finds the media lines (RFC 4566 §5.14).
func readOffer(offer string) (all []media) {
	for line := range strings.Lines(offer) {
		kind, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		if !ok {
			continue
		}
		odd := strings.ContainsFunc(value, unicode.IsControl) // RFC 4566 §9: no NUL, CR or LF in a value
		switch {
		case odd && kind == "m":
			return nil
		case odd:
		case kind == "m":
			f := strings.Fields(value)
			if len(f) < 4 {
				return nil
			}
			all = append(all, media{kind: f[0], proto: f[2], formats: f[3:], refused: f[1] == "0"})
		case kind == "a" && len(all) > 0:
			m := &all[len(all)-1]
			if mid, is := strings.CutPrefix(value, "mid:"); is {
				m.mid = mid
			} else if strings.HasPrefix(value, "rtpmap:") {
				m.maps = append(m.maps, value)
			}
		}
	}
	return all
}

// append appends the answer to one line.
func (m *media) append(b []byte, take bool) []byte {
	format := m.formats[0]
	for _, f := range m.formats {
		if f == "0" || f == "8" {
			format = f
			break
		}
	}
	port := " 0 "
	if take {
		port = " 9 "
	}
	b = append(append(append(b, "m="...), m.kind...), port...)
	b = append(append(append(b, m.proto...), ' '), format...)
	b = append(b, "\r\n"...)
	if m.mid != "" {
		b = append(append(append(b, "a=mid:"...), m.mid...), "\r\n"...)
	}
	if !take {
		return b
	}
	for _, rtpmap := range m.maps {
		if strings.HasPrefix(rtpmap, "rtpmap:"+format+" ") {
			b = append(append(append(b, "a="...), rtpmap...), "\r\n"...)
		}
	}
	return append(b, "a=inactive\r\n"...)
}

func appendAddress(b []byte, host string) []byte {
	if a, err := netip.ParseAddr(host); err == nil && a.Unmap().Is6() {
		return append(append(b, "IP6 "...), host...)
	}
	return append(append(b, "IP4 "...), host...)
}
