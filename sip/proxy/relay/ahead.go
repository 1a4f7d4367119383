package relay

import (
	"strconv"
	"strings"

	"lamplight/sip/message"
)

const rack message.Name = "RAck"

// ahead gives a request the number that follows there on those before, in CSeq, and
// in the RAck of a PRACK, which names the INVITE's (RFC 3262 §7.2).
func ahead(b *message.Builder, m *message.Message, shift uint32) {
	if shift == 0 {
		return
	}
	n, method := m.CSeq()
	b.Set(message.CSeq, strconv.Itoa(int(n+shift))+" "+method)
	parts := strings.Fields(m.Get(rack))
	if len(parts) != 3 {
		return
	}
	if n, err := strconv.ParseUint(parts[1], 10, 31); err == nil {
		b.Set(rack, parts[0]+" "+strconv.Itoa(int(n)+int(shift))+" "+parts[2])
	}
}
