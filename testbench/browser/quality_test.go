//go:build testbench

package browser

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"

	"lamplight/testbench/lab"
)

// uncovered names what of a call's controls another element lies over, or is out of view.
const uncovered = `['mute', 'hold', 'transfer', 'keypad', 'hangup', 'quality'].filter((id) => {
	const e = document.querySelector('[data-testid=phone-call] [data-testid=' + id + ']')
	e.scrollIntoView({block: 'nearest'})
	const b = e.getBoundingClientRect()
	return [[b.left + 3, b.top + 3], [b.right - 3, b.bottom - 3], [b.x + b.width / 2, b.y + b.height / 2]]
		.some(([x, y]) => !e.contains(document.elementFromPoint(x, y)))
}).join(' ')`

// measured waits until the page says how its call is heard; a busy machine is heard badly.
func measured(t *testing.T, p *Page) {
	t.Helper()
	lab.Eventually(t, patience, func() error {
		if got := p.Eval(`document.querySelector('[data-testid=quality]')?.dataset.grade ?? ''`); got == "" || got == "unknown" {
			return fmt.Errorf("the sound is %q", got)
		}
		return nil
	})
}

// The figures of a call lie over none of its controls, however narrow the window is or how
// large the letters are; while the connection is away the page does not say that the sound
// is good.
func TestTheSoundOfACallIsShownBesideItsControls(t *testing.T) {
	t.Parallel()
	s := carrying(t)
	p := OpenTalking(t, s, micTone).Tab()
	p.Eval(severable)
	p.LogIn("1001")
	p.Status("available")
	isTarget(t, s, "1001")
	p.Eval(listen)
	pbx := newTelephone(t, s, "127.0.0.1", nil)
	pbx.call("1001")
	p.Press("answer")
	pbx.connected()
	measured(t, p)
	p.Press("quality")
	p.Says("figures", "Round trip")
	for _, width := range []int64{390, 780, 1024, 1440} {
		for _, zoom := range []int64{1, 2} {
			p.run(p.ctx, chromedp.EmulateViewport(width/zoom, 900/zoom, chromedp.EmulateScale(float64(zoom))))
			for _, scheme := range []string{"dark", "light"} {
				view := fmt.Sprintf("figures-%d-%d00-%s", width, zoom, scheme)
				p.Colours(scheme)
				if got := p.Eval(uncovered); got != "" {
					t.Errorf("%s: something lies over %s", view, got)
				}
				if width >= 780 {
					p.accessible(s, view)
				}
				picture(t, p, view)
			}
		}
	}
	p.run(p.ctx, chromedp.EmulateViewport(1024, 900))
	p.Eval(`cut = true; for (const s of sockets) s.close(); 'ok'`)
	p.attribute(`[data-testid=quality]`, "data-grade", "unknown")
	p.Says("phone", "These figures are from before")
	p.Says("quality", "Sound not known now")
	p.accessible(s, "interrupted")
	picture(t, p, "figures-interrupted")
	p.Eval(`cut = false; dispatchEvent(new Event('online')); 'ok'`)
	measured(t, p)
	p.Press("hangup")
	pbx.hungUp()
}
