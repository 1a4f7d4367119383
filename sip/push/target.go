package push

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"strings"

	"lamplight/sip/message"
)

// The names of push services that RFC 8599 §8.1 registers.
const (
	APNs    = "apns"
	FCM     = "fcm"
	WebPush = "webpush"
)

// maxValue bounds each part of a target; tokens have some hundred bytes.
const maxValue = 1024

// Target is a device as its push service knows it (RFC 8599 §4.1.1).
type Target struct {
	Provider string // pn-provider, lower case
	PRID     string // pn-prid: the token
	Param    string // pn-param: what else the service needs
}

// String names the device without giving its token away.
func (t Target) String() string { return t.Provider + ":" + t.hash() }

// GoString is String: no verb prints the token.
func (t Target) GoString() string { return t.String() }

func (t Target) hash() string {
	sum := sha256.Sum256([]byte(t.PRID))
	return hex.EncodeToString(sum[:4])
}

// Asked is what a contact says of push.
type Asked struct {
	Target
	// Query: the device asks what there is, without giving a token (RFC 8599 §4.1.5).
	Query bool
	// Old: by the names that were used before RFC 8599.
	Old bool
}

// FromURI reads the parameters of a contact; ok is false when it says nothing of
// push. old admits the names that were used before RFC 8599: pn-type, pn-tok,
// app-id.
func FromURI(u message.URI, old bool) (a Asked, ok bool) {
	get := func(key string) string {
		v, _ := u.Params.Get(key)
		if plain, err := url.PathUnescape(v); err == nil {
			return plain
		}
		return v
	}
	provider, ok := u.Params.Get("pn-provider")
	if ok {
		a.Target = Target{Provider: strings.ToLower(provider), PRID: get("pn-prid"), Param: get("pn-param")}
		// Without a token the contact is an ordinary one; a service that is named
		// all the same is asked about.
		a.Query = a.PRID == ""
		return a, true
	}
	token := get("pn-tok")
	if !old || token == "" {
		return a, false
	}
	a.Target, a.Old = Target{PRID: token, Param: get("app-id")}, true
	switch strings.ToLower(get("pn-type")) {
	case "apple", "ios":
		a.Provider = APNs
		a.Param = strings.TrimSuffix(strings.TrimSuffix(a.Param, ".prod"), ".dev")
	case "firebase", "google", "android":
		a.Provider = FCM
	default:
		return Asked{}, false
	}
	return a, true
}

// Bare is a contact URI without what is the push service's business: what others
// may see, and what requests to the device are addressed to.
func Bare(u message.URI) string {
	keep := u.Params[:0:0]
	for _, p := range u.Params {
		switch {
		case strings.HasPrefix(p.Key, "pn-"), p.Key == "app-id":
		default:
			keep = append(keep, p)
		}
	}
	u.Params = keep
	return u.String()
}

// Services are the push services that are served.
type Services struct {
	Providers []Provider
	// OldNames admits the parameters that were used before RFC 8599.
	OldNames bool
}

// Find is the service of that name.
func (s *Services) Find(name string) (*Provider, bool) {
	for i := range s.Providers {
		if strings.EqualFold(s.Providers[i].Name, name) {
			return &s.Providers[i], true
		}
	}
	return nil, false
}

// Serves reports whether a push can be sent to such a target: the service is one
// of ours and everything it needs is there.
func (s *Services) Serves(t Target) bool {
	p, ok := s.Find(t.Provider)
	return ok && t.PRID != "" && len(t.PRID) <= maxValue && len(t.Param) <= maxValue && (t.Param != "" || !p.needsParam())
}
