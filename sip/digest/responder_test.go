package digest_test

import (
	"fmt"
	"testing"

	icholy "github.com/icholy/digest"

	"lamplight/sip/digest"
	"lamplight/sip/message"
)

func challenge(t *testing.T, status int, values ...string) *message.Message {
	t.Helper()
	req, err := message.Parse([]byte("INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKx\r\nMax-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	b := message.NewResponse(req, status, "")
	name := message.WWWAuthenticate
	if status == 407 {
		name = message.ProxyAuthenticate
	}
	for _, v := range values {
		b.Add(name, v)
	}
	m, err := message.Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// right is the credentials that a server would accept, as it counts them.
func right(t *testing.T, h message.Header, password, nonce string, count int) *icholy.Credentials {
	t.Helper()
	c, err := icholy.ParseCredentials(h.Value)
	if err != nil {
		t.Fatal(err)
	}
	ch := &icholy.Challenge{Realm: c.Realm, Nonce: nonce, Algorithm: c.Algorithm}
	if c.QOP != "" {
		ch.QOP = []string{c.QOP}
	}
	want, err := icholy.Digest(ch, icholy.Options{Method: "INVITE", URI: "sip:1@t", Username: "u", Password: password, Count: count, Cnonce: c.Cnonce})
	if err != nil || want.Response != c.Response || c.Nonce != nonce || c.QOP != "" && c.Nc != count {
		t.Errorf("%s is not the answer to %s, number %d: %v", h.Value, nonce, count, err)
	}
	return c
}

func TestStrongestChallengeIsAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		offers    []string
		algorithm string
	}{
		"MD5 alone":      {[]string{`realm="r", nonce="n"`}, "MD5"},
		"SHA-256 first":  {[]string{`realm="r", nonce="n", algorithm=SHA-256, qop="auth"`, `realm="r", nonce="n", algorithm=MD5, qop="auth"`}, "SHA-256"},
		"SHA-256 last":   {[]string{`realm="r", nonce="n", algorithm=MD5, qop="auth"`, `realm="r", nonce="n", algorithm=SHA-256, qop="auth,auth-int"`}, "SHA-256"},
		"SHA-512-256":    {[]string{`realm="r", nonce="n", algorithm=SHA-256, qop="auth"`, `realm="r", nonce="n", algorithm=SHA-512-256, qop="auth"`}, "SHA-512-256"},
		"unknown beside": {[]string{`realm="r", nonce="n", algorithm=AKAv1-MD5, qop="auth"`, `realm="r", nonce="n", algorithm=MD5, qop="auth"`}, "MD5"},
		"another realm":  {[]string{`realm="else", nonce="n", algorithm=SHA-256, qop="auth"`, `realm="r", nonce="n", qop="auth"`}, "MD5"},
		"none we can":    {[]string{`realm="r", nonce="n", algorithm=AKAv1-MD5, qop="auth"`}, ""},
		"no digest":      {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := digest.NewResponder("u", "p", "r")
			var list []string
			for _, o := range c.offers {
				list = append(list, "Digest "+o)
			}
			if name == "no digest" {
				list = []string{`Bearer realm="r"`}
			}
			ok, _ := r.Learn(challenge(t, 407, list...))
			got := r.Answer("INVITE", "sip:1@t", nil)
			if ok != (c.algorithm != "") || ok != (len(got) == 1) {
				t.Fatalf("learnt %v, answers %v", ok, got)
			}
			if !ok {
				return
			}
			if cred := right(t, got[0], "p", "n", 1); got[0].Name != message.ProxyAuthorization || c.algorithm != "MD5" && cred.Algorithm != c.algorithm {
				t.Errorf("answers %s: %s", got[0].Name, got[0].Value)
			}
		})
	}
}

func TestNonceIsCountedAndReplaced(t *testing.T) {
	r := digest.NewResponder("u", "p", "")
	offer := func(status int, nonce, more string) (bool, bool) {
		return r.Learn(challenge(t, status, fmt.Sprintf(`Digest realm="r", nonce=%q, qop="auth"%s`, nonce, more)))
	}
	if len(r.Answer("INVITE", "sip:1@t", nil)) != 0 {
		t.Error("answers what nobody asked")
	}
	offer(401, "one", "")
	for n := range 3 {
		right(t, r.Answer("INVITE", "sip:1@t", nil)[0], "p", "one", n+1)
	}
	offer(401, "one", "") // another call was challenged by the same
	right(t, r.Answer("INVITE", "sip:1@t", nil)[0], "p", "one", 4)
	if ok, stale := offer(401, "two", ", stale=true"); !ok || !stale {
		t.Errorf("a stale nonce: %v, %v", ok, stale)
	}
	right(t, r.Answer("INVITE", "sip:1@t", nil)[0], "p", "two", 1)
	offer(407, "proxy", "")
	if got := r.Answer("INVITE", "sip:1@t", nil); len(got) != 2 || got[0].Name != message.Authorization || got[1].Name != message.ProxyAuthorization {
		t.Errorf("answers %v", got)
	}
	if ok, _ := digest.NewResponder("", "", "").Learn(challenge(t, 401, `Digest realm="r", nonce="n"`)); ok {
		t.Error("answers without credentials")
	}
}
