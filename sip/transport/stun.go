package transport

import (
	"encoding/binary"
	"net/netip"
)

const stunCookie = 0x2112A442

// isSTUN tells a STUN message from a SIP one by its first byte (RFC 5626 §8).
func isSTUN(b []byte) bool {
	return len(b) >= 20 && b[0]&0xC0 == 0 && binary.BigEndian.Uint32(b[4:]) == stunCookie
}

// stunAnswer answers a Binding request with XOR-MAPPED-ADDRESS (RFC 5626 §4.4.2,
// RFC 8489 §7.3.1, §14.2); nil for any other STUN message.
func stunAnswer(b []byte, src netip.AddrPort) []byte {
	const bindingRequest, bindingSuccess = 0x0001, 0x0101
	if binary.BigEndian.Uint16(b) != bindingRequest || int(binary.BigEndian.Uint16(b[2:])) != len(b)-20 {
		return nil
	}
	ip := src.Addr().AsSlice()
	out := make([]byte, 0, 48)
	out = binary.BigEndian.AppendUint16(out, bindingSuccess)
	out = binary.BigEndian.AppendUint16(out, uint16(8+len(ip)))
	out = append(out, b[4:20]...) // cookie and transaction id
	out = binary.BigEndian.AppendUint16(out, 0x0020)
	out = binary.BigEndian.AppendUint16(out, uint16(4+len(ip)))
	family := byte(1)
	if src.Addr().Is6() {
		family = 2
	}
	out = append(out, 0, family)
	out = binary.BigEndian.AppendUint16(out, src.Port()^(stunCookie>>16))
	for i, c := range ip {
		out = append(out, c^b[4+i])
	}
	return out
}
