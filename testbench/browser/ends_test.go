//go:build testbench

package browser

import (
	"syscall"
	"testing"
	"time"

	cdp "github.com/chromedp/cdproto/browser"
	cdproto "github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/systeminfo"
	"github.com/chromedp/chromedp"

	"lamplight/testbench/lab"
)

// ended waits until the server knows that a page is gone, and notes how soon.
func ended(t *testing.T, s *lab.Server, what string, since time.Time, target, offline time.Duration) {
	t.Helper()
	noTarget(t, s, "1001", 10*time.Second)
	held(t, what+": no target", time.Since(since), target)
	s.TeamStatus("1001", "offline", 15*time.Second)
	held(t, what+": Offline", time.Since(since), offline)
}

// available opens a browser with an agent whose webphone is proven.
func available(t *testing.T, s *lab.Server) (*Chromium, *Page) {
	t.Helper()
	b := Open(t, s)
	b.Microphone(cdp.PermissionSettingGranted)
	p := b.Login("1001")
	p.Status("available")
	isTarget(t, s, "1001")
	return b, p
}

func TestKilledRendererIsNoTargetAtOnce(t *testing.T) {
	s := lab.Start(t, lab.Options{})
	b, _ := available(t, s)
	l, err := chromedp.CallBrowser(b.ctx, systeminfo.GetProcessInfo, cdproto.Empty{})
	if err != nil {
		t.Fatal(err)
	}
	var renderers []int
	for _, p := range l.ProcessInfo {
		if p.Type == "renderer" {
			renderers = append(renderers, int(p.ID))
		}
	}
	if len(renderers) == 0 {
		t.Fatal("the browser names no renderer")
	}
	since := time.Now()
	signal(renderers, syscall.SIGKILL)
	ended(t, s, "renderer killed", since, time.Second, grace+time.Second)
}

func TestKilledBrowserIsNoTargetAtOnce(t *testing.T) {
	s := lab.Start(t, lab.Options{})
	b, _ := available(t, s)
	all := processes(t, chromedp.FromContext(b.ctx).Browser.Process().Pid)
	since := time.Now()
	signal(all, syscall.SIGKILL)
	ended(t, s, "browser killed", since, time.Second, grace+time.Second)
}

// A page whose script hangs keeps its connection: only its silence tells.
func TestFrozenPageIsNoTargetAndThenOfflineAndComesBack(t *testing.T) {
	s := lab.Start(t, lab.Options{})
	_, p := available(t, s)
	isTarget(t, s, "1001")
	since := time.Now()
	p.run(p.ctx, chromedp.Evaluate[chromedp.Void](`void setTimeout(() => { const end = Date.now() + 9000; while (Date.now() < end); }, 0)`))
	ended(t, s, "script hangs", since, 2500*time.Millisecond, 5*time.Second)
	s.TeamStatus("1001", "available", patience)
	p.Status("available")
}

func TestSecondTabTakesThePhoneOver(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	b, first := available(t, s)
	second := b.Tab()
	second.Says("microphone", "another tab")
	since := s.Agent("1001").Status.Team.Since
	second.Click(`//button[contains(., "Use here")]`)
	second.Says("microphone", "works")
	first.Says("microphone", "another tab")
	isTarget(t, s, "1001")
	first.Close()
	isTarget(t, s, "1001")
	time.Sleep(grace + 500*time.Millisecond)
	if a := s.Agent("1001").Status.Team; a.Status != "available" || !a.Since.Equal(since) {
		t.Errorf("after the take-over: %+v, before since %s", a, since)
	}
}

func TestSecondTabTakesOverWhenTheFirstIsClosed(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	b, first := available(t, s)
	second := b.Tab()
	second.Says("microphone", "another tab")
	first.Close()
	second.Says("microphone", "works")
	isTarget(t, s, "1001")
}

func TestPageOverHTTPS(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	b := OpenAt(t, s, "https://"+s.HTTPS)
	b.Microphone(cdp.PermissionSettingGranted)
	p := b.Login("1001")
	p.Status("available")
	isTarget(t, s, "1001")
	if v := p.Eval(`performance.getEntriesByType('navigation')[0].nextHopProtocol`); v != "h2" {
		t.Errorf("the page came by %s", v)
	}
	if v := p.Eval(`String(document.cookie)`); v != "" {
		t.Errorf("a script can read the cookie: %s", v)
	}
	// A live stream each; over HTTP/1.1 the seventh would wait for ever.
	for range 7 {
		b.Tab().Status("available")
	}
}
