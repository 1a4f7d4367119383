package sdp

import (
	"net/netip"
	"strconv"
)

// Local is the gateway's own side toward a SIP phone.
type Local struct {
	ID, Version uint64 // of the o= line; Version grows with each change (RFC 3264 §8)
	Addr        netip.Addr
	Port        uint16
	Profile     Profile
	Codecs      []Codec
	Way         Direction
	Mux         bool
	Crypto      []Crypto
}

// Offer writes a description with the audio alone.
func (l Local) Offer() []byte { return l.write(nil) }

// Answer writes an answer to an offer: the audio where the offer has it, all
// else declined (RFC 3264 §6).
func (l Local) Answer(offer *Description) []byte { return l.write(offer) }

func (l Local) write(offer *Description) []byte {
	b := make([]byte, 0, 512)
	family := "IP4 "
	if l.Addr.Is6() {
		family = "IP6 "
	}
	b = append(b, "v=0\r\no=lamplight "...)
	b = strconv.AppendUint(b, l.ID, 10)
	b = append(b, ' ')
	b = strconv.AppendUint(b, l.Version, 10)
	b = append(b, " IN "+family...)
	b = l.Addr.AppendTo(b)
	b = append(b, "\r\ns=-\r\nc=IN "+family...)
	b = l.Addr.AppendTo(b)
	b = append(b, "\r\nt=0 0\r\n"...)
	if offer == nil {
		return l.audio(b, "")
	}
	for i, line := range offer.Lines {
		if i == offer.At {
			b = l.audio(b, line.MID)
			continue
		}
		b = append(b, "m="+line.Media+" 0 "+line.Proto+" "+line.Format+"\r\n"...)
		if line.MID != "" {
			b = append(b, "a=mid:"+line.MID+"\r\n"...)
		}
	}
	return b
}

func (l Local) audio(b []byte, mid string) []byte {
	b = append(b, "m=audio "...)
	b = strconv.AppendUint(b, uint64(l.Port), 10)
	b = append(b, ' ')
	b = append(b, l.Profile...)
	for _, c := range l.Codecs {
		b = append(b, ' ')
		b = strconv.AppendUint(b, uint64(c.Type), 10)
	}
	b = append(b, "\r\n"...)
	if mid != "" {
		b = append(b, "a=mid:"+mid+"\r\n"...)
	}
	for _, c := range l.Codecs {
		b = c.append(b)
	}
	for _, c := range l.Crypto {
		b = c.append(b)
	}
	if l.Mux {
		b = append(b, "a=rtcp-mux\r\n"...)
	}
	b = append(b, "a=ptime:20\r\na="...)
	b = append(b, l.Way.String()...)
	return append(b, "\r\n"...)
}

func (c Codec) append(b []byte) []byte {
	b = append(b, "a=rtpmap:"...)
	b = strconv.AppendUint(b, uint64(c.Type), 10)
	b = append(b, " "+c.Name+"/"...)
	b = strconv.AppendInt(b, int64(c.Rate), 10)
	if c.Channels > 1 {
		b = append(b, '/')
		b = strconv.AppendInt(b, int64(c.Channels), 10)
	}
	b = append(b, "\r\n"...)
	if c.Params == "" {
		return b
	}
	b = append(b, "a=fmtp:"...)
	b = strconv.AppendUint(b, uint64(c.Type), 10)
	return append(b, " "+c.Params+"\r\n"...)
}
