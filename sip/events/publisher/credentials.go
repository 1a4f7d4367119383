package publisher

import (
	"bytes"
	"io"
	"strings"

	"github.com/icholy/digest"

	"lamplight/sip/message"
)

// maxTries bounds how often in a row one PUBLISH is answered to a challenge: a
// proxy's, the server's, and once more because a nonce ran out.
const maxTries = 3

// credentials answer the challenges of one upstream (RFC 3261 §22). A challenge
// is kept and answered ahead, with a growing count, until a newer one comes. The
// upstream's mutex guards it.
type credentials struct {
	user, password string
	asked          [2]challenge // the server's and the proxy's
}

type challenge struct {
	*digest.Challenge
	count int
}

// The headers of the two, as they stand in credentials.asked.
//
//nolint:gochecknoglobals // never changed
var challengeHeaders = [2]struct{ ask, answer message.Name }{
	{message.WWWAuthenticate, message.Authorization},
	{message.ProxyAuthenticate, message.ProxyAuthorization},
}

// learn keeps the strongest challenge of a 401 or 407 that we can answer (RFC
// 8760 §2.4); false if there is none.
func (c *credentials) learn(m *message.Message) bool {
	if c.user == "" {
		return false
	}
	at := 0
	if m.Status == 407 {
		at = 1
	}
	var best *digest.Challenge
	for _, v := range m.Values(challengeHeaders[at].ask) {
		ch, err := digest.ParseChallenge(v)
		if err != nil {
			continue
		}
		for i := range ch.QOP {
			ch.QOP[i] = strings.TrimSpace(ch.QOP[i])
		}
		if digest.CanDigest(ch) && (best == nil || strength(ch) > strength(best)) {
			best = ch
		}
	}
	if best == nil {
		return false
	}
	if was := c.asked[at]; was.Challenge == nil || was.Nonce != best.Nonce {
		c.asked[at] = challenge{best, 0} // else others were answered with it already
	}
	return true
}

func strength(c *digest.Challenge) int {
	switch strings.ToUpper(c.Algorithm) {
	case "SHA-256":
		return 1
	case "SHA-512-256", "SHA-512":
		return 2
	}
	return 0
}

// answer adds what the upstream asked for last.
func (c *credentials) answer(b *message.Builder, body []byte) {
	for i := range c.asked {
		ch := &c.asked[i]
		if ch.Challenge == nil {
			continue
		}
		ch.count++
		cred, err := digest.Digest(ch.Challenge, digest.Options{
			Method: b.Method(), URI: b.URI(), Username: c.user, Password: c.password, Count: ch.count,
			GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
		})
		if err != nil { // CanDigest said it can
			ch.Challenge = nil
			continue
		}
		b.Add(challengeHeaders[i].answer, cred.String())
	}
}
