package registrar

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/transport"
)

// Errors of Resolve, matched by errors.Is.
var (
	// ErrNoGRUU: the URI is no GRUU of one of our domains.
	ErrNoGRUU = errors.New("registrar: not a GRUU of ours")
	// ErrGRUUEnded: it is a temporary one, and not valid any more; to be answered 404
	// (RFC 5627 §5.3).
	ErrGRUUEnded = errors.New("registrar: the temporary GRUU has ended")
)

// Instance is what a GRUU stands for (RFC 5627): one instance of one device, and
// nothing else of its agent.
type Instance struct {
	Agent  presence.AgentID
	Device presence.DeviceID // zero if it is not registered
	AOR    string
	// Ways are copies of the bindings that reach it now, the first to try in front;
	// none: it is not registered, to be answered 480.
	Ways []Binding
}

// tempPrefix begins the user part of temporary GRUUs.
const tempPrefix = "tgruu."

// gruus makes temporary GRUUs and reads them. Nothing of them is stored: the user
// part is sealed, and opens to the device and a hash of the instance and the
// Call-ID it was made for. So it says nothing to others, cannot be made up, and
// ends when the instance registers with another Call-ID (RFC 5627 §3.2).
type gruus struct{ seal cipher.AEAD }

const instanceHash = 8 // bytes

func newGRUUs(key []byte) (*gruus, error) {
	if len(key) == 0 {
		key = make([]byte, 32)
		_, _ = rand.Read(key) // never fails (Go 1.24)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("lamplight temporary gruu 1"))
	block, err := aes.NewCipher(mac.Sum(nil)[:16])
	if err != nil {
		return nil, err
	}
	seal, err := cipher.NewGCM(block)
	return &gruus{seal}, err
}

func hashInstance(b *Binding) [instanceHash]byte {
	sum := sha256.Sum256([]byte(b.Instance + "\x00" + b.CallID))
	return [instanceHash]byte(sum[:])
}

// temporary is a new temporary GRUU's user part; each is different.
func (g *gruus) temporary(b *Binding) string {
	nonce := make([]byte, g.seal.NonceSize(), 64)
	_, _ = rand.Read(nonce)
	hash := hashInstance(b)
	sealed := g.seal.Seal(nonce, nonce, append(b.Device.ID[:], hash[:]...), b.Domain.ID[:])
	return tempPrefix + base64.RawURLEncoding.EncodeToString(sealed)
}

func (g *gruus) open(user string, dom presence.DomainID) (dev presence.DeviceID, hash [instanceHash]byte, ok bool) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimPrefix(user, tempPrefix))
	n := g.seal.NonceSize()
	if err != nil || len(sealed) < n || len(sealed) > 256 {
		return dev, hash, false
	}
	plain, err := g.seal.Open(nil, sealed[:n], sealed[n:], dom.ID[:])
	if err != nil || len(plain) != len(dev.ID)+instanceHash {
		return dev, hash, false
	}
	copy(dev.ID[:], plain)
	return dev, [instanceHash]byte(plain[len(dev.ID):]), true
}

// appendGRUUs adds to a Contact value of a 2xx the GRUUs of its instance (RFC 5627
// §5.2).
func (r *Registrar) appendGRUUs(v []byte, b *Binding) []byte {
	v = append(append(v, `;pub-gruu="`...), PublicGRUU(b)...)
	v = append(append(v, `";temp-gruu="sip:`...), r.gruus.temporary(b)...)
	return append(append(append(v, '@'), b.AOR[strings.LastIndexByte(b.AOR, '@')+1:]...), `;gr"`...)
}

// PublicGRUU is the public GRUU of the binding's instance, "" where it has none.
func PublicGRUU(b *Binding) string {
	if b.Instance == "" {
		return ""
	}
	at := strings.LastIndexByte(b.AOR, '@')
	return "sip:" + message.UserURI(b.AOR[:at]) + b.AOR[at:] + ";gr=" + escapeParam(b.Instance)
}

// escapeParam writes the value of a URI parameter (RFC 3261 §25.1).
func escapeParam(s string) string {
	b := make([]byte, 0, len(s)+8)
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.!~*'()[]/:&+$", c) >= 0 {
			b = append(b, c)
			continue
		}
		b = append(b, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
	}
	return string(b)
}

// IsGRUU reports whether a URI has the form of a GRUU, of whomever.
func IsGRUU(uri *message.URI) bool {
	_, ok := uri.Params.Get("gr")
	return ok
}

// Resolve finds the instance that a GRUU stands for, whoever asks.
func (r *Registrar) Resolve(uri *message.URI) (Instance, error) {
	gr, ok := uri.Params.Get("gr")
	if !ok || uri.Scheme != "sip" && uri.Scheme != "sips" {
		return Instance{}, ErrNoGRUU
	}
	dom, ok := r.o.Directory.DomainByName(uri.Host)
	if !ok {
		return Instance{}, ErrNoGRUU
	}
	if strings.HasPrefix(uri.User, tempPrefix) {
		return r.resolveTemporary(uri.User, dom)
	}
	a, ok := r.o.Directory.AgentByAOR(uri.UserDecoded(), dom.Name())
	if !ok || gr == "" {
		return Instance{}, ErrNoGRUU
	}
	aor, _ := address(a, uri.UserDecoded())
	name := strings.ToLower(message.URI{User: gr}.UserDecoded()) // the same escapes
	in := r.instance(a.ID, func(b *Binding) bool { return b.AOR == aor && b.Instance == name })
	in.AOR = aor
	return in, nil
}

func (r *Registrar) resolveTemporary(user string, dom *presence.Domain) (Instance, error) {
	dev, hash, ok := r.gruus.open(user, dom.ID)
	if !ok {
		return Instance{}, ErrNoGRUU
	}
	in := r.instance(r.holder(dev, time.Now()), func(b *Binding) bool { return b.Device == dev && b.Instance != "" && hashInstance(b) == hash })
	if len(in.Ways) == 0 {
		return Instance{}, ErrGRUUEnded
	}
	in.AOR = in.Ways[0].AOR
	return in, nil
}

// Reach finds the contact and the flow by which the instance of a GRUU is reached
// now. One behind a proxy is left to that proxy: ok is false.
func (r *Registrar) Reach(gruu string) (contact string, flow *transport.Flow, ok bool) {
	uri, err := message.ParseURI(gruu)
	if err != nil {
		return "", nil, false
	}
	in, err := r.Resolve(&uri)
	if err != nil {
		return "", nil, false
	}
	for i := range in.Ways {
		b := &in.Ways[i]
		if b.Dead || len(b.Path) > 0 {
			continue
		}
		if f, err := r.Flow(r.run, b); err == nil {
			return b.Bare(), f, true
		}
	}
	return "", nil, false
}

// Owner is the agent whose phone a GRUU stands for.
func (r *Registrar) Owner(gruu *message.URI) (presence.AgentID, bool) {
	in, err := r.Resolve(gruu)
	if err != nil {
		return presence.AgentID{}, false
	}
	_, ok := r.o.Directory.Agent(in.Agent)
	return in.Agent, ok
}

// instance gathers the bindings of an agent that are those of an instance.
func (r *Registrar) instance(agent presence.AgentID, is func(*Binding) bool) Instance {
	in := Instance{Agent: agent}
	r.Visit(agent, func(b *Binding) {
		if is(b) {
			in.Ways = append(in.Ways, *b)
		}
	})
	slices.SortFunc(in.Ways, compareWays)
	if len(in.Ways) > 0 {
		in.Device = in.Ways[0].Device
	}
	return in
}

func compareWays(x, y Binding) int {
	if x.before(&y) {
		return -1
	}
	return 1
}
