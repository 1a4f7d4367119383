//go:build testbench

package browser

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"lamplight/sip/siptest"
	"lamplight/testbench/coturn"
	"lamplight/testbench/lab"
)

const shared = "a secret of some length"

// behind is a server whose pages are told of a coturn, by one of its URLs.
func behind(t *testing.T, turn *coturn.Server, transport, ttl string) *lab.Server {
	t.Helper()
	return carrying(t, "  # turn: #", fmt.Sprintf("  turn: {servers: [%q], secret: %q, ttl: %s}\n  # turn: #",
		"turn:"+turn.Plain+"?transport="+transport, shared, ttl))
}

// RelayedTalker is Talker for a page whose network lets nothing pass but the relay.
func (c *Chromium) RelayedTalker(number string) *Page {
	c.t.Helper()
	p := c.Empty()
	if _, err := chromedp.Call(p.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: `
const Open = RTCPeerConnection
window.RTCPeerConnection = class extends Open { constructor(c) { super({...c, iceTransportPolicy: 'relay'}) } }`}); err != nil {
		c.t.Fatal(err)
	}
	p.run(p.ctx, chromedp.Navigate(c.base+"/"))
	p.LogIn(number)
	p.Status("available") // its microphone was proven by the relay
	isTarget(c.t, c.s, number)
	p.Eval(listen)
	return p
}

// answered has the page answer a call of the PBX's, and each hear the other.
func answered(t *testing.T, s *lab.Server, p *Page, number string) *telephone {
	t.Helper()
	pbx := newTelephone(t, s, "127.0.0.1", nil)
	pbx.call(number)
	p.Shows("incoming", true)
	p.Press("answer")
	pbx.connected()
	pbx.hears(micTone)
	p.Hears(phoneTone)
	return pbx
}

// A page that reaches nothing but an outside TURN server is called by it and calls, by
// UDP and by TCP.
func TestPageBehindCoturn(t *testing.T) {
	t.Parallel()
	turn := coturn.Start(t, coturn.Options{Secret: shared})
	for _, transport := range []string{"udp", "tcp"} {
		t.Run(transport, func(t *testing.T) {
			s := behind(t, turn, transport, "1h")
			p := OpenTalking(t, s, micTone).RelayedTalker("1001")
			relays := turn.Says("ALLOCATE processed, success")
			pbx := answered(t, s, p, "1001")
			pbx.hangUp()
			p.Says("phone-call", "hung up")
			desk := newTelephone(t, s, "127.0.0.3", nil)
			if m := desk.Register("sip:1002@demo.lamplight.test", "1002", "demo-1002", 600); m.Status != 200 {
				t.Fatalf("the desk phone registers: %d", m.Status)
			}
			p.Dial("1002")
			desk.answer(desk.Expect(siptest.Method("INVITE")))
			desk.hears(micTone)
			p.Hears(phoneTone)
			p.Press("hangup")
			desk.hungUp()
			if n := turn.Says("ALLOCATE processed, success") - relays; n < 2 {
				t.Errorf("%d relays for two calls", n)
			}
		})
	}
}

// A page that is open for longer than its first credential is good calls with a fresh
// one.
func TestPageOutlivesItsCredential(t *testing.T) {
	t.Parallel()
	turn := coturn.Start(t, coturn.Options{Secret: shared})
	s := behind(t, turn, "udp", "30s")
	began := time.Now()
	p := OpenTalking(t, s, micTone).RelayedTalker("1001")
	time.Sleep(time.Until(began.Add(45 * time.Second))) // the wall clock's: coturn compares it
	answered(t, s, p, "1001").hangUp()
	user := p.Eval(`pcs.at(-1).getConfiguration().iceServers.at(-1).username`)
	expiry, _, _ := strings.Cut(user, ":")
	if at, err := strconv.ParseInt(expiry, 10, 64); err != nil || at < began.Add(45*time.Second).Unix() {
		t.Errorf("the call used %q, %v", user, err)
	}
}

// coturn dies in mid-call: the page says so, the call ends by itself, and the agent is
// not left in it. A coturn that is back in time is used again.
func TestCoturnDiesInMidCall(t *testing.T) {
	t.Parallel()
	turn := coturn.Start(t, coturn.Options{Secret: shared})
	s := behind(t, turn, "udp", "1h")
	p := OpenTalking(t, s, micTone).RelayedTalker("1001")

	pbx := answered(t, s, p, "1001")
	turn.Kill()
	began := time.Now()
	p.Says("call-warning", "is interrupted")
	held(t, "coturn died: the page says that its audio is interrupted", time.Since(began), 6*time.Second)
	turn.Run(t)
	pbx.hears(micTone)
	p.Hears(phoneTone)
	held(t, "coturn died and came back: both hear each other", time.Since(began), 15*time.Second)

	turn.Kill()
	began = time.Now()
	pbx.Timeout = 30 * time.Second
	pbx.hungUp() // 3.5 s until it counts as interrupted, and 15 s to come back
	held(t, "coturn died for good: the call is over", time.Since(began), 22*time.Second)
	p.Says("phone-call", "audio")
	onACall(t, s, "1001", false)
}
