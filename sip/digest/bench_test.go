package digest

import (
	"fmt"
	"testing"

	"lamplight/sip/message"
)

// prepared are requests with growing counts of one nonce, as a phone sends them.
func prepared(t testing.TB, a *Authority, n int) []*message.Message {
	c := challengeFor(t, a)[0]
	ms := make([]*message.Message, n)
	for i := range ms {
		ms[i] = register(answer(t, c, "1001", "demo-1001", i+1))
	}
	return ms
}

func BenchmarkVerify(b *testing.B) {
	for _, alg := range []string{MD5, SHA256, SHA512256} {
		b.Run(alg, func(b *testing.B) {
			a := testAuthority(b, newUsers(b, alg), Options{})
			ms := prepared(b, a, 4096)
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				if i%len(ms) == 0 && i > 0 {
					b.StopTimer()
					a = testAuthority(b, a.o.Users.(*users), Options{Key: a.o.Key})
					b.StartTimer()
				}
				if v := a.Verify(ms[i%len(ms)], src()); v.Status != 0 {
					b.Fatal(v)
				}
			}
		})
	}
}

func BenchmarkChallenge(b *testing.B) {
	a := testAuthority(b, newUsers(b), Options{})
	m := register()
	b.ReportAllocs()
	for range b.N {
		if v := a.Verify(m, src()); v.Status != 401 {
			b.Fatal(fmt.Sprint(v))
		}
	}
}
