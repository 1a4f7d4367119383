//go:build testbench

package complaints

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lamplight/testbench/lab"
	"lamplight/testbench/load/phone"
)

const domain = "demo.lamplight.test"

// rig is a real server with the demo's agents, and phones on sockets of their
// own.
type rig struct {
	*lab.Server
	t     *testing.T
	lines int
}

// newRig starts a server; edits are pairs of a text of the demo configuration
// and what stands there instead.
func newRig(t *testing.T, edits ...string) *rig {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(lab.Root(t), "configs", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(text, edits[i]) {
			t.Fatalf("no %q in the demo configuration", edits[i])
		}
		text = strings.Replace(text, edits[i], edits[i+1], 1)
	}
	return &rig{Server: lab.Start(t, lab.Options{Config: lab.Ports(text)}), t: t}
}

// anyDevice is the edit that makes a registered phone enough to be online.
func anyDevice() (old, with string) {
	return "    grace: 5s\n", "    grace: 5s\n    online_by: any_device\n"
}

// line opens a socket of its own, on an address the demo does not take for its
// PBX.
func (r *rig) line(open func(local, server string) (*phone.Line, error)) *phone.Line {
	r.t.Helper()
	r.lines++
	l, err := open(fmt.Sprintf("127.0.1.%d", r.lines), r.SIP)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(l.Close)
	return l
}

// phone is a device of the demo: 1003, or 1003-soft.
func (r *rig) phone(l *phone.Line, user string) *phone.Phone {
	number, _, _ := strings.Cut(user, "-")
	return &phone.Phone{Line: l, User: user, Number: number, Domain: domain, Password: "demo-" + number}
}

func (r *rig) register(p *phone.Phone, contact string) {
	r.t.Helper()
	if res, err := p.Register(contact); err != nil || res.Status != 200 {
		r.t.Fatalf("%s registers %s: %v\n%s", p.User, contact, err, res.Raw)
	}
}

// watch subscribes and waits for the first NOTIFY.
func (r *rig) watch(p *phone.Phone, number, event string) *phone.Watch {
	r.t.Helper()
	w := &phone.Watch{Phone: p, Target: number, Event: event}
	if res, err := w.Subscribe(3600); err != nil || res.Status != 200 {
		r.t.Fatalf("%s subscribes: %v\n%s", p.User, err, res.Raw)
	}
	lab.Eventually(r.t, 5*time.Second, func() error {
		if w.State().Notifies == 0 {
			return fmt.Errorf("%s is told nothing", p.User)
		}
		return nil
	})
	return w
}

// shows waits until the lamp is so, and returns how long that took.
func (r *rig) shows(w *phone.Watch, lamp string, within time.Duration) time.Duration {
	r.t.Helper()
	return lab.Eventually(r.t, within, func() error {
		if got := w.State().Lamp; got != lamp {
			return fmt.Errorf("the %s lamp of %s shows %q, want %q", w.Event, w.Target, got, lamp)
		}
		return nil
	})
}

// pbx publishes the calls of an agent.
func (r *rig) pbx(number string) *phone.Publisher {
	r.t.Helper()
	l, err := phone.UDP("127.0.0.1", r.SIP)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(l.Close)
	return &phone.Publisher{Phone: &phone.Phone{Line: l, Domain: domain, Anonymous: true}, AOR: "sip:" + number + "@" + domain}
}

func (r *rig) publish(p *phone.Publisher, call, state string) {
	r.t.Helper()
	if res, err := p.Publish(call, state, 3600); err != nil || res.Status != 200 {
		r.t.Fatalf("PUBLISH: %v\n%s", err, res.Raw)
	}
}

// offered reports the contacts a call to the agent would get now.
func (r *rig) offered(number string) (contacts []string) {
	r.t.Helper()
	for _, d := range r.Agent(number).Devices {
		if d.Reachable && d.Contact != "" {
			contacts = append(contacts, d.Contact)
		}
	}
	return contacts
}
