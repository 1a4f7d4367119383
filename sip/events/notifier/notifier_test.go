package notifier

import (
	"testing"
	"time"

	"lamplight/sip/message"
)

func TestSubscribeIsAnsweredThenNotified(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.event = "dialog;id=7"
		ok := p.subscribe()
		p.wantStatus(ok, 200)
		if ok.Get(message.Expires) != "600" || ok.ToTag() == "" {
			t.Errorf("200 grants %q with tag %q", ok.Get(message.Expires), ok.ToTag())
		}
		m := p.notified(200)
		p.wantState(m, "Offline")
		p.wantSub(m, "active;expires=600")
		for name, want := range map[message.Name]string{
			message.Event: "dialog;id=7", message.CallID: p.callID, message.To: p.from, message.From: p.to, message.CSeq: "1 NOTIFY",
			message.Contact: "<sip:192.0.2.1:5060>", message.ContentType: "application/lamp",
		} {
			if got := m.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if m.URI != p.Contact("201") {
			t.Errorf("request line names %q", m.URI)
		}
		r.set("101", "ringing")
		m = p.notified(200)
		p.wantState(m, "ringing")
		if v := p.version(m); v != 1 {
			t.Errorf("second version %d, want 1", v)
		}
		r.set("101", "ringing") // same text under a higher number
		p.quiet(5 * time.Second)
	})
}
