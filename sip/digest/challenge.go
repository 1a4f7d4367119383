package digest

import (
	"net/netip"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
)

// offer is the list of algorithms a user is challenged with, in order.
type offer struct {
	list [3]algorithm
	n    int
}

func (o *offer) add(alg algorithm) {
	if alg != algNone && !o.has(alg) && o.n < len(o.list) {
		o.list[o.n] = alg
		o.n++
	}
}

func (o offer) has(alg algorithm) bool {
	for _, a := range o.list[:o.n] {
		if a == alg {
			return true
		}
	}
	return false
}

// offers says which algorithms the owner of cred (nil: nobody known) is offered:
// the device's list, else the domain's, else MD5 alone, because many phones give
// up on a challenge with anything else in it. An algorithm the credential has no
// hash for is left out. The strongest goes first and MD5 last (RFC 8760 §2.3),
// whatever the order of the list: clients that know one challenge only take the
// last.
func (a *Authority) offers(dom *presence.Domain, cred *presence.Credential) offer {
	var wanted offer
	for _, n := range a.names(dom, cred) {
		wanted.add(algorithmOf(n))
	}
	if wanted.n == 0 {
		wanted.add(algMD5)
	}
	var o offer
	for alg := algSHA256; alg <= algMD5; alg++ {
		if wanted.has(alg) && (cred == nil || cred.HA1.Of(alg.String()) != "") {
			o.add(alg)
		}
	}
	if o.n == 0 {
		return wanted // no hash fits; the answer must not differ for that
	}
	return o
}

// names is the list of algorithms that was chosen for the device or its domain.
func (a *Authority) names(dom *presence.Domain, cred *presence.Credential) []string {
	if cred != nil {
		if dev, ok := a.o.Users.Device(cred.Device); ok && len(dev.Digest) > 0 {
			return dev.Digest
		}
	}
	return dom.Policy.Digest
}

// accepts reports whether alg is among what offers lists for a credential that
// has a hash for it, without making the list.
func (a *Authority) accepts(dom *presence.Domain, cred *presence.Credential, alg algorithm) bool {
	none := true
	for _, n := range a.names(dom, cred) {
		got := algorithmOf(n)
		if got == alg {
			return true
		}
		none = none && got == algNone
	}
	return none && alg == algMD5
}

// challenge answers 401 with a challenge for every algorithm (RFC 3261 §22.1).
func (a *Authority) challenge(dom *presence.Domain, cred *presence.Credential, user string, now time.Time, stale bool) Verdict {
	if cred == nil && user != "" {
		cred, _ = a.o.Users.Credential(dom.ID, user)
	}
	o := a.offers(dom, cred)
	nonce := a.nonces.make(dom.ID, now)
	hs := make([]message.Header, 0, len(o.list))
	for _, alg := range o.list[:o.n] {
		hs = append(hs, message.Header{Name: message.WWWAuthenticate, Value: challengeValue(dom.Realm, nonce, alg, stale)})
	}
	return Verdict{Status: 401, Challenges: hs}
}

func challengeValue(realm, nonce string, alg algorithm, stale bool) string {
	b := make([]byte, 0, 96+len(realm)+len(nonce))
	b = append(b, "Digest realm="...)
	b = quote(b, realm)
	b = append(b, `, nonce="`...)
	b = append(b, nonce...)
	b = append(b, `", algorithm=`...)
	b = append(b, alg.String()...)
	b = append(b, `, qop="auth"`...)
	if stale {
		b = append(b, ", stale=true"...)
	}
	return string(b)
}

// wrong answers a wrong password or an unknown user, alike.
//
// The texts of the log lines are kept as they are: fail2ban and its like read
// them. See LogFailure.
func (a *Authority) wrong(m *message.Message, dom *presence.Domain, c *credentials, src netip.Addr, now time.Time) Verdict {
	last := a.limiter.failed(src, now)
	src = src.Unmap()
	a.o.Log.Warn().Stringer("src", src).Str("user", printable(c.username)).Str("realm", dom.Realm).
		Str("method", m.Method).Str("call_id", printable(first(m, message.CallID))).
		Msg(LogFailure + src.String())
	if last {
		a.o.Log.Warn().Stringer("src", src).Msg(LogRefused + src.String())
	}
	return a.challenge(dom, nil, c.username, now, false)
}

// What the log says, followed by the address, of a wrong password, and of an
// address that sent too many and is from now on refused unheard. Neither text
// will change.
const (
	LogFailure = "authentication failure from "
	LogRefused = "too many authentication failures from "
)

// printable cuts a client's word down to what a log can bear.
func printable(s string) string {
	const most = 64
	if len(s) > most {
		s = s[:most]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
