package digest

import (
	"bytes"
	"io"
	"strings"
	"sync"

	icholy "github.com/icholy/digest"

	"lamplight/sip/message"
)

// Responder answers the challenges of one server with the credentials that it gave
// us (RFC 3261 §22, RFC 7616, RFC 8760): the strongest that we can. A challenge is
// kept and answered ahead, with a growing count, until a newer one comes. It is safe
// for concurrent use.
type Responder struct {
	user, password, realm string

	mu    sync.Mutex
	asked [2]asked // the server's and the proxy's; guarded by mu
}

type asked struct {
	*icholy.Challenge
	count int
}

// NewResponder makes one; with a realm it answers no other.
func NewResponder(user, password, realm string) *Responder {
	return &Responder{user: user, password: password, realm: realm}
}

// challengeHeaders are those of the two, as they stand in Responder.asked.
//
//nolint:gochecknoglobals // never changed
var challengeHeaders = [2]struct{ ask, answer message.Name }{
	{message.WWWAuthenticate, message.Authorization},
	{message.ProxyAuthenticate, message.ProxyAuthorization},
}

// Learn keeps the strongest challenge of a 401 or 407 that we can answer (RFC 8760
// §2.4); ok is false if there is none. stale says that the last answer was right but
// for its nonce.
func (r *Responder) Learn(m *message.Message) (ok, stale bool) {
	if r.user == "" {
		return false, false
	}
	at := 0
	if m.Status == 407 {
		at = 1
	}
	var best *icholy.Challenge
	for _, v := range m.Values(challengeHeaders[at].ask) {
		ch, err := icholy.ParseChallenge(v)
		if err != nil || r.realm != "" && ch.Realm != r.realm {
			continue
		}
		for i := range ch.QOP {
			ch.QOP[i] = strings.TrimSpace(ch.QOP[i])
		}
		if icholy.CanDigest(ch) && (best == nil || strength(ch) > strength(best)) {
			best = ch
		}
	}
	if best == nil {
		return false, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if was := r.asked[at]; was.Challenge == nil || was.Nonce != best.Nonce {
		r.asked[at] = asked{best, 0} // else others were answered with it already
	}
	return true, best.Stale
}

func strength(c *icholy.Challenge) int {
	switch strings.ToUpper(c.Algorithm) {
	case "SHA-256":
		return 1
	case "SHA-512-256", "SHA-512":
		return 2
	}
	return 0
}

// Answer is the credentials for a request, as far as the server has asked.
func (r *Responder) Answer(method, uri string, body []byte) (out []message.Header) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.asked {
		ch := &r.asked[i]
		if ch.Challenge == nil {
			continue
		}
		ch.count++
		cred, err := icholy.Digest(ch.Challenge, icholy.Options{
			Method: method, URI: uri, Username: r.user, Password: r.password, Count: ch.count,
			GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
		})
		if err != nil { // CanDigest said it can
			ch.Challenge = nil
			continue
		}
		out = append(out, message.Header{Name: challengeHeaders[i].answer, Value: cred.String()})
	}
	return out
}
