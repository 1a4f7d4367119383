// Package browser drives the pages in a real Chromium, headless, with a fake
// microphone: what it shows is compared with what the server believes, and how
// long the server took to know is measured.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	cdp "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"lamplight/testbench/lab"
)

// patience bounds everything a page is waited for.
const patience = 20 * time.Second

// Chromium is one browser with a profile of its own.
type Chromium struct {
	t   testing.TB
	s   *lab.Server
	ctx context.Context //nolint:containedctx // chromedp keeps its browser in one
	// base is where the page is, as scheme://host:port.
	base string
	stop context.CancelFunc
}

// Open starts a browser that gives pages the fake microphone when they may have
// it. The test's end closes it.
func Open(t testing.TB, s *lab.Server) *Chromium {
	t.Helper()
	return OpenAt(t, s, "http://"+s.HTTP)
}

// OpenAt is Open for another way to the page. A self-made certificate is taken.
func OpenAt(t testing.TB, s *lab.Server, base string, more ...chromedp.ExecAllocatorOption) *Chromium {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatalf("%v (testbench/install chromium)", err)
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.NoSandbox,
		chromedp.Flag("use-fake-device-for-media-stream", true),
		chromedp.Flag("allow-loopback-in-peer-connection", true),
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("ignore-certificate-errors", true),
		chromedp.Flag("disable-component-update", true),
		// Hidden tabs behave as they do for people.
		chromedp.Flag("disable-background-timer-throttling", false),
		chromedp.Flag("disable-backgrounding-occluded-windows", false),
		chromedp.Flag("disable-renderer-backgrounding", false),
	)
	alloc, stop := chromedp.NewExecAllocator(t.Context(), append(opts, more...)...)
	ctx, cancel := chromedp.NewContext(alloc)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start chromium: %v", err)
	}
	c := &Chromium{t: t, s: s, ctx: ctx, base: base, stop: func() { cancel(); stop() }}
	t.Cleanup(c.stop)
	return c
}

// Quit ends the browser before the test's end does.
func (c *Chromium) Quit() { c.stop() }

// Microphone sets what pages of the server may do: granted, denied or prompt.
func (c *Chromium) Microphone(setting cdp.PermissionSetting) {
	c.t.Helper()
	_, err := chromedp.CallBrowser(c.ctx, cdp.SetPermission, cdp.SetPermissionParams{
		Permission: &cdp.PermissionDescriptor{Name: "microphone"}, Setting: setting, Origin: c.base,
	})
	if err != nil {
		c.t.Fatalf("set permission: %v", err)
	}
}

// Page is one tab.
type Page struct {
	*Chromium
	ctx    context.Context //nolint:containedctx // chromedp keeps its tab in one
	cancel context.CancelFunc
}

// Tab opens the server's page in a tab of its own.
func (c *Chromium) Tab() *Page {
	c.t.Helper()
	p := c.Empty()
	p.run(p.ctx, chromedp.Navigate(c.base+"/"))
	return p
}

// Empty opens an empty tab.
func (c *Chromium) Empty() *Page {
	c.t.Helper()
	ctx, cancel := chromedp.NewContext(c.ctx)
	p := &Page{Chromium: c, ctx: ctx, cancel: cancel}
	c.t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as the context of its first step
		c.t.Fatalf("open tab: %v", err)
	}
	return p
}

// Login opens a tab and logs an agent of the demo in.
func (c *Chromium) Login(number string) *Page {
	c.t.Helper()
	p := c.Tab()
	p.LogIn(number)
	return p
}

// LogIn fills in the login page.
func (p *Page) LogIn(number string) {
	p.t.Helper()
	p.LogInBy(number, "demo-"+number)
}

// LogInBy is LogIn with another password than the demo's.
func (p *Page) LogInBy(number, password string) {
	p.t.Helper()
	p.run(p.ctx,
		chromedp.WaitVisible(`input[name=number]`),
		chromedp.SendKeys(`input[name=number]`, number),
		chromedp.SendKeys(`input[name=password]`, password),
		chromedp.Click(`button[type=submit]`),
		chromedp.WaitVisible(`[data-testid=own-status]`),
	)
}

// Hide minimises the tab's window, as a person does.
func (p *Page) Hide() {
	p.t.Helper()
	id := chromedp.FromContext(p.ctx).Target.TargetID
	w, err := chromedp.CallBrowser(p.Chromium.ctx, cdp.GetWindowForTarget, cdp.GetWindowForTargetParams{TargetID: id})
	if err != nil {
		p.t.Fatalf("find window: %v", err)
	}
	_, err = chromedp.CallBrowser(p.Chromium.ctx, cdp.SetWindowBounds, cdp.SetWindowBoundsParams{
		WindowID: w.WindowID, Bounds: &cdp.Bounds{WindowState: cdp.WindowStateMinimized},
	})
	if err != nil {
		p.t.Fatalf("minimise: %v", err)
	}
}

// Colours sets whether the person prefers light or dark.
func (p *Page) Colours(scheme string) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	if err != nil {
		p.t.Fatalf("colours: %v", err)
	}
}

// Eval is the text a script comes to, waited for if it is a promise.
func (p *Page) Eval(script string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[string](script, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", script, err)
	}
	return s
}

// Says waits until the element of a test id says this, among other things.
func (p *Page) Says(id, want string) {
	p.t.Helper()
	lab.Eventually(p.t, patience, func() error {
		if got := p.Eval(`document.querySelector('[data-testid=` + id + `]')?.textContent ?? ''`); !strings.Contains(got, want) {
			return fmt.Errorf("%s says %q, want %q", id, got, want)
		}
		return nil
	})
}

// Close closes the tab as a person does, with its unload events.
func (p *Page) Close() {
	p.t.Helper()
	id := chromedp.FromContext(p.ctx).Target.TargetID
	if _, err := chromedp.CallBrowser(p.Chromium.ctx, target.CloseTarget, target.CloseTargetParams{TargetID: id}); err != nil {
		p.t.Fatalf("close tab: %v", err)
	}
}

// Status waits until the page shows the agent this status of its own.
func (p *Page) Status(want string) {
	p.t.Helper()
	p.attribute(`[data-testid=own-status]`, "data-status", want)
}

// Mic waits until the page shows the microphone so.
func (p *Page) Mic(want string) {
	p.t.Helper()
	p.attribute(`[data-testid=microphone]`, "data-mic", want)
}

func (p *Page) attribute(selector, name, want string) {
	p.t.Helper()
	lab.Eventually(p.t, patience, func() error {
		ctx, cancel := context.WithTimeout(p.ctx, 2*time.Second)
		defer cancel()
		got, err := chromedp.Run(ctx, chromedp.AttributeValue(selector, name))
		if err != nil {
			return err
		}
		if got.Value != want {
			return fmt.Errorf("%s of %s is %q, want %q", name, selector, got.Value, want)
		}
		return nil
	})
}

// Text is what the page shows in an element.
func (p *Page) Text(selector string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Text(selector))
	if err != nil {
		p.t.Fatalf("browser: %v", err)
	}
	return s
}

// Click clicks the first element of a CSS selector or XPath, once it stands still:
// the mouse goes to where it was seen.
func (p *Page) Click(selector string) {
	p.t.Helper()
	p.run(p.ctx, chromedp.WaitVisible(selector))
	if got := p.Eval(fmt.Sprintf(settled, selector)); got != "" {
		p.t.Fatalf("click %s: %s", selector, got)
	}
	p.run(p.ctx, chromedp.Click(selector))
}

// settled waits until an element, of a selector, was seen three times at one place.
const settled = `(async (selector) => {
	const find = () => selector.startsWith('/')
		? document.evaluate(selector, document, null, XPathResult.FIRST_ORDERED_NODE_TYPE, null).singleNodeValue
		: document.querySelector(selector)
	let before = '', same = 0
	for (const end = Date.now() + 10_000; Date.now() < end; await new Promise((r) => setTimeout(r, 30))) {
		const box = find()?.getBoundingClientRect()
		const now = box ? [box.x, box.y, box.width, box.height].join() : ''
		same = now && now === before ? same + 1 : 0
		if (same === 2) return ''
		before = now
	}
	return 'it does not stand still'
})(%q)`

func (c *Chromium) run(ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		c.t.Fatalf("browser: %v", err)
	}
}

// route asks where a call to the agent would go.
type route struct {
	Allow bool   `json:"allow"`
	Code  int    `json:"code"`
	Text  string `json:"text"`
	Steps []struct {
		Targets []struct {
			Kind string `json:"kind"`
		} `json:"targets"`
	} `json:"steps"`
}

func (r route) rings(kind string) bool {
	for _, s := range r.Steps {
		for _, t := range s.Targets {
			if t.Kind == kind {
				return true
			}
		}
	}
	return false
}

// noTarget waits until a call is not offered to the agent's webphone any more.
func noTarget(t testing.TB, s *lab.Server, number string, within time.Duration) time.Duration {
	t.Helper()
	return lab.Eventually(t, within, func() error {
		var r route
		s.API("POST", "/route", map[string]string{"agent": number, "kind": "regular"}, &r)
		if r.rings("webphone") {
			return errors.New("the webphone is still a target")
		}
		return nil
	})
}

// isTarget waits until it is.
func isTarget(t testing.TB, s *lab.Server, number string) {
	t.Helper()
	lab.Eventually(t, patience, func() error {
		var r route
		s.API("POST", "/route", map[string]string{"agent": number, "kind": "regular"}, &r)
		if !r.rings("webphone") {
			return fmt.Errorf("the webphone is no target: %d %s", r.Code, r.Text)
		}
		return nil
	})
}
