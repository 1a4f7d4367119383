package sdp

import "fmt"

// Capabilities are what the side that would answer can do.
type Capabilities struct {
	// Browser: it wants ICE and DTLS-SRTP and does nothing else (RFC 8827 §6.5).
	Browser bool
	// SDES: it takes keys by SDP.
	SDES bool
	// Codecs it has; none: not known, anything goes.
	Codecs []Codec
}

// Meets reports whether an offer can be answered by the other side without the
// gateway between them, and if not, why.
func Meets(offer *Description, who Capabilities) (bool, string) {
	a := &offer.Audio
	browser := a.Profile == DTLS || a.Profile == DTLSP
	switch {
	case who.Browser && !browser:
		return false, fmt.Sprintf("a browser takes no %s", a.Profile)
	case who.Browser && (!a.ICE || !a.Fingerprint):
		return false, "a browser takes no offer without ICE and fingerprint"
	case !who.Browser && browser:
		return false, fmt.Sprintf("a phone takes no %s", a.Profile)
	case a.Profile.Secure() && !who.SDES:
		return false, "keys by SDP are not taken"
	case !browser && !a.Profile.Plain():
		return false, fmt.Sprintf("transport %s is not known", a.Profile)
	case len(who.Codecs) > 0 && len(Talk(Shared(a.Codecs, who.Codecs))) == 0:
		return false, "no codec in common"
	}
	return true, ""
}
