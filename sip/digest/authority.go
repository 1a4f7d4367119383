package digest

import (
	"crypto/rand"
	"errors"
	"net/netip"
	"time"

	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/message"
)

// Users is the part of a directory that is needed. *directory.Directory is one.
type Users interface {
	DomainByName(name string) (*presence.Domain, bool)
	Credential(dom presence.DomainID, username string) (*presence.Credential, bool)
	Device(id presence.DeviceID) (*presence.Device, bool)
}

var _ Users = (*directory.Directory)(nil)

// Options of an authority. Users (or Directory) must be set; the zero value of
// the rest is useful.
type Options struct {
	Directory *directory.Directory
	// Users replaces Directory where a test has no directory.
	Users Users
	// Key signs nonces. It is kept by who wires the authority, so that nonces
	// survive a restart; empty: a random key, good until the process ends.
	Key []byte
	// NonceLife is how long a nonce may be used; default 2 h, so that a phone
	// that registers every hour is challenged every second time at most.
	NonceLife time.Duration
	// Nonces bounds how many nonces' counts are remembered; default 262,144
	// (some 64 bytes each).
	Nonces int
	// WithoutQOP accepts credentials without qop, as RFC 2069 had them, for very
	// old phones. They carry no count, so that a nonce is good for NonceLife or
	// one minute, whichever is less.
	WithoutQOP bool
	// Failures is how many wrong passwords a source address may send at once;
	// default 100. One is given back every FailureRefill; default 1 s.
	Failures      int
	FailureRefill time.Duration
	// Sources bounds how many failing addresses are remembered; default 16,384.
	Sources int
	Log     zerolog.Logger
}

const withoutQOPLife = time.Minute

func (o Options) withDefaults() Options {
	if o.Users == nil {
		o.Users = o.Directory
	}
	if len(o.Key) == 0 {
		o.Key = make([]byte, 32)
		_, _ = rand.Read(o.Key) // never fails (crypto/rand)
	}
	if o.NonceLife <= 0 {
		o.NonceLife = 2 * time.Hour
	}
	if o.Nonces <= 0 {
		o.Nonces = 1 << 18
	}
	if o.Failures <= 0 {
		o.Failures = 100
	}
	if o.FailureRefill <= 0 {
		o.FailureRefill = time.Second
	}
	if o.Sources <= 0 {
		o.Sources = 1 << 14
	}
	return o
}

// Authority says which device sent a request.
type Authority struct {
	o       Options
	nonces  *nonces
	windows *windows
	limiter *limiter
}

// New makes an authority.
func New(o Options) *Authority {
	o = o.withDefaults()
	return &Authority{
		o:       o,
		nonces:  newNonces(o.Key),
		windows: newWindows(o.Nonces, o.NonceLife, time.Now()),
		limiter: newLimiter(o.Failures, o.FailureRefill, o.Sources),
	}
}

// Identity is who sent a request.
type Identity struct {
	Domain   *presence.Domain
	Device   presence.DeviceID
	Username string
}

// Verdict is the outcome of Verify: Identity if Status is zero, else the answer
// to send.
type Verdict struct {
	Identity
	Status     int
	Phrase     string // empty: the default phrase
	Challenges []message.Header
}

// Verify checks the credentials of a request that came from src.
func (a *Authority) Verify(m *message.Message, src netip.Addr) Verdict {
	dom, ok := a.domain(m)
	if !ok {
		return Verdict{Status: 403, Phrase: "Domain Not Served Here"}
	}
	c, found, err := ours(m, dom.Realm)
	now := time.Now()
	switch {
	case err != nil:
		return Verdict{Status: 400, Phrase: "Malformed Credentials"}
	case !found:
		return a.challenge(dom, nil, presumed(m), now, false)
	case a.limiter.refuses(src, dom.Realm, c.username, now):
		return Verdict{Status: 403, Phrase: "Too Many Wrong Passwords"}
	case !a.aboutThis(&c, m, dom):
		return Verdict{Status: 400, Phrase: "Digest URI Is Not the Request's"}
	}
	cred, proved := a.prove(&c, m.Method, dom)
	if !proved {
		return a.wrong(m, dom, &c, src, now)
	}
	if !a.fresh(&c, dom, now) {
		return a.challenge(dom, cred, c.username, now, true)
	}
	a.limiter.passed(src, dom.Realm, c.username)
	return Verdict{Identity: Identity{Domain: dom, Device: cred.Device, Username: cred.Username}}
}

// domain is the one whose users may send m: that of the address of record for
// a REGISTER (RFC 3261 §10.3), of the sender for everything else.
func (a *Authority) domain(m *message.Message) (*presence.Domain, bool) {
	_, host, ok := SplitAddress(subject(m))
	if !ok {
		return nil, false
	}
	return a.o.Users.DomainByName(host)
}

// subject is the header whose user is to be proved.
func subject(m *message.Message) string {
	if m.Method == "REGISTER" {
		return first(m, message.To)
	}
	return first(m, message.From)
}

// presumed is the user name a sender without credentials probably has.
func presumed(m *message.Message) string {
	user, _, _ := SplitAddress(subject(m))
	return user
}

func first(m *message.Message, n message.Name) string {
	for i := range m.Headers {
		if m.Headers[i].Name == n {
			return m.Headers[i].Value
		}
	}
	return ""
}

// ours finds the credentials for our realm; those for other realms and of other
// schemes are somebody else's (RFC 3261 §22.3).
func ours(m *message.Message, realm string) (c credentials, found bool, err error) {
	for i := range m.Headers {
		if m.Headers[i].Name != message.Authorization {
			continue
		}
		got, e := parseCredentials(m.Headers[i].Value)
		switch {
		case errors.Is(e, errNotDigest):
		case e != nil:
			if got.realm == "" || got.realm == realm {
				err = e
			}
		case got.realm == realm:
			return got, true, nil
		}
	}
	return c, false, err
}

// aboutThis holds the digest URI to the request (RFC 7616 §3.4.6), as loosely as
// phones need: they leave out or add ports, parameters and users, write sip for
// sips, and name the domain where the request names an address.
func (a *Authority) aboutThis(c *credentials, m *message.Message, dom *presence.Domain) bool {
	if c.uri == m.URI {
		return true
	}
	_, host, ok := SplitAddress(c.uri)
	if !ok {
		return false
	}
	if _, asked, ok := SplitAddress(m.URI); ok && equalFold(host, asked) {
		return true
	}
	for _, n := range dom.Names {
		if equalFold(host, n) {
			return true
		}
	}
	return false
}

// prove checks the password. For a user that is not there it does the same work
// with a hash that fits nothing.
func (a *Authority) prove(c *credentials, method string, dom *presence.Domain) (*presence.Credential, bool) {
	alg := algMD5 // RFC 7616 §3.4: the default
	if c.algorithm != "" {
		alg = algorithmOf(c.algorithm)
	}
	if alg == algNone || c.qop != "" && !equalFold(c.qop, "auth") || c.qop == "" && !a.o.WithoutQOP {
		return nil, false
	}
	cred, known := a.o.Users.Credential(dom.ID, c.username)
	ha1 := noHA1[:alg.hexLen()]
	usable := false
	if known && a.accepts(dom, cred, alg) {
		if h := cred.HA1.Of(alg.String()); len(h) == len(ha1) {
			ha1, usable = h, true
		}
	}
	ok := c.matches(alg, ha1, method)
	return cred, ok && usable
}

// fresh reports whether the nonce may still be used, with this count.
func (a *Authority) fresh(c *credentials, dom *presence.Domain, now time.Time) bool {
	id, ok := a.nonces.open(c.nonce, dom.ID)
	if !ok {
		return false
	}
	life := a.o.NonceLife
	if c.qop == "" {
		life = min(life, withoutQOPLife)
	}
	// A clock set back must not make nonces last for ever.
	age := now.UnixMilli() - id.issued()
	if age < -life.Milliseconds() || age >= life.Milliseconds() {
		return false
	}
	return c.qop == "" || a.windows.take(id, c.count, now)
}
