//go:build testbench

package baresip

import (
	"fmt"
	"io"
	"net/http"
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
	answered := func(text string) {
		t.Helper()
		lab.Eventually(t, 10*time.Second, func() error {
			res, err := http.Get("http://" + s.HTTP + "/metrics")
			if err != nil {
				return err
			}
			defer func() { _ = res.Body.Close() }()
			if b, err := io.ReadAll(res.Body); err != nil || !strings.Contains(string(b), text+"\n") {
				return fmt.Errorf("no %q: %v", text, err)
			}
			return nil
		})
	}
	p := start(t, s, options{number: "1001", user: "1001", password: "demo-1001", transport: "tcp", trace: true, publish: true})
	answered("lamplight_presence_publications 1")
	const count = `lamplight_presence_publish_answers_total{status="200"} `
	for i, command := range []string{"presence_offline", "presence_online"} {
		p.command(command)
		answered(count + fmt.Sprint(i+2))
	}
	if strings.Contains(p.printed(), "412") {
		t.Error("an entity tag was not good")
	}
	var a struct {
		Selected struct{ Custom string } `json:"selected"`
	}
	if s.API("GET", "/agents/1001", nil, &a); a.Selected.Custom != "Lunch" {
		t.Errorf("selected %+v", a.Selected)
	}
}
