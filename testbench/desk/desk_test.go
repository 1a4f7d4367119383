//go:build testbench

// Package desk drives a hot desk's phone against a real server: by its codes, by
// the API, through registrations, keys and calls.
package desk

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lamplight/testbench/lab"
	"lamplight/testbench/load/phone"
)

const domain = "demo.lamplight.test"

// hot is the phone desk-1 of the demo.
type hot struct {
	*lab.Server
	*phone.Phone
	t *testing.T
	n int

	mu   sync.Mutex
	told string // last NOTIFY about its keys; guarded by mu
}

func newHot(t *testing.T) *hot {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(lab.Root(t), "configs", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	h := &hot{t: t, Server: lab.Start(t, lab.Options{Config: lab.Ports(string(b))})}
	line, err := phone.UDP("127.0.1.1", h.SIP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(line.Close)
	h.Phone = &phone.Phone{Line: line, User: "desk-1", Number: "desk-1", Domain: domain, Password: "demo-desk-1"}
	if res, err := h.Register("<" + h.Contact(0) + ">;expires=600"); err != nil || res.Status != 200 {
		t.Fatalf("the phone of a free desk registers: %v\n%s", err, res.Raw)
	}
	return h
}

func (h *hot) dial(code string) phone.Response {
	h.t.Helper()
	h.n++
	seq, uri := 0, "sip:"+code+"@"+domain
	res, err := h.Do("INVITE", uri, func() string {
		seq++
		return fmt.Sprintf("From: <sip:desk-1@%s>;tag=t%d\r\nTo: <%s>\r\nCall-ID: desk-%d-%s\r\nCSeq: %d INVITE\r\nContact: <%s>\r\n", domain, h.n, uri, h.n, h.Line.Addr(), seq, h.Contact(0))
	}, "")
	if err != nil {
		h.t.Fatal(err)
	}
	return res
}

// rings waits until a call to the agent would ring the desk, or would not.
func (h *hot) rings(number string, want bool) {
	h.t.Helper()
	lab.Eventually(h.t, time.Second, func() error {
		is := false
		for _, d := range h.Agent(number).Devices {
			is = is || d.Reachable && strings.Contains(d.Contact, "desk-1")
		}
		if is != want {
			return fmt.Errorf("desk-1 rings for %s: %t", number, is)
		}
		return nil
	})
}

func (h *hot) selected(number string) string {
	var a struct {
		Selected struct{ Status string } `json:"selected"`
	}
	h.API("GET", "/agents/"+number, nil, &a)
	return a.Selected.Status
}

// keys subscribes to what the phone's keys show.
func (h *hot) keys() {
	h.t.Helper()
	w := &phone.Watch{Phone: h.Phone, Target: "desk-1", Event: "as-feature-event", OnMessage: func(raw []byte) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.told = string(raw)
	}}
	if res, err := w.Subscribe(3600); err != nil || res.Status != 200 {
		h.t.Fatalf("keys: %v\n%s", err, res.Raw)
	}
}

func (h *hot) shows(text string) {
	h.t.Helper()
	lab.Eventually(h.t, 2*time.Second, func() error {
		h.mu.Lock()
		defer h.mu.Unlock()
		if !strings.Contains(h.told, text) {
			return fmt.Errorf("no %q in\n%s", text, h.told)
		}
		return nil
	})
}

func TestHotDeskIsWhoeversIsLoggedIn(t *testing.T) {
	h := newHot(t)
	h.rings("1001", false)
	if res := h.dial("*78"); res.Status != 403 {
		t.Errorf("a code at a free desk is answered %d", res.Status)
	}
	if res := h.dial("*461001*0000"); res.Status != 403 {
		t.Errorf("a wrong PIN is answered %d", res.Status)
	}
	if res := h.dial("*461001*2468"); res.Status != 200 {
		t.Fatalf("login is answered\n%s", res.Raw)
	}
	h.rings("1001", true)
	h.keys()
	if res := h.dial("*78"); res.Status != 200 {
		t.Errorf("a code is answered %d", res.Status)
	}
	h.shows("<doNotDisturbOn>true<")
	if got := h.selected("1001"); got != "do_not_disturb" {
		t.Errorf("1001 has selected %s", got)
	}
	// Somebody else takes it over: nothing of 1001's is left on it.
	if got := h.API("POST", "/desks/desk-1/login", map[string]string{"agent": "1002"}, nil); got != 200 {
		t.Fatalf("login by API: %d", got)
	}
	h.rings("1001", false)
	h.rings("1002", true)
	h.shows("Subscription-State: terminated;reason=deactivated")
	h.keys()
	h.shows("<doNotDisturbOn>false<")
	// It registers again as it always did, through a restart of the server.
	h.Kill()
	h.Run()
	h.rings("1002", true)
	if res, err := h.Register("<" + h.Contact(0) + ">;expires=600"); err != nil || res.Status != 200 {
		t.Fatalf("refresh: %v\n%s", err, res.Raw)
	}
	if res := h.dial("*47"); res.Status != 200 {
		t.Fatalf("logout is answered %d", res.Status)
	}
	h.rings("1002", false)
	if res := h.dial("*47"); res.Status != 403 {
		t.Errorf("a second logout is answered %d", res.Status)
	}
}
