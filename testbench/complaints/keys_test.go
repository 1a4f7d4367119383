//go:build testbench

package complaints

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"lamplight/testbench/lab"
	"lamplight/testbench/load/phone"
)

// keyed is a phone of 1001 whose keys are synchronised.
type keyed struct {
	*phone.Phone
	mu   sync.Mutex
	body string // of the last NOTIFY; guarded by mu
	told int    // guarded by mu
}

func (r *rig) keyed(user string) *keyed {
	r.t.Helper()
	k := &keyed{Phone: r.phone(r.line(phone.UDP), user)}
	w := &phone.Watch{Phone: k.Phone, Target: "1001", Event: "as-feature-event", Headers: "Accept: application/x-as-feature-event+xml\r\n", OnMessage: func(raw []byte) {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.body = string(raw)
		k.told++
	}}
	if res, err := w.Subscribe(3600); err != nil || res.Status != 200 {
		r.t.Fatalf("%s subscribes: %v\n%s", user, err, res.Raw)
	}
	return k
}

// wants sends a request of the phone that must be answered so.
func (r *rig) wants(k *keyed, status int, method, uri, headers, content string) {
	r.t.Helper()
	r.lines++
	seq, id := 0, fmt.Sprintf("k%d-%s", r.lines, k.User)
	res, err := k.Do(method, uri, func() string {
		seq++
		return fmt.Sprintf("From: <sip:1001@%s>;tag=%s\r\nTo: <%s>\r\nCall-ID: %s\r\nCSeq: %d %s\r\nContact: <%s>\r\n%s", domain, id, uri, id, seq, method, k.Contact(0), headers)
	}, content)
	if err != nil || res.Status != status {
		r.t.Fatalf("%s %s: %v\n%s", method, uri, err, res.Raw)
	}
}

// TestDoNotDisturbIsOneEverywhere: phone key, dialled code and API, by real
// sockets; each of them is seen by all within a second.
func TestDoNotDisturbIsOneEverywhere(t *testing.T) {
	r := newRig(t)
	desk, soft := r.keyed("1001"), r.keyed("1001-soft")
	key := func(on bool) {
		r.wants(soft, 200, "SUBSCRIBE", "sip:1001@"+domain, "Event: as-feature-event\r\nExpires: 0\r\nContent-Type: application/x-as-feature-event+xml\r\n",
			fmt.Sprintf("<SetDoNotDisturb><doNotDisturbOn>%t</doNotDisturbOn></SetDoNotDisturb>", on))
	}
	dial := func(code string) { r.wants(desk, 200, "INVITE", "sip:"+code+"@"+domain, "", "") }
	selects := func(status string) {
		if got := r.API("PUT", "/agents/1001/status", map[string]string{"status": status}, nil); got != 200 {
			t.Fatalf("API: %d", got)
		}
	}
	var slowest time.Duration
	for i, c := range []struct {
		change func()
		on     bool
	}{
		{func() { key(true) }, true}, {func() { dial("*79") }, false}, {func() { selects("do_not_disturb") }, true},
		{func() { dial("*76") }, false}, {func() { dial("*78") }, true}, {func() { selects("available") }, false},
		{func() { key(true) }, true}, {func() { key(false) }, false},
	} {
		c.change()
		took := lab.Eventually(t, time.Second, func() error {
			for _, k := range []*keyed{desk, soft} {
				k.mu.Lock()
				shows := strings.Contains(k.body, "<doNotDisturbOn>true<")
				k.mu.Unlock()
				if shows != c.on {
					return fmt.Errorf("change %d: %s shows %t", i, k.User, shows)
				}
			}
			var got struct {
				Selected struct{ Status string } `json:"selected"`
			}
			r.API("GET", "/agents/1001", nil, &got)
			if on := got.Selected.Status == "do_not_disturb"; on != c.on {
				return fmt.Errorf("change %d: the API says %+v", i, got)
			}
			return nil
		})
		slowest = max(slowest, took)
		time.Sleep(600 * time.Millisecond) // more than two fingers need
	}
	t.Logf("the slowest change was seen everywhere after %v", slowest.Round(time.Millisecond))
	time.Sleep(2 * time.Second)
	for _, k := range []*keyed{desk, soft} {
		k.mu.Lock()
		if k.told > 12 { // the first, eight changes, and no more
			t.Errorf("%s was told %d times", k.User, k.told)
		}
		k.mu.Unlock()
	}
}
