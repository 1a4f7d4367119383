//go:build testbench

package baresip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lamplight/testbench/lab"
)

// A softphone that publishes its presence as soon as it runs, and goes and comes
// back, is answered, and selects nothing: its "open" is nobody's word. Nor does
// its end leave anything behind.
func TestPresenceThatASoftphonePublishesByItselfSelectsNothing(t *testing.T) {
	s := lab.Start(t, lab.Options{})
	if got := s.API("PATCH", "/agents/1001/devices/1001", map[string]bool{"publish_selects": true}, nil); got != 200 {
		t.Fatalf("switching it on: %d", got)
	}
	if got := s.API("PUT", "/agents/1001/status", map[string]string{"status": "custom", "custom": "Lunch"}, nil); got != 200 {
		t.Fatalf("Lunch: %d", got)
	}
	p := start(t, s, options{number: "1001", user: "1001", password: "demo-1001", transport: "tcp", trace: true, publish: true})
	// At its start it may publish twice at once: two publications, and neither of
	// them a change.
	said := func(basic, after string) {
		t.Helper()
		lab.Eventually(t, 10*time.Second, func() error {
			text := p.printed()
			at := strings.LastIndex(text, "<basic>"+basic+"</basic>")
			if at < strings.LastIndex(text, after) || !strings.Contains(text[max(at, 0):], "SIP-ETag:") {
				return fmt.Errorf("no answer to %s", basic)
			}
			return nil
		})
	}
	said("open", "baresip is ready")
	p.command("presence_offline")
	said("closed", "baresip is ready")
	p.command("presence_online")
	said("open", "<basic>closed</basic>")
	if strings.Contains(p.printed(), "SIP/2.0 412") {
		t.Error("an entity tag was not good")
	}
	var a struct {
		Selected struct{ Custom string } `json:"selected"`
	}
	if s.API("GET", "/agents/1001", nil, &a); a.Selected.Custom != "Lunch" {
		t.Errorf("selected %+v", a.Selected)
	}
}
