//go:build testbench

package browser

import (
	"encoding/json"
	"fmt"
	"testing"

	"lamplight/testbench/lab"
)

// in is the page for a subtest: what fails, fails there.
func (p *Page) in(t *testing.T) *Page {
	c := *p.Chromium
	c.t = t
	return &Page{Chromium: &c, ctx: p.ctx, cancel: p.cancel}
}

// registers is the desk phone of an agent from now on.
func (p *telephone) registers(number string) {
	p.t.Helper()
	if m := p.Register("sip:"+number+"@demo.lamplight.test", number, "demo-"+number, 600); m.Status != 200 {
		p.t.Fatalf("the desk phone of %s registers: %d", number, m.Status)
	}
}

// Quiet waits until the page hears nothing.
func (p *Page) Quiet() {
	p.t.Helper()
	lab.Eventually(p.t, patience, func() error {
		var got struct{ Hz, DB float64 }
		if err := json.Unmarshal([]byte(p.Eval("loudest()")), &got); err != nil {
			return err
		}
		if got.DB > -80 {
			return fmt.Errorf("the page hears %.0f Hz at %.0f dB", got.Hz, got.DB)
		}
		return nil
	})
}

// idle waits until the page has no call, and dismisses what it says of those that ended.
func (p *Page) idle() {
	p.t.Helper()
	lab.Eventually(p.t, patience, func() error {
		if left := p.Eval(`document.querySelectorAll('[data-testid=dismiss]').forEach(b => b.click());
			[...document.querySelectorAll('[data-testid=phone-call],[data-testid=incoming]')].map(c => c.textContent).join('; ')`); left != "" {
			return fmt.Errorf("the page has a call: %s", left)
		}
		return nil
	})
	p.Status("available")
}

// keys presses keys on the pad of the page's call.
func (p *Page) keys(keys string) {
	p.t.Helper()
	if p.Eval(`String(document.querySelector('[data-testid="key-1"]') !== null)`) == "false" {
		p.Eval(`document.querySelector('[data-testid=phone-call] [data-testid=keypad]').click(); 'ok'`)
	}
	for _, key := range keys {
		p.Press("key-" + string(key))
	}
}
