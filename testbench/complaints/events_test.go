//go:build testbench

package complaints

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"lamplight/testbench/lab"
	"lamplight/testbench/load/phone"
)

func TestLampGoesOutWithinASecond(t *testing.T) {
	r := newRig(t)
	lamp := r.watch(r.phone(r.line(phone.UDP), "1002"), "1001", "dialog")
	buddy := r.watch(r.phone(r.line(phone.TCP), "1003"), "1001", "presence")
	pbx := r.pbx("1001")
	var slowest time.Duration
	for i := range 30 {
		call := fmt.Sprint("call-", i)
		r.publish(pbx, call, "confirmed")
		r.shows(lamp, "confirmed", time.Second)
		r.shows(buddy, "On a Call", time.Second)
		ended := time.Now()
		r.publish(pbx, call, "terminated")
		r.shows(lamp, "terminated", time.Second)
		r.shows(buddy, "Offline", time.Second)
		slowest = max(slowest, time.Since(ended))
	}
	t.Logf("the slowest went out %v after the end was told", slowest.Round(time.Millisecond))
}

func TestFirstNotifyAgreesWithTheLaterOnes(t *testing.T) {
	r := newRig(t)
	pbx := r.pbx("1001")
	var told []*phone.Watch // since before the call
	for _, event := range []string{"dialog", "presence"} {
		told = append(told, r.watch(r.phone(r.line(phone.UDP), "1002"), "1001", event))
	}
	for i, state := range []string{"early", "confirmed", "terminated", "trying", "confirmed", "terminated"} {
		r.publish(pbx, fmt.Sprint("call-", i/3), state)
		for _, w := range told {
			before := w.State().Lamp
			fresh := r.watch(r.phone(r.line(phone.UDP), "1004"), "1001", w.Event)
			lab.Eventually(t, time.Second, func() error {
				if a, b := w.State().Lamp, fresh.State().Lamp; a != b {
					return fmt.Errorf("%s, %s: who watched before sees %q (and %q), who asks now %q", state, w.Event, a, before, b)
				}
				return nil
			})
		}
	}
}

func TestSecondCallIsShownBesideTheFirst(t *testing.T) {
	r := newRig(t)
	var last string
	lamp := &phone.Watch{Phone: r.phone(r.line(phone.TCP), "1002"), Target: "1001", Event: "dialog"}
	seen := make(chan string, 100)
	lamp.OnMessage = func(raw []byte) { seen <- string(raw) }
	if res, err := lamp.Subscribe(3600); err != nil || res.Status != 200 {
		t.Fatalf("SUBSCRIBE: %v\n%s", err, res.Raw)
	}
	both := func(want ...string) {
		t.Helper()
		limit := time.After(3 * time.Second)
		for {
			all := last != ""
			for _, text := range want {
				not, no := strings.CutPrefix(text, "!")
				all = all && strings.Contains(last, not) != no
			}
			if all {
				return
			}
			select {
			case last = <-seen:
			case <-limit:
				t.Fatalf("want %q, the last NOTIFY is\n%s", want, last)
			}
		}
	}
	first, second := r.pbx("1001"), r.pbx("1001")
	r.publish(first, "talking", "confirmed")
	both(`call-id="talking"`, "confirmed")
	r.publish(second, "waiting", "early")
	both(`call-id="talking"`, "confirmed", `call-id="waiting"`, "early")
	r.publish(first, "talking", "terminated")
	both(`call-id="waiting"`, "early", "!<state>confirmed")
	r.publish(second, "waiting", "terminated")
	r.shows(lamp, "terminated", time.Second)
}

func TestReloadLeavesWatchersAlone(t *testing.T) {
	r := newRig(t)
	l := r.line(phone.UDP)
	var all []*phone.Watch
	for i := range 100 {
		all = append(all, r.watch(r.phone(l, "1002"), fmt.Sprint(1001+i%12), []string{"dialog", "presence"}[i/50]))
	}
	count := func() (n int) {
		for _, w := range all {
			n += w.State().Notifies
		}
		return n
	}
	before := count()
	b, err := os.ReadFile(r.ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	edited := strings.Replace(string(b), "tokens:\n", "tokens:\n  - {name: late, token: a-token-that-came-by-reload, role: admin}\n", 1)
	if err := os.WriteFile(r.ConfigFile, []byte(edited), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Signal(syscall.SIGHUP)
	lab.Eventually(t, 10*time.Second, func() error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.HTTP+"/api/v1/agents/1001", nil)
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer a-token-that-came-by-reload")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		_ = res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return fmt.Errorf("the reload is not there yet: HTTP %d", res.StatusCode)
		}
		return nil
	})
	time.Sleep(time.Second) // for what should not come
	if n := count() - before; n != 0 {
		t.Errorf("%d NOTIFYs of states that have not changed", n)
	}
	r.publish(r.pbx("1001"), "call", "confirmed")
	for _, w := range all {
		switch {
		case strings.HasPrefix(w.State().Sub, "terminated"):
			t.Errorf("the %s subscription of %s ended", w.Event, w.Target)
		case w.Target == "1001" && w.Event == "dialog":
			r.shows(w, "confirmed", 2*time.Second)
		case w.Target == "1001":
			r.shows(w, "On a Call", 2*time.Second)
		}
	}
}
