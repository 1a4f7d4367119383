//go:build !race

package outbound

import "testing"

// A call makes and reads about nine tokens.
func TestTokensAllocateLittle(t *testing.T) {
	tokens := New(nil, []byte("secret"))
	name, room := udpName(), make([]byte, 0, 64)
	token := tokens.seal(name)
	// Ten thousand, so that it does not count if a collection empties the pool.
	if got := testing.AllocsPerRun(10_000, func() { tokens.seal(name) }); got > 1 {
		t.Errorf("making a token: %v allocations, want the token alone", got)
	}
	if got := testing.AllocsPerRun(10_000, func() { tokens.open(room, token) }); got > 1 {
		t.Errorf("reading a token: %v allocations, want one, of the decoder", got)
	}
}
