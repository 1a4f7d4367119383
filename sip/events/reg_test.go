package events

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// handset is a phone that registers.
type handset struct {
	*siptest.Peer
	t      testing.TB
	user   string
	callID string
	seq    int
}

func (r *rig) handset(addr, user string) *handset {
	h := &handset{Peer: siptest.NewPeer(r.t, r.net, addr, server), t: r.t, user: user, callID: message.NewCallID("")}
	h.Handle(func(m *message.Message) *message.Builder { return message.NewResponse(m, 200, "") }) // OPTIONS
	return h
}

// register binds the contact values, each as "<uri>;expires=…".
func (h *handset) register(contacts ...string) {
	h.t.Helper()
	m := h.DoAuth(h.user, "secret", func() *message.Builder {
		h.seq++
		aor := "<sip:" + h.user + "@ex.test>"
		b := h.Request("REGISTER", "sip:ex.test", "sip:"+h.user+"@ex.test", "").
			Set(message.From, aor+";tag=t").Set(message.To, aor).Set(message.CallID, h.callID).Set(message.CSeq, fmt.Sprint(h.seq, " REGISTER"))
		for _, c := range contacts {
			b.Add(message.Contact, c)
		}
		return b
	})
	if m.Status != 200 {
		h.t.Fatalf("REGISTER answered %d:\n%s", m.Status, m.Raw)
	}
}

// regWatcher subscribes to what is registered of 101, as 101's own phone.
func (r *rig) regWatcher(addr string) *lamp {
	r.t.Helper()
	l := r.lamp(addr, "101", "sip:101@ex.test")
	l.event = "reg"
	if m := l.subscribe(3600); m.Status != 200 {
		r.t.Fatalf("SUBSCRIBE answered %d:\n%s", m.Status, m.Raw)
	}
	return l
}

func TestRegistrationIsTold(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		w := r.regWatcher("192.0.2.10:5070")
		m := w.shows(`aor="sip:101@ex.test"`, `state="init"`, "!<contact")
		if got := m.Get(message.ContentType); got != "application/reginfo+xml" {
			t.Errorf("Content-Type %q", got)
		}
		h := r.handset("192.0.2.10:5060", "101")
		h.register("<sip:101@192.0.2.10>;q=0.5;expires=600")
		w.shows(`state="active" event="registered" duration-registered="0" expires="600" q="0.500"`, "<uri>sip:101@192.0.2.10</uri>", `callid="`+h.callID)
		for range 3 { // refreshes that write nothing tell nothing
			time.Sleep(60 * time.Second)
			h.register("<sip:101@192.0.2.10>;q=0.5;expires=600")
		}
		w.dark(5 * time.Second)
		h.register("<sip:101@192.0.2.10>;q=0.5;expires=60")
		w.shows(`event="shortened" duration-registered="185" expires="60"`)
		h.register("<sip:101@192.0.2.10>;q=0.9;expires=600")
		w.shows(`event="refreshed"`, `q="0.900"`)
		h.register("<sip:101@192.0.2.10>;expires=0")
		w.shows(`<registration aor="sip:101@ex.test"`, `state="terminated">`, `state="terminated" event="unregistered"`)
		w.dark(10 * time.Minute)
		h.register("<sip:101@192.0.2.10:5062>;expires=60")
		w.shows("sip:101@192.0.2.10:5062", "!unregistered") // said once, long ago
		time.Sleep(60 * time.Second)
		w.shows(`event="expired"`)
	})
}

func TestRegOfSomebodyElseIsRefusedAndOfAPeerIsNot(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.lamp("192.0.2.10:5060", "201", "sip:101@ex.test")
		l.event = "reg"
		if m := l.subscribe(3600); m.Status != 403 {
			t.Errorf("a colleague's phone was answered %d", m.Status)
		}
		p := r.lamp(pbxA, "pbx", "sip:101@ex.test")
		p.event = "reg"
		if m := p.subscribe(3600); m.Status != 200 {
			t.Errorf("a trusted peer was answered %d", m.Status)
		}
		p.shows(`state="init"`)
	})
}

// running are the parts of the document that time moves.
var running = regexp.MustCompile(`(version|duration-registered|expires)="\d+"`)

var versionIn = regexp.MustCompile(`version="(\d+)" state`)

func versionOf(t *testing.T, m *message.Message) int {
	t.Helper()
	found := versionIn.FindSubmatch(m.Body)
	if found == nil {
		t.Fatalf("no version in\n%s", m.Body)
	}
	n, _ := strconv.Atoi(string(found[1]))
	return n
}

func TestRegDocumentIsTheSameAfterARestart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		h := r.handset("192.0.2.10:5060", "101")
		h.register(`<sip:101@192.0.2.10>;q=0.5;+sip.instance="<urn:uuid:A>";expires=600`)
		h.register(`<sip:101@192.0.2.10:5062>;+sip.instance="<urn:uuid:B>";expires=600`)
		h.register(`<sip:101@192.0.2.10>;q=0.7;+sip.instance="<urn:uuid:A>";expires=600`)
		w := r.regWatcher("192.0.2.10:5070")
		before := w.shows(`event="refreshed"`, `event="registered"`, "urn:uuid:a")
		r.restart()
		after := w.shows()
		if a, b := running.ReplaceAllString(string(before.Body), ""), running.ReplaceAllString(string(after.Body), ""); a != b {
			t.Errorf("before\n%s\nafter\n%s", a, b)
		}
		if a, b := versionOf(t, before), versionOf(t, after); b <= a {
			t.Errorf("version %d after %d", b, a)
		}
	})
}

func TestRegTimesAreThoseOfTheNotify(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		h := r.handset("192.0.2.10:5060", "101")
		h.register("<sip:101@192.0.2.10>;expires=3600")
		w := r.regWatcher("192.0.2.10:5070")
		w.shows(`expires="3600"`)
		time.Sleep(20 * time.Minute)
		w.subscribe(3600) // nothing has changed but the time
		w.shows(`duration-registered="1200" expires="2400"`)
	})
}

func TestRegNamesTheGRUUOfAnInstance(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.gruu = true
		r.restart()
		h := r.handset("192.0.2.10:5060", "101")
		h.register(`<sip:101@192.0.2.10>;+sip.instance="<urn:uuid:f8>";expires=600`, `<sip:101@192.0.2.10:5062>;expires=600`)
		w := r.regWatcher("192.0.2.10:5070")
		w.shows(`xmlns:gr="urn:ietf:params:xml:ns:gruuinfo"`, `<gr:pub-gruu uri="sip:101@ex.test;gr=urn:uuid:f8"/></contact>`, `<uri>sip:101@192.0.2.10:5062</uri></contact>`)
	})
}

func TestRegIsToldAPhoneInOtherHandsNoMore(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		w := r.regWatcher("192.0.2.10:5070")
		w.shows()
		dom, _ := r.dir.DomainByName("ex.test")
		c, _ := r.dir.Credential(dom.ID, "101")
		now := time.Now()
		e := directory.Edit{Actor: "test", Assignments: []presence.Assignment{{Device: c.Device, Agent: r.ids["101"], To: now}, {Device: c.Device, Agent: r.ids["102"], From: now}}}
		if err := r.dir.Apply(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if m := w.shows("!<contact"); !strings.HasPrefix(m.Get("Subscription-State"), "terminated") {
			t.Errorf("state %q", m.Get("Subscription-State"))
		}
		l := r.lamp("192.0.2.10:5072", "101", "sip:101@ex.test")
		l.event = "reg"
		if m := l.subscribe(3600); m.Status != 403 {
			t.Errorf("answered %d", m.Status)
		}
	})
}
