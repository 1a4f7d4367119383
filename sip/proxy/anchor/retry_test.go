package anchor

import (
	"testing"

	"lamplight/sip/proxy/fork"
)

// TestAnotherWayToTheSamePlace has the same bridge: a branch that failed over.
func TestAnotherWayToTheSamePlace(t *testing.T) {
	r := newRig(t)
	c := r.cs.Begin(r.invite("tel"), r.desk)
	r.request(c, "page", r.page, "web-offer-1", 0)
	r.request(c, "page", r.page, "web-offer-1", 0)
	r.open(1)
	c.Told(fork.Event{What: fork.Over, Status: 503})
	r.open()
}
