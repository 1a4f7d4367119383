package outbound

import "testing"

// udpName is what a token of a datagram peer bears.
func udpName() []byte { return append([]byte{ofPackets}, make([]byte, 14)...) }

func BenchmarkTokens(b *testing.B) {
	tokens := New(nil, []byte("secret"))
	name, room := udpName(), make([]byte, 0, 64)
	token := tokens.seal(name)
	b.Run("make", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			tokens.seal(name)
		}
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			tokens.open(room, token)
		}
	})
}
