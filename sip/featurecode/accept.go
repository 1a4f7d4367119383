package featurecode

import (
	"sync"

	"lamplight/presence"
	"lamplight/sip/transaction"
)

// Accept answers an INVITE as that of a code whose work another part does: with a
// call without media that ends at once, or with a refusal that says what is done,
// as the domain prefers or the description of the media demands. free is called once, on any goroutine: when the phone can
// be called again, or with false where the INVITE was refused or taken back.
func (s *Server) Accept(r *transaction.Request, by Caller, does presence.FeatureWord, said string, free func(bool)) {
	var once sync.Once
	d := &dialling{r: r, by: by, code: presence.FeatureCode{Does: does}, quiet: !by.Domain.Policy.Codes.Refuse}
	d.free = func(ok bool) { once.Do(func() { free(ok) }) }
	if d.quiet {
		d.sdp, d.quiet = silence(r.Body, r.Flow.Host(), uint64(r.At.Unix()))
	}
	switch s.admit(r) {
	case fresh:
		s.done(d, said, nil)
		return
	case known:
		s.refuse(r, string(does), 482, "The same call came by another way")
	case full:
		s.retryLater(r, string(does))
	}
	d.free(false)
}

// freed tells who waits for the phone.
func (c *call) freed() {
	if c.free != nil {
		c.free(true)
	}
}
