package publisher

import (
	"fmt"
	"strings"

	"github.com/icholy/digest"

	"lamplight/sip/message"
)

// gatekeeper challenges and checks the answers.
type gatekeeper struct {
	status                     int
	password, nonce, algorithm string
	asked                      int
	count                      map[string]int // the highest nc of a nonce
}

// ask returns the challenge, nil for who may pass.
func (g *gatekeeper) ask(m *message.Message) *message.Builder {
	ask, answer := message.WWWAuthenticate, message.Authorization
	if g.status == 407 {
		ask, answer = message.ProxyAuthenticate, message.ProxyAuthorization
	}
	if c, err := digest.ParseCredentials(m.Get(answer)); err == nil && g.passes(c, m) {
		return nil
	}
	g.asked++
	b := message.NewResponse(m, g.status, "")
	for _, alg := range []string{"SHA-256", "MD5"} {
		b.Add(ask, fmt.Sprintf(`Digest realm="ex.test", nonce=%q, algorithm=%s, qop="auth, auth-int"`, g.nonce, alg))
	}
	return b
}

func (g *gatekeeper) passes(c *digest.Credentials, m *message.Message) bool {
	want, err := digest.Digest(&digest.Challenge{Realm: "ex.test", Nonce: g.nonce, Algorithm: c.Algorithm, QOP: []string{"auth"}},
		digest.Options{Method: m.Method, URI: c.URI, Count: c.Nc, Username: "lamp", Password: g.password, Cnonce: c.Cnonce})
	if err != nil || want.Response != c.Response || c.Nonce != g.nonce || !strings.EqualFold(c.URI, m.URI) {
		return false
	}
	if g.count == nil {
		g.count = map[string]int{}
	}
	if c.Nc <= g.count[c.Nonce] {
		return false // the same answer twice
	}
	g.count[c.Nonce], g.algorithm = c.Nc, c.Algorithm
	return true
}
