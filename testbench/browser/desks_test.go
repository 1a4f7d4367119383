//go:build testbench

package browser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cdp "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"

	"lamplight/testbench/lab"
)

// TestSharedPhoneIsTakenAndLeftOnTheBar: one click sits down at a hot desk, one
// leaves it, and what opens for it is accessible.
func TestSharedPhoneIsTakenAndLeftOnTheBar(t *testing.T) {
	t.Parallel()
	s := lab.Start(t, lab.Options{})
	axe, err := os.ReadFile(filepath.Join(s.Root, "web", "ui", "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		t.Fatalf("%v (make ui installs it)", err)
	}
	b := Open(t, s)
	b.Microphone(cdp.PermissionSettingDenied)
	p := b.Tab()
	p.LogIn("1002")
	says := func(want string) {
		t.Helper()
		lab.Eventually(t, patience, func() error {
			if got := p.Text(`[data-testid=desks]`); !strings.Contains(got, want) {
				return errText(got)
			}
			return nil
		})
	}
	says("Desk: none")
	p.Click(`[data-testid=desks]`)
	p.run(p.ctx, chromedp.WaitVisible(`button[aria-label="Use this phone: Desk 1"]`))
	time.Sleep(400 * time.Millisecond) // what fades in has no contrast yet
	p.run(p.ctx, chromedp.Evaluate[chromedp.Void](string(axe)))
	if found := p.Eval(`axe.run(document).then(r => r.violations.map(v => v.id + ': ' + v.nodes.map(n => n.html.slice(0, 120)).join(' ')).join('\n'))`); found != "" {
		t.Errorf("not accessible:\n%s", found)
	}
	at := func() string {
		var got struct {
			Desks []struct {
				Name  string
				Agent struct{ Number string }
			}
		}
		s.API("GET", "/desks", nil, &got)
		for _, d := range got.Desks {
			if d.Name == "Desk 1" {
				return d.Agent.Number
			}
		}
		return "no desk"
	}
	p.Click(`button[aria-label="Use this phone: Desk 1"]`)
	says("Desk: Desk 1")
	if got := at(); got != "1002" {
		t.Errorf("at the desk is %q", got)
	}
	p.Click(`button[aria-label="Leave Desk 1"]`)
	says("Desk: none")
	if got := at(); got != "" {
		t.Errorf("at the desk is %q", got)
	}
}

type errText string

func (e errText) Error() string { return string(e) }
