//go:build testbench

package browser

import (
	"context"
	"syscall"
	"testing"
	"time"

	cdproto "github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/testbench/lab"
)

// listens has the connections of whatever the tab loads from now on noted.
func (p *Page) listens() {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: listen}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *Page) reload() {
	p.t.Helper()
	p.run(p.ctx, chromedp.Reload(), chromedp.WaitVisible(`[data-testid=own-status]`))
}

// unaware checks that a phone was sent nothing about its call: no BYE, no re-INVITE.
func (p *telephone) unaware() {
	p.t.Helper()
	p.ExpectNone(func(m *message.Message) bool { return m.Status == 0 && m.Method != "ACK" }, 300*time.Millisecond)
}

// both waits until either hears the other.
func both(pbx *telephone, p *Page) {
	p.t.Helper()
	pbx.hears(micTone)
	p.Hears(phoneTone)
}

// talking is a call that came and was answered in a page whose reloads can be heard.
func talking(t *testing.T, s *lab.Server, c *Chromium) (*telephone, *Page) {
	t.Helper()
	p := c.Talker("1001")
	p.listens()
	pbx := newTelephone(t, s, "127.0.0.1", nil)
	pbx.call("1001")
	p.Shows("incoming", true)
	p.Press("answer")
	pbx.connected()
	both(pbx, p)
	return pbx, p
}

// A page that is reloaded in a call goes on with it, as often as it is, held or muted as
// it was; the other side is told nothing.
func TestAReloadedPageGoesOnWithItsCall(t *testing.T) {
	s := carrying(t)
	pbx, p := talking(t, s, OpenTalking(t, s, micTone))
	for range 5 {
		began := time.Now()
		p.run(p.ctx, chromedp.Reload())
		both(pbx, p)
		held(t, "the page is reloaded in a call: both are heard again", time.Since(began), 3*time.Second)
	}
	pbx.unaware()
	p.attribute(`[data-testid=microphone]`, "data-target", "true")
	onACall(t, s, "1001", true)

	p.Press("hold")
	pbx.answer(pbx.Expect(siptest.Method("INVITE")))
	p.attribute(`[data-testid=phone-call]`, "data-held", "true")
	p.reload()
	p.attribute(`[data-testid=phone-call]`, "data-held", "true")
	pbx.unaware()
	p.Quiet()
	p.Press("hold")
	pbx.answer(pbx.Expect(siptest.Method("INVITE")))
	both(pbx, p)

	p.Press("mute")
	p.attribute(`[data-testid=mute]`, "aria-pressed", "true")
	p.reload()
	p.attribute(`[data-testid=mute]`, "aria-pressed", "true")
	p.Hears(phoneTone)
	pbx.Ear.Forget()
	time.Sleep(time.Second)
	if pbx.Ear.Recognises(micTone) == nil {
		t.Error("a muted page is heard after a reload")
	}
	p.Press("mute")
	pbx.hears(micTone)
	pbx.unaware()
	p.Press("hangup")
	pbx.hungUp()
	onACall(t, s, "1001", false)
}

// A tab that crashed leaves nothing behind to come back with; the login has another go on
// with its call.
func TestATabThatCrashedLeavesItsCallToTheNext(t *testing.T) {
	t.Parallel()
	s := carrying(t)
	c := OpenTalking(t, s, micTone)
	pbx, p := talking(t, s, c)
	ctx, cancel := context.WithTimeout(p.ctx, time.Second)
	_, _ = chromedp.Call(ctx, page.Crash, cdproto.Empty{}) // which nobody is left to answer
	cancel()
	next := c.Empty()
	next.listens()
	next.run(next.ctx, chromedp.Navigate(c.base+"/"))
	both(pbx, next)
	pbx.unaware()
	next.Press("hangup")
	pbx.hungUp()
}

// A browser that is killed and started again has its login, and by that its call.
func TestABrowserThatWasKilledGoesOnWithItsCall(t *testing.T) {
	t.Parallel()
	s := carrying(t)
	profile := chromedp.UserDataDir(t.TempDir())
	c := OpenTalking(t, s, micTone, profile)
	pbx, _ := talking(t, s, c)
	time.Sleep(35 * time.Second) // it writes its cookies to disk every 30 s
	signal(processes(t, chromedp.FromContext(c.ctx).Browser.Process().Pid), syscall.SIGKILL)
	began := time.Now()
	p := OpenTalking(t, s, micTone, profile).Empty()
	p.listens()
	p.run(p.ctx, chromedp.Navigate(p.base+"/"))
	both(pbx, p)
	held(t, "the browser is killed in a call and started again: both are heard again", time.Since(began), 10*time.Second)
	pbx.unaware()
	p.Press("hangup")
	pbx.hungUp()
}

// Whatever becomes of a call while its page is loaded, the page can be called again.
func TestAReloadedPageCanBeCalledAgain(t *testing.T) {
	t.Parallel()
	s := carrying(t)
	pbx, p := talking(t, s, OpenTalking(t, s, micTone))
	p.run(p.ctx, chromedp.Navigate("about:blank"))
	pbx.hangUp()
	p.run(p.ctx, chromedp.Navigate(p.base+"/"), chromedp.WaitVisible(`[data-testid=own-status]`))
	onACall(t, s, "1001", false)
	isTarget(t, s, "1001")
	p.Shows("phone-call", false)

	desk := newTelephone(t, s, "127.0.0.3", nil)
	desk.registers("1002")
	p.Dial("1002")
	desk.Respond(desk.Expect(siptest.Method("INVITE")), 180)
	p.Says("phone-call", "Ringing there")
	p.reload() // what is not answered yet does not go on
	desk.Respond(desk.Expect(siptest.Method("CANCEL")), 200)
	isTarget(t, s, "1001")
	pbx.call("1001")
	p.Shows("incoming", true)
}

// A page that stays away for more than ten seconds has no call any more.
func TestAPageThatStaysAwayLosesItsCall(t *testing.T) {
	t.Parallel()
	s := carrying(t)
	pbx, p := talking(t, s, OpenTalking(t, s, micTone))
	p.run(p.ctx, chromedp.Navigate("about:blank"))
	began := time.Now()
	pbx.hungUp()
	if took := time.Since(began); took < 9*time.Second {
		t.Errorf("the call ended after %v", took)
	} else {
		held(t, "the page is closed in a call and stays away: the other side is told", took, 11*time.Second)
	}
}

// A second tab takes the phone over in a call: the call stays where its audio is, what
// comes rings in the second, and the first is told.
func TestATakeOverLeavesTheCallWhereItIs(t *testing.T) {
	t.Parallel()
	s := carrying(t)
	c := OpenTalking(t, s, micTone)
	pbx, p := talking(t, s, c)
	second := c.Tab()
	second.Click(`//button[contains(., "Use here")]`)
	p.Says("microphone", "another tab")
	both(pbx, p)
	p.reload()
	both(pbx, p)
	second.Shows("phone-call", false)
	pbx.unaware()
	p.Press("hangup")
	pbx.hungUp()
	p.Says("microphone", "another tab") // the lead is the second's still
	isTarget(t, s, "1001")
	pbx.call("1001")
	second.Shows("incoming", true)
}
