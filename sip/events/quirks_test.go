package events

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/sip/events/dialoginfo"
	"lamplight/sip/message"
	"lamplight/sip/quirks"
	"lamplight/sip/siptest"
)

// phone is a lamp of a make.
func (r *rig) phone(addr, user, event, userAgent, accept string) *lamp {
	l := r.lamp(addr, user, "sip:101@ex.test")
	l.event = event
	l.extra = []message.Header{{Name: message.UserAgent, Value: userAgent}}
	if accept != "" {
		l.extra = append(l.extra, message.Header{Name: message.Accept, Value: accept})
	}
	if m := l.subscribe(600); m.Status != 200 {
		r.t.Fatalf("%s: %d", userAgent, m.Status)
	}
	return l
}

func TestEachFamilyGetsItsOwn(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.events.SetPhones(quirks.Shipped())
		held := strings.Replace(dialog("d1", "c1", "initiator", "confirmed"), "<remote>", `<local><target uri="u"><param pname="+sip.rendering" pval="no"/></target></local><remote>`, 1)
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.want(200, p.info(0, held, dialog("d2", "c2", "recipient", "early")))
		for _, c := range []struct{ event, agent, accept, typ, has, not string }{
			{"dialog", "Yealink SIP-T46S 66.85.0.5", dialoginfo.ContentType, dialoginfo.ContentType, `pval="no" pvalue="no"`, `state="partial"`},
			{"dialog", "MicroSIP/3.21.3", dialoginfo.ContentType, dialoginfo.ContentType, `call-id="c1"`, `call-id="c2"`},
			{"presence", "PolycomVVX-VVX_411-UA/6.3.1", "application/xpidf+xml, application/pidf+xml", "application/xpidf+xml", `substatus="onthephone"`, "pidf:rpid"},
			{"presence", "PolycomVVX-VVX_411-UA/6.3.1", "application/pidf+xml", "application/pidf+xml", "<rpid:on-the-phone/>", "xpidf"},
			{"presence", "Cisco-CP8861/12.8.1", "application/cpim-pidf+xml", "application/cpim-pidf+xml", "<e:on-the-phone/>", "<rpid:"},
			{"presence", "Cisco-CP-8851-3PCC/11.3", "", "application/pidf+xml", "<rpid:on-the-phone/>", "<ce:"},
			{"presence", "baresip v1.0.0", "application/pidf+xml", "application/pidf+xml", "<rpid:on-the-phone/>", "<ce:"},
		} {
			m := r.phone("192.0.2.10:0", "201", c.event, c.agent, c.accept).shows(c.has, "!"+c.not)
			if got := m.Get(message.ContentType); got != c.typ {
				t.Errorf("%s: %s, want %s", c.agent, got, c.typ)
			}
		}
	})
}

// applier is a phone that applies partial state (RFC 4235 §4.3).
type applier struct {
	t       *testing.T
	version uint32
	begun   bool
	dialogs map[string]dialoginfo.State
	full    int
}

func (a *applier) take(m *message.Message) {
	a.t.Helper()
	d, err := dialoginfo.Parse(m.Body)
	if err != nil {
		a.t.Fatalf("%v\n%s", err, m.Body)
	}
	if a.begun && d.Version <= a.version || d.Partial && d.Version != a.version+1 {
		a.t.Errorf("version %d after %d, partial %v", d.Version, a.version, d.Partial)
	}
	a.version, a.begun = d.Version, true
	if !d.Partial {
		a.dialogs = map[string]dialoginfo.State{}
		a.full++
	}
	for _, x := range d.Dialogs {
		if a.dialogs[x.ID] = x.State; x.State == dialoginfo.Terminated {
			delete(a.dialogs, x.ID)
		}
	}
}

func TestPhoneThatAppliesChangesIsToldThem(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.events.SetPhones(quirks.Table{{Match: "partial", Quirks: quirks.PartialDialog}})
		l := r.phone("192.0.2.10:5060", "201", "dialog", "Partial/1", "")
		a := &applier{t: t}
		next := func(texts ...string) {
			t.Helper()
			a.take(l.shows(texts...))
		}
		next(`state="full"`)
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.want(200, p.info(0, dialog("d1", "c1", "recipient", "early")))
		next(`state="partial"`, "early")
		p.want(200, p.info(1, dialog("d1", "c1", "recipient", "confirmed"), dialog("d2", "c2", "recipient", "early")))
		next(`state="partial"`, "confirmed", "early")
		p.want(200, p.info(2, dialog("d1", "c1", "recipient", "confirmed")))
		next(`state="partial"`, "terminated", `!call-id="c1"`)
		if len(a.dialogs) != 1 {
			t.Errorf("shows %v", a.dialogs)
		}
		l.subscribe(600) // the answer to a SUBSCRIBE is full
		next(`state="full"`, `call-id="c1"`)
		p.want(200, p.info(3, dialog("d3", "c3", "recipient", "early")))
		m := l.Expect(siptest.Method("NOTIFY"))
		l.Respond(m, 500) // and so is what follows a failure
		next(`state="full"`, `call-id="c3"`)
		p.want(200, p.info(4))
		next(`state="partial"`, "terminated")
		r.restart()
		next(`state="full"`, "terminated")
		if len(a.dialogs) != 0 || a.full != 4 {
			t.Errorf("shows %v, %d full documents", a.dialogs, a.full)
		}
	})
}

func TestChangesConvergeOverALossyNetwork(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.events.SetPhones(quirks.Table{{Match: "partial", Quirks: quirks.PartialDialog}})
		l := r.phone("192.0.2.10:5060", "201", "dialog", "Partial/1", "")
		a := &applier{t: t}
		a.take(l.shows())
		seen := map[string]bool{} // retransmissions are answered, not taken
		l.Handle(func(m *message.Message) *message.Builder {
			if seq := m.Get(message.CSeq); !seen[seq] {
				seen[seq] = true
				a.take(m)
			}
			return message.NewResponse(m, 200, "")
		})
		p := r.pbx(pbxA, "sip:101@ex.test")
		r.net.SetFaults(siptest.Faults{Seed: 11, Loss: 0.2, Duplicate: 0.1, Reorder: 0.2})
		for i := range 40 {
			var calls []string
			for c := range i % 4 {
				calls = append(calls, dialog(fmt.Sprint("d", c), fmt.Sprint("c", i/4, "-", c), "recipient", []string{"early", "confirmed"}[i%2]))
			}
			p.insist(p.info(i, calls...))
			time.Sleep(300 * time.Millisecond)
		}
		p.insist(p.info(100, dialog("last", "last", "recipient", "confirmed")))
		time.Sleep(32 * time.Second)
		if len(a.dialogs) != 1 {
			t.Errorf("shows %v", a.dialogs)
		}
		for _, s := range a.dialogs {
			if s != dialoginfo.Confirmed {
				t.Errorf("shows %v", a.dialogs)
			}
		}
	})
}

func TestChangesHideWhatTheWatcherMayNotKnow(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.events.SetPhones(quirks.Table{{Match: "partial", Quirks: quirks.PartialDialog}})
		l := r.phone("192.0.2.10:5060", "201", "dialog", "Partial/1", "")
		l.shows(`state="full"`)
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.want(200, p.info(0, dialog("d1", "c1", "recipient", "early")))
		l.shows(`state="partial"`, "sip:900@pstn.test")
		r.policy(func(p *presence.Policy) { p.LampIdentity = presence.LampIdentityNone })
		l.shows(`state="full"`, "early", "!sip:900@pstn.test", `!call-id="c1"`)
		p.want(200, p.info(1, dialog("d1", "c1", "recipient", "confirmed")))
		l.shows(`state="partial"`, "confirmed", "!sip:900@pstn.test", `!call-id="c1"`)
	})
}
