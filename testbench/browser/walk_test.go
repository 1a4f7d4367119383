//go:build testbench

package browser

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"lamplight/sip/siptest"
	"lamplight/testbench/lab"
)

// severable lets a test close the page's sockets and have none opened again.
const severable = `{
	const Plain = WebSocket
	window.sockets = []
	window.cut = false
	window.WebSocket = class extends Plain {
		constructor(url, protocols) { super(cut ? 'ws://127.0.0.1:9/' : url, protocols); sockets.push(this) }
	}
}
'ok'`

// The bar without a mouse and without looking: Tab reaches what there is in the order in
// which it stands, Escape goes back, and a screen reader is told how a call is and what
// became of a click that the server was not told of.
func TestTheBarByKeyboardAndEar(t *testing.T) {
	t.Parallel()
	s := carrying(t)
	b := OpenTalking(t, s, micTone)
	p := b.Tab()
	p.Colours("light")
	p.Eval(severable)
	p.LogIn("1001")
	p.Status("available")
	isTarget(t, s, "1001")
	p.Eval(listen)

	p.walks("sound", "dial-number", "keypad")
	p.at("sound")
	p.types("\r")
	p.Shows("device-ringer", true)
	p.walks("device-microphone", "test-microphone", "device-speaker", "device-ringer", "sample-ring", "device-microphone")
	p.accessible(s, "devices")
	picture(t, p, "walk-sound")
	p.types("\x1b")
	p.Shows("device-ringer", false)
	p.focused("sound")

	pbx := newTelephone(t, s, "127.0.0.1", nil)
	pbx.call("1001")
	p.Shows("incoming", true)
	for _, scheme := range []string{"dark", "light"} {
		p.Colours(scheme)
		p.accessible(s, "a call that comes, "+scheme)
		picture(t, p, "walk-incoming-"+scheme)
	}
	p.walks("answer", "reject")
	p.at("answer")
	p.types("\r")
	pbx.connected()
	pbx.hears(micTone)
	p.Says("call-news", "+4930123: Talking.")
	p.attribute(`[data-testid=quality]`, "data-grade", "good")
	p.walks("mute", "hold", "transfer", "keypad", "hangup", "quality", "dial-number")
	p.at("quality")
	p.types("\r")
	p.Says("figures", "Round trip")
	picture(t, p, "walk-figures")
	p.types("\x1b")
	p.focused("quality")

	p.at("mute")
	p.types(" ")
	p.attribute(`[data-testid=mute]`, "aria-pressed", "true")
	p.types(" ")
	p.attribute(`[data-testid=mute]`, "aria-pressed", "false")

	p.Eval(`cut = true; for (const s of sockets) s.close(); 'ok'`)
	p.at("hold")
	p.types("\r")
	p.Says("call-news", "Waiting for the connection: holding.")
	p.Says("call-note", "Waiting for the connection: holding.")
	p.accessible(s, "a click that waits")
	picture(t, p, "walk-waiting")
	p.Says("call-news", "The call was not held")
	picture(t, p, "walk-refused")
	pbx.ExpectNone(siptest.Method("INVITE"), 0)

	p.Eval(`cut = false; dispatchEvent(new Event('online')); 'ok'`)
	p.Shows("dial-number", true) // connected again
	pbx.hangUp()
	p.Says("call-news", "The other side hung up")
}

// accessible has axe-core look at the page.
func (p *Page) accessible(s *lab.Server, view string) {
	p.t.Helper()
	axe, err := os.ReadFile(filepath.Join(s.Root, "web", "ui", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		p.t.Fatalf("%v (make ui installs it)", err)
	}
	time.Sleep(400 * time.Millisecond) // what fades in has no contrast yet
	p.run(p.ctx, chromedp.Evaluate[chromedp.Void](string(axe)))
	if found := p.Eval(`axe.run(document).then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 120)).join(' ')).join('\n'))`); found != "" {
		p.t.Errorf("%s:\n%s", view, found)
	}
}

// types presses keys where the focus is.
func (p *Page) types(keys string) {
	p.t.Helper()
	p.run(p.ctx, chromedp.KeyEvent(keys))
}

// at brings the focus to what has a test id.
func (p *Page) at(id string) {
	p.t.Helper()
	p.Shows(id, true)
	p.Eval(`document.querySelector('[data-testid=` + id + `]').focus(); 'ok'`)
	p.focused(id)
}

// focused waits until what has a test id has the focus.
func (p *Page) focused(id string) {
	p.t.Helper()
	lab.Eventually(p.t, patience, func() error {
		if got := p.Eval(focus); got != id {
			return fmt.Errorf("the focus is at %q, want %s", got, id)
		}
		return nil
	})
}

const focus = `document.activeElement?.dataset?.testid ?? ''`

// walks presses Tab until these came by one after the other, maybe with others between them.
func (p *Page) walks(ids ...string) {
	p.t.Helper()
	var seen []string
	rest := slices.Clone(ids)
	for range 40 {
		p.types("\t")
		time.Sleep(20 * time.Millisecond)
		at := p.Eval(focus)
		seen = append(seen, at)
		if at == rest[0] {
			if rest = rest[1:]; len(rest) == 0 {
				return
			}
		}
	}
	p.t.Fatalf("Tab goes by %s; %s is missing", strings.Join(seen, " "), rest[0])
}
