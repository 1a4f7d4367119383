package anchor

import (
	"testing"

	"lamplight/sip/proxy/fork"
)

// A call that waits in a group rings many browsers, one after the other: each bridge
// ends when its browser has not taken the call, and who is rung again has a new one.
func TestBridgeOfWhoHasNotTakenTheCallIsClosed(t *testing.T) {
	r := newRig(t)
	c := r.cs.Begin(r.invite("tel"), r.desk)
	r.request(c, "ada", r.page, "web-offer-1", 0)
	c.Told(fork.Event{What: fork.Failed, Target: "ada", Status: 408})
	r.open()
	r.request(c, "bob", r.page, "web-offer-2", 0)
	c.Told(fork.Event{What: fork.Failed, Target: "bob", Status: 486})
	r.request(c, "ada", r.page, "web-offer-3", 0)
	r.open(3)
	r.passes(c, "ada", 200, "web", "tel-answer-3")
	c.Told(fork.Event{What: fork.Over, Status: 200})
	r.open(3)
	c.end()
	r.open()
}

// The one of a browser that calls is there for all.
func TestBridgeOfABrowserThatCallsStays(t *testing.T) {
	r := newRig(t)
	c := r.cs.Begin(r.invite("web"), r.page)
	r.request(c, "ada", r.desk, "tel-offer-1", 0)
	c.Told(fork.Event{What: fork.Failed, Target: "ada", Status: 486})
	r.request(c, "bob", r.desk, "tel-offer-1", 0)
	r.open(1)
	c.Told(fork.Event{What: fork.Over, Status: 486})
	r.open()
}
