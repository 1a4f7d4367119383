//go:build testbench

package browser

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"lamplight/sip/siptest"
	"lamplight/testbench/lab"
)

// webphones is what the API tells of an agent's pages, as far as it is looked at.
type webphones struct {
	Webphones []struct {
		Devices []struct {
			Kind  string `json:"kind"`
			Label string `json:"label"`
			Used  bool   `json:"used"`
		} `json:"devices"`
		Calls []struct {
			State string          `json:"state"`
			Page  *map[string]any `json:"page"`
		} `json:"calls"`
	} `json:"webphones"`
}

// In the bar an agent chooses devices, tests the microphone before a call, changes it in
// the call without the other side noticing, and sees how the call is heard.
func TestAnAgentChoosesDevicesAndSeesHowCallsAreHeard(t *testing.T) {
	t.Parallel()
	s := carrying(t)
	axe, err := os.ReadFile(filepath.Join(s.Root, "web", "ui", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("%v (make ui installs it)", err)
	}
	accessible := func(p *Page, view string) {
		t.Helper()
		time.Sleep(400 * time.Millisecond) // what fades in has no contrast yet
		p.run(p.ctx, chromedp.Evaluate[chromedp.Void](string(axe)))
		if found := p.Eval(`axe.run(document).then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 120)).join(' ')).join('\n'))`); found != "" {
			t.Errorf("%s:\n%s", view, found)
		}
	}
	p := OpenTalking(t, s, micTone).Talker("1001")
	p.Colours("dark")
	p.Eval(`window.asked = []; { const plain = navigator.mediaDevices.getUserMedia; navigator.mediaDevices.getUserMedia = c => { asked.push(JSON.stringify(c)); return plain(c) } } 'ok'`)

	press(p, `[data-testid=sound]`) // by keyboard
	p.Shows("device-microphone", true)
	p.Shows("device-speaker", true)
	press(p, `[data-testid=test-microphone]`)
	p.attribute(`[data-testid=mic-test]`, "data-stage", "recording")
	accessible(p, "microphone test")
	picture(t, p, "microphone-test")
	p.attribute(`[data-testid=mic-test]`, "data-result", "works")
	p.attribute(`[data-testid=mic-test]`, "data-stage", "done")
	p.Says("test-words", "Your microphone works.")
	press(p, `[data-testid=sound]`)

	pbx := newTelephone(t, s, "127.0.0.1", nil)
	pbx.call("1001")
	p.Shows("incoming", true)
	press(p, `[data-testid=answer]`)
	pbx.connected()
	pbx.hears(micTone)
	press(p, `[data-testid=sound]`)
	p.Shows("device-microphone", true)
	label := p.Eval(`(() => {
		const s = document.querySelector('[data-testid=device-microphone]'), o = [...s.options].pop()
		Object.getOwnPropertyDescriptor(HTMLSelectElement.prototype, 'value').set.call(s, o.value)
		s.dispatchEvent(new Event('change', {bubbles: true}))
		return o.label
	})()`)
	lab.Eventually(t, patience, func() error {
		if got := p.Eval(`asked.filter(c => c.includes('exact')).length > 0 ? 'chosen' : asked.join()`); got != "chosen" {
			return fmt.Errorf("the browser is asked for %s", got)
		}
		return nil
	})
	press(p, `[data-testid=sound]`)
	pbx.hears(micTone)
	p.Hears(phoneTone)
	pbx.ExpectNone(siptest.Method("INVITE"), 0)

	p.attribute(`[data-testid=quality]`, "data-grade", "good")
	press(p, `[data-testid=quality]`)
	p.Says("figures", "Round trip")
	p.Says("figures", "PCMU")
	accessible(p, "a call with its figures")
	picture(t, p, "call-figures")
	lab.Eventually(t, patience, func() error {
		var w webphones
		s.API("GET", "/agents/1001/webphones", nil, &w)
		if len(w.Webphones) != 1 || len(w.Webphones[0].Calls) != 1 {
			return fmt.Errorf("the API tells %+v", w)
		}
		for _, d := range w.Webphones[0].Devices {
			if d.Kind == "input" && d.Label == label && d.Used && w.Webphones[0].Calls[0].Page != nil {
				return nil
			}
		}
		return errors.New("the API tells neither the device nor the figures: " + fmt.Sprintf("%+v", w))
	})
	boss := Open(t, s).Login("1006") // a supervisor sees it too
	boss.Click(`[data-agent="1001"] button`)
	boss.run(boss.ctx, chromedp.WaitVisible(`[role=dialog]`))
	boss.Click(`[data-testid=diagnostics]`)
	for _, want := range []string{"Page · 127.0.0.1", "there, answers in", "microphone granted, heard here", "Call from", "talking", "Page: PCMU, host/udp", "Gateway: from the page"} {
		boss.Says("webphones", want)
	}
	accessible(boss, "an agent's webphones")
	boss.Eval(`document.querySelector('[data-testid=webphones]').scrollIntoView(); 'ok'`)
	picture(t, boss, "webphones")
	press(p, `[data-testid=hangup]`)
	pbx.hungUp()
}
