//go:build testbench

package browser

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/testbench/lab"
	"lamplight/webrtc/media/sdp"
)

const (
	callerTone = 1000
	deskTone   = 1600
)

// stage is what the transfers share: a page, a caller outside, and a colleague's desk phone.
type stage struct {
	t           *testing.T
	s           *lab.Server
	p           *Page
	caller, col *telephone
}

// Calls are held by either side and transferred: by the page, blind and after a word with
// who is to take it, and by others, with the page as who is transferred and as who is
// transferred to. Who is left with whom is heard.
func TestTransfersOfAPagesCalls(t *testing.T) {
	figures(t)
	t.Parallel()
	s := carrying(t)
	all := stage{s: s, p: OpenTalking(t, s, micTone).Talker("1001"), caller: speaking(t, s, "127.0.0.1", callerTone), col: speaking(t, s, "127.0.0.3", deskTone)}
	all.col.registers("1002")
	for _, step := range []struct {
		name string
		do   func(g *stage)
	}{
		{"the caller holds", (*stage).held},
		{"blind, and busy there", (*stage).busy},
		{"blind", (*stage).blind},
		{"attended", (*stage).attended},
		{"the page is transferred", (*stage).passedOn},
		{"to the page", (*stage).takesOver},
	} {
		if !t.Run(step.name, func(t *testing.T) {
			g := stage{t: t, s: s, p: all.p.in(t), caller: all.caller.in(t), col: all.col.in(t)}
			step.do(&g)
			onACall(t, s, "1001", false)
			onACall(t, s, "1002", false)
			g.p.idle()
		}) {
			return // what failed left phones in calls
		}
	}
}

// calls has the caller talk to the page.
func (g *stage) calls() {
	g.t.Helper()
	g.caller.call("1001")
	g.p.Shows("incoming", true)
	g.p.Press("answer")
	g.caller.connected()
	g.talk()
}

// talk waits until the page and the caller hear each other.
func (g *stage) talk() {
	g.t.Helper()
	g.caller.hears(micTone)
	g.p.Hears(callerTone)
}

// meet waits until the caller and the colleague hear each other, and ends their call.
func (g *stage) meet(from time.Time) {
	g.t.Helper()
	g.caller.hears(deskTone)
	g.col.hears(callerTone)
	took(g.t, "transferred by the page: the two others hear each other", from)
	onACall(g.t, g.s, "1001", false)
	onACall(g.t, g.s, "1002", true)
	g.caller.Peer.Send(g.caller.InDialog("BYE", g.caller.inv))
	g.col.hungUp()
	g.caller.Expect(siptest.Final)
	g.caller.hushes()
	g.col.hushes()
}

// to types where the page's call is to go.
func (g *stage) to(number string) {
	g.t.Helper()
	g.p.Press("transfer")
	g.p.run(g.p.ctx, chromedp.WaitVisible(`[data-testid=transfer-number]`), chromedp.SendKeys(`[data-testid=transfer-number]`, number+"\r"))
}

func (g *stage) held() {
	g.calls()
	g.caller.changes(sdp.SendOnly)
	g.p.SaysOf("+4930123", "Held by the other side")
	silent(g.t, g.caller.Ear)
	g.caller.changes(sdp.SendRecv)
	g.p.SaysOf("+4930123", "Talking")
	g.talk()
	// Both hold, and the page goes on last.
	g.caller.changes(sdp.Inactive)
	g.p.Press("hold")
	g.caller.agrees()
	g.p.Quiet()
	g.caller.changes(sdp.SendRecv)
	silent(g.t, g.caller.Ear)
	g.p.Press("hold")
	g.caller.agrees()
	g.talk()
	g.caller.ends()
	g.p.Says("phone-call", "hung up")
}

func (g *stage) busy() {
	g.calls()
	g.to("1002")
	g.caller.referred()
	g.p.Says("phone-call", "Being transferred")
	g.col.Respond(g.col.Expect(siptest.Method("INVITE")), 486)
	res := g.caller.finally()
	if res.Status != 486 {
		g.t.Fatalf("the caller is told %d", res.Status)
	}
	g.caller.reached("486 Busy Here")
	g.p.Says("phone-call", "The transfer failed: The line is busy.")
	g.talk()
	g.p.Press("hangup")
	g.caller.hungUp()
}

func (g *stage) blind() {
	g.calls()
	from := time.Now()
	g.to("1002")
	g.caller.referred()
	g.col.takes(g.col.Expect(siptest.Method("INVITE")))
	res := g.caller.finally()
	g.caller.accepts(res, res)
	g.caller.reached("200 OK")
	g.caller.hungUp()
	g.caller.inv = res
	g.p.Says("phone-call", "Transferred")
	g.meet(from)
}

func (g *stage) attended() {
	g.calls()
	g.p.Dial("1002")
	hold := g.caller.Expect(siptest.Method("INVITE"))
	time.Sleep(300 * time.Millisecond) // a consultation waits until the first call is held
	g.caller.answer(hold)
	g.caller.Expect(siptest.Method("ACK"))
	g.col.takes(g.col.Expect(siptest.Method("INVITE")))
	g.col.hears(micTone)
	g.p.Hears(deskTone)
	silent(g.t, g.caller.Ear)
	from := time.Now()
	g.p.With("+4930123", "transfer")
	g.p.Press("transfer-with")
	g.caller.referred()
	inv := g.col.Expect(siptest.Method("INVITE"))
	if !inv.Has(message.Replaces) {
		g.t.Errorf("the colleague is not asked to replace a call:\n%s", inv.Raw)
	}
	former := g.col.inv
	g.col.takes(inv)
	g.col.inv, former = former, g.col.inv
	g.col.ends() // the call that was replaced
	g.col.inv = former
	res := g.caller.finally()
	g.caller.accepts(res, res)
	g.caller.reached("200 OK")
	g.caller.hungUp()
	g.caller.inv = res
	g.meet(from)
}

// passedOn: the caller asks the page to go on with the colleague.
func (g *stage) passedOn() {
	g.calls()
	from := time.Now()
	g.caller.within("REFER", message.Header{Name: message.ReferTo, Value: "<sip:1002@demo.lamplight.test>"})
	g.col.takes(g.col.Expect(siptest.Method("INVITE")))
	for told := false; !told; {
		n := g.caller.Expect(siptest.Method("NOTIFY"))
		g.caller.Respond(n, 200)
		told = string(n.Body[:11]) == "SIP/2.0 200"
	}
	g.caller.hungUp()
	g.p.Hears(deskTone)
	g.col.hears(micTone)
	took(g.t, "the page is transferred: it and the other hear each other", from)
	g.p.SaysOf("1002", "Talking")
	g.p.Press("hangup")
	g.col.hungUp()
}

// takesOver: the colleague has a word with the page, and the caller comes in his place.
func (g *stage) takesOver() {
	g.col.dials("1002", "1001")
	g.p.Shows("incoming", true)
	g.p.Press("answer")
	g.col.connected()
	g.p.Hears(deskTone)
	g.col.hears(micTone)
	from := time.Now()
	of := g.col.inv // the page is its To
	inv := g.caller.Request("INVITE", "sip:1001@demo.lamplight.test", "sip:+4930123@pbx.test", "").Add(message.Contact, g.caller.contact().Value).
		Add(message.ReferredBy, "<sip:1002@demo.lamplight.test>").Add(message.Replaces, of.CallID()+";to-tag="+of.ToTag()+";from-tag="+of.FromTag()).
		Body("application/sdp", g.caller.Offer(sdp.SendRecv))
	g.caller.Peer.Send(inv)
	g.caller.connected()
	g.col.hungUp()
	g.talk()
	took(g.t, "somebody else comes to the other end: the page and he hear each other", from)
	g.p.SaysOf("+4930123", "Talking")
	g.caller.ends()
	g.p.Says("phone-call", "hung up")
}
