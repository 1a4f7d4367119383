//go:build testbench

package browser

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	cdp "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"lamplight/testbench/lab"
)

// Pages nobody looks at. A browser lets their timers run once a minute, Chromium
// a minute or five after they are hidden; the server must not take them for dead.
// HIDDEN=30m is how long they are watched.

// hiddenFor is how long pages are watched.
func hiddenFor(t *testing.T) time.Duration {
	t.Helper()
	v := os.Getenv("HIDDEN")
	if v == "" {
		return 90 * time.Second
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		t.Fatalf("HIDDEN: %v", err)
	}
	return d
}

func TestHiddenTabIsNeverOffline(t *testing.T) {
	t.Parallel()
	d := hiddenFor(t)
	s := lab.Start(t, lab.Options{})
	b := Open(t, s)
	b.Microphone(cdp.PermissionSettingGranted)
	p := b.Empty()
	p.watched()
	p.run(p.ctx, chromedp.Navigate(b.base+"/"))
	p.LogIn("1001")
	isTarget(t, s, "1001")
	// The agent works in another tab of the same window.
	p.run(p.ctx, chromedp.Evaluate[chromedp.Void](`void window.open('about:blank', '_blank', 'noopener')`))
	neverOffline(t, s, p, "hidden tab, another in front", "web", d)
}

func TestMinimisedDesktopClientIsNeverOffline(t *testing.T) {
	t.Parallel()
	d := hiddenFor(t)
	s := lab.Start(t, lab.Options{})
	b := OpenAt(t, s, "http://"+s.HTTP, chromedp.Flag("app", "http://"+s.HTTP+"/bar.html"))
	b.Microphone(cdp.PermissionSettingGranted)
	p := b.App("/bar.html")
	p.watched()
	p.run(p.ctx, chromedp.Reload())
	p.LogIn("1001")
	isTarget(t, s, "1001")
	p.Hide()
	neverOffline(t, s, p, "minimised desktop client", "desktop", d)
}

// App is the window that the flag "app" opened.
func (c *Chromium) App(path string) *Page {
	c.t.Helper()
	var p *Page
	lab.Eventually(c.t, patience, func() error {
		targets, err := chromedp.Targets(c.ctx)
		if err != nil {
			return err
		}
		for _, i := range targets {
			if i.URL == c.base+path {
				ctx, cancel := chromedp.NewContext(c.ctx, chromedp.WithTargetID(i.TargetID))
				c.t.Cleanup(cancel)
				p = &Page{Chromium: c, ctx: ctx, cancel: cancel}
				return chromedp.Do(ctx)
			}
		}
		return fmt.Errorf("no window shows %s", path)
	})
	return p
}

// watcher runs in the page before its own code. It notes how its timers run, in the
// page and in a worker, and when the page answered the server.
const watcher = `(() => {
	const clock = () => ({n: 0, max: 0, over50: 0, last: Date.now()});
	const tick = (c) => {
		const gap = Date.now() - c.last;
		c.n++; c.last = Date.now(); c.max = Math.max(c.max, gap);
		if (gap > 50000) c.over50++;
	};
	const w = window.__watch = {
		begin() { w.timer = clock(); w.answer = clock(); w.pings = 0; w.sockets = 0; w.shown = 0 },
		end() { for (const c of [w.timer, w.answer]) c.max = Math.max(c.max, Date.now() - c.last) }, // the gap that still lasts
	};
	w.begin();
	setInterval(() => tick(w.timer), 1000);
	document.addEventListener('visibilitychange', () => { if (document.visibilityState === 'visible') w.shown++ });
	const Plain = WebSocket;
	window.WebSocket = class extends Plain {
		constructor(...args) {
			super(...args);
			w.sockets++;
			this.addEventListener('message', (e) => { if (e.data.startsWith('{"t":"ping"')) w.pings++ });
		}
		send(data) {
			super.send(data);
			if (data.startsWith('{"t":"pong"')) tick(w.answer);
		}
	};
})()`

// watch is what the watcher noted, times in ms.
type watch struct {
	Timer, Answer         struct{ N, Max, Over50 int }
	Pings, Sockets, Shown int
}

// watched puts the watcher into every document the page opens from now on.
func (p *Page) watched() {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: watcher}); err != nil {
		p.t.Fatalf("watcher: %v", err)
	}
}

// neverOffline looks at a hidden page's agent four times a second, as routing and as
// the team see the agent.
func neverOffline(t *testing.T, s *lab.Server, p *Page, what, client string, d time.Duration) {
	t.Helper()
	lab.Eventually(t, patience, func() error {
		if v := p.Eval(`document.visibilityState`); v != "hidden" {
			return fmt.Errorf("the page is %s", v)
		}
		return nil
	})
	if c := clientOf(s, "1001"); c != client {
		t.Errorf("the server takes the page for a %q client, want %q", c, client)
	}
	since := s.Agent("1001").Status.Team.Since
	before := counters(t, s)
	p.Eval(`(__watch.begin(), '')`)
	looks, unrouted, offline := 0, 0, 0
	began := time.Now()
	for said := began; time.Since(began) < d; time.Sleep(250 * time.Millisecond) {
		var r route
		s.API("POST", "/route", map[string]string{"agent": "1001", "kind": "regular"}, &r)
		looks++
		if !r.rings("webphone") {
			unrouted++
			t.Errorf("after %s: no target: %d %s", time.Since(began).Round(time.Millisecond), r.Code, r.Text)
		}
		if v := s.Agent("1001").Status.Team; v.Status == "offline" {
			offline++
			t.Errorf("after %s: Offline, %s", time.Since(began).Round(time.Millisecond), v.Cause)
		}
		if time.Since(said) > 5*time.Minute {
			said = time.Now()
			now := counters(t, s)
			t.Logf("%s: after %s, %d looks, %v pings, %v answers, %v slow, %d times no target, %d times Offline", what, time.Since(began).Round(time.Second),
				looks, now.pings-before.pings, now.answered-before.answered, now.slow(before), unrouted, offline)
		}
	}
	if a := s.Agent("1001").Status.Team; a.Status != "available" || !a.Since.Equal(since) {
		t.Errorf("at the end: %+v, at the beginning since %s", a, since)
	}
	after := counters(t, s)
	var w watch
	if err := json.Unmarshal([]byte(p.Eval(`(__watch.end(), JSON.stringify(__watch))`)), &w); err != nil {
		t.Fatal(err)
	}
	if w.Shown > 0 || p.Eval(`document.visibilityState`) != "hidden" {
		t.Errorf("the page did not stay hidden: %+v", w)
	}
	if w.Timer.Max < 15000 {
		t.Errorf("the browser did not throttle the page, so nothing was shown: %+v", w)
	}
	if w.Sockets > 0 {
		t.Errorf("the page opened %d sockets anew", w.Sockets)
	}
	pings := after.pings - before.pings
	suspect, lost := after.suspected-before.suspected, after.lost-before.lost
	if suspect > 0 || lost > 0 {
		t.Errorf("the server took the page for suspect %v times, for lost %v times", suspect, lost)
	}
	hidden.add(t, []string{
		what, d.Round(time.Second).String(),
		fmt.Sprint(w.Timer.N), fmt.Sprint(w.Timer.Max), fmt.Sprint(w.Timer.Over50),
		fmt.Sprint(pings), fmt.Sprint(w.Answer.N), fmt.Sprint(w.Answer.Max), fmt.Sprint(after.slow(before)),
		fmt.Sprint(looks), fmt.Sprint(suspect), fmt.Sprint(unrouted), fmt.Sprint(offline),
	})
}

// clientOf is the kind of client the server takes the agent's page for.
func clientOf(s *lab.Server, number string) string {
	var a struct {
		Sessions []struct{ Client string } `json:"sessions"`
	}
	s.API("GET", "/agents/"+number, nil, &a)
	if len(a.Sessions) == 0 {
		return ""
	}
	return a.Sessions[0].Client
}
