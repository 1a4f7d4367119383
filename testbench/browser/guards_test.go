//go:build testbench

package browser

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cdp "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"

	"lamplight/testbench/lab"
)

func dial(t *testing.T, url, origin, protocol string) (*websocket.Conn, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ws, res, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPHeader: http.Header{"Origin": {origin}}, Subprotocols: []string{protocol},
	})
	if err == nil {
		t.Cleanup(func() { _ = ws.CloseNow() })
	}
	if res == nil {
		t.Fatal(err)
	}
	return ws, res.StatusCode
}

func TestAnotherSitesPageOpensNoSocket(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	for path, protocol := range map[string]string{"/webphone": "lamplight.webphone.v1", "/sip": "sip"} {
		if _, code := dial(t, "ws://"+s.HTTP+path, "https://evil.test", protocol); code != http.StatusForbidden {
			t.Errorf("%s from another site: %d", path, code)
		}
		if _, code := dial(t, "ws://"+s.HTTP+path, "http://"+s.HTTP, protocol); code != http.StatusSwitchingProtocols {
			t.Errorf("%s from our own page: %d", path, code)
		}
	}
}

func TestATicketIsGoodOnce(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	b := Open(t, s)
	p := b.Login("1002")
	ticket := p.Eval(`fetch('/api/v1/webphone-ticket', {method: 'POST'}).then(r => r.json()).then(x => x.ticket)`)
	hello := func() (answer string, code websocket.StatusCode) {
		ws, _ := dial(t, "ws://"+s.HTTP+"/webphone", "http://"+s.HTTP, "lamplight.webphone.v1")
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		msg := `{"t":"hello","ticket":"` + ticket + `","tab":"t1","client":"web","lead":false,"mic":{"perm":"prompt"},"vis":"visible"}`
		if err := ws.Write(ctx, websocket.MessageText, []byte(msg)); err != nil {
			t.Fatal(err)
		}
		_, data, err := ws.Read(ctx)
		if err == nil && strings.Contains(string(data), `"refused"`) {
			_, _, err = ws.Read(ctx)
		}
		return string(data), websocket.CloseStatus(err)
	}
	if got, code := hello(); !strings.Contains(got, `"welcome"`) {
		t.Fatalf("the first time: %s %d", got, code)
	}
	if got, code := hello(); !strings.Contains(got, `"refused"`) || code != 4004 {
		t.Errorf("the second time: %s %d", got, code)
	}
}

func TestLogoutElsewhereShowsTheLoginPage(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	b, first := available(t, s)
	second := b.Tab()
	second.Status("available")
	second.Click(`//button[contains(., "Log out")]`)
	first.run(first.ctx, chromedp.WaitVisible(`input[name=number]`))
	if text := first.Text(`[data-testid=ended]`); !strings.Contains(text, "logged out") {
		t.Errorf("the first tab says %q", text)
	}
}

func TestAnEndedSessionShowsTheLoginPage(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	_, p := available(t, s)
	// Another password ends every session of the agent.
	if code := s.API("PUT", "/agents/1001/password", map[string]string{"password": "something else"}, nil); code != http.StatusNoContent {
		t.Fatalf("set password: %d", code)
	}
	p.run(p.ctx, chromedp.WaitVisible(`input[name=number]`))
}

func TestForwardingAllOffIsOutboundOnlyAndRestores(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	_, p := available(t, s)
	p.Click(`[data-testid=rings]`)
	p.Click(`[data-testid=all-off]`)
	p.Status("outbound_calls_only")
	p.Says("rings", "nothing")
	s.TeamStatus("1001", "outbound_calls_only", time.Second)
	p.Click(`[data-testid=restore]`)
	p.Status("available")
	p.Says("rings", "webphone")
	isTarget(t, s, "1001")
}

// What axe-core can see of WCAG 2.1 A and AA holds on every view, by day and by
// night.
func TestPagesAreAccessible(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	axe, err := os.ReadFile(filepath.Join(s.Root, "web", "ui", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("%v (make ui installs it)", err)
	}
	for _, scheme := range []string{"light", "dark"} {
		b := Open(t, s)
		b.Microphone(cdp.PermissionSettingDenied)
		look := func(p *Page, view string) {
			t.Helper()
			time.Sleep(400 * time.Millisecond) // what fades in has no contrast yet
			p.run(p.ctx, chromedp.Evaluate[chromedp.Void](string(axe)))
			if found := p.Eval(`axe.run(document).then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 120)).join(' ')).join('\n'))`); found != "" {
				t.Errorf("%s, %s:\n%s", view, scheme, found)
			}
		}
		p := b.Tab()
		p.Colours(scheme)
		p.run(p.ctx, chromedp.WaitVisible(`input[name=number]`))
		look(p, "login")
		p.LogIn("1006")
		p.Mic("denied")
		look(p, "page")
		p.Click(`[data-testid=status-menu]`)
		look(p, "status menu")
		p.Click(`[data-testid=status-menu]`)
		p.Click(`[data-testid=rings]`)
		look(p, "forwarding")
		p.Click(`[data-testid=rings]`)
		p.Click(`[data-agent="1003"] button`)
		p.run(p.ctx, chromedp.WaitVisible(`[role=dialog]`))
		look(p, "agent")
		p.Click(`[data-testid=diagnostics]`)
		p.run(p.ctx, chromedp.WaitVisible(`[data-testid=watchers]`))
		look(p, "registrations and watchers")
		p.run(p.ctx, chromedp.Navigate(b.base+"/bar.html"), chromedp.WaitVisible(`[data-testid=own-status]`))
		look(p, "bar")
		b.Quit()
	}
}
