package registrar_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/message"
	"lamplight/sip/registrar"
	"lamplight/store"
)

func TestRegisterAndList(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{})
		desk, soft := h.phone("1001", "10.0.1.1:5060"), h.phone("1001-soft", "10.0.1.2:5070")
		res := desk.register("Contact: <sip:1001@10.0.1.1:5060>;q=0.7", "Expires: 600", "Path: <sip:edge.test;lr>", "User-Agent: Desk/1")
		wantStatus(t, res, 200)
		if got, want := contacts(res), "<sip:1001@10.0.1.1:5060>;q=0.7;expires=600"; got != want {
			t.Errorf("contacts %s, want %s", got, want)
		}
		if got := res.Get(message.Path); got != "<sip:edge.test;lr>" {
			t.Errorf("Path %q", got)
		}
		time.Sleep(100 * time.Second)
		res = soft.register(`Contact: "Ann" <sip:1001@10.0.1.2:5070>;+sip.instance="<urn:uuid:x>";reg-id=1;expires=300`)
		wantStatus(t, res, 200)
		want := `<sip:1001@10.0.1.1:5060>;q=0.7;expires=500, <sip:1001@10.0.1.2:5070>;+sip.instance="<urn:uuid:x>";reg-id=1;expires=300`
		if got := contacts(res); got != want {
			t.Errorf("contacts %s, want %s", got, want)
		}
		if got := contacts(soft.register()); got != want {
			t.Errorf("query: %s", got)
		}
		if got := h.known("1001"); got != "sip:1001@10.0.1.1:5060, sip:1001@10.0.1.2:5070" {
			t.Errorf("roster knows %s", got)
		}
		b := h.reg.Bindings(h.agent("1001"))[0]
		if b.Received() != "sip:10.0.1.1:5060;transport=udp" || b.UserAgent != "Desk/1" || len(b.Path) != 1 {
			t.Errorf("binding %+v", b)
		}
		if f, err := h.reg.Flow(context.Background(), &b); err != nil || f.Remote() != desk.Addr() {
			t.Errorf("flow %v, %v", f, err)
		}
		wantStatus(t, desk.register("Contact: *", "Expires: 0"), 200)
		if got := h.known("1001"); got != "sip:1001@10.0.1.2:5070" {
			t.Errorf("after removal the roster knows %s", got)
		}
		if n := h.rows(); n != 1 {
			t.Errorf("%d rows", n)
		}
	})
}

func TestWhoMayRegister(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{})
		p := h.phone("1001", "10.0.1.1:5060")
		const contact = "Contact: <sip:1001@10.0.1.1>"
		for to, status := range map[string]int{
			"sip:1001@demo.test":      200,
			"sip:%31001@demo.test":    200, // an escape is its character
			"sips:1001@DEMO.test":     200,
			"sip:1002@demo.test":      403, // another agent's
			"sip:nobody@demo.test":    404,
			"sip:1001@elsewhere.test": 403,
			"sip:demo.test":           404,
		} {
			p.aor = to
			if res := p.register(contact); res.Status != status {
				t.Errorf("%s: %d %s, want %d", to, res.Status, res.Phrase, status)
			}
		}
		if got := h.bound("1001"); got != "sip:1001@10.0.1.1" {
			t.Errorf("bound %s", got)
		}
		if got := h.bound("1002"); got != "" {
			t.Errorf("1002 has %s", got)
		}
		// A wrong password gets challenges and leaves nothing.
		p.aor = "sip:1001@demo.test"
		res := p.DoAuth("1001", "wrong", func() *message.Builder { return p.build("Contact: <sip:x@h>") })
		wantStatus(t, res, 401)
		if !res.Has(message.WWWAuthenticate) {
			t.Error("a 401 without challenge")
		}
		if got := h.bound("1001"); got != "sip:1001@10.0.1.1" {
			t.Errorf("bound %s", got)
		}
	})
}

func TestTooBriefNamesTheLeast(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{MinExpires: 90 * time.Second})
		res := h.phone("1001", "10.0.1.1:5060").register("Contact: <sip:1001@10.0.1.1>", "Expires: 60")
		wantStatus(t, res, 423)
		if got := res.Get(message.MinExpires); got != "90" {
			t.Errorf("Min-Expires %q", got)
		}
	})
}

func TestExpiryAndGrace(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{})
		p := h.phone("1001", "10.0.1.1:5060")
		wantStatus(t, p.register("Contact: <sip:1001@10.0.1.1>;expires=600"), 200)
		time.Sleep(630 * time.Second) // grace of a tenth
		if got := h.known("1001"); got != "sip:1001@10.0.1.1" {
			t.Errorf("within the grace: %q", got)
		}
		if got := contacts(h.phone("1001-soft", "10.0.1.2:5060").register()); got != "" {
			t.Errorf("listed after its end: %s", got)
		}
		time.Sleep(35 * time.Second)
		if got := h.known("1001"); got != "" {
			t.Errorf("after the grace: %q", got)
		}
		if n := h.rows(); n != 0 {
			t.Errorf("%d rows are left", n)
		}
		// Refreshed in time it stays for good, and the roster need not hear of it.
		wantStatus(t, p.register("Contact: <sip:1001@10.0.1.1>;expires=60"), 200)
		for range 500 {
			time.Sleep(55 * time.Second)
			wantStatus(t, p.register("Contact: <sip:1001@10.0.1.1>;expires=60"), 200)
			if got := h.known("1001"); got != "sip:1001@10.0.1.1" {
				t.Fatalf("lost: %q", got)
			}
		}
		time.Sleep(71 * time.Second)
		if got := h.known("1001"); got != "" {
			t.Errorf("after the last refresh: %q", got)
		}
	})
}

// A pure refresh writes nothing while the stored end covers it.
func TestRefreshWritesRarely(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{})
		p := h.phone("1001", "10.0.1.1:5060")
		wantStatus(t, p.register("Contact: <sip:1001@10.0.1.1>;expires=120", "User-Agent: x"), 200)
		time.Sleep(time.Second)
		before := h.store.Stats().Rows
		for range 30 {
			time.Sleep(110 * time.Second)
			res := p.register("Contact: <sip:1001@10.0.1.1>;expires=120", "User-Agent: x")
			if got := contacts(res); got != "<sip:1001@10.0.1.1>;expires=120" {
				t.Fatalf("refreshed: %s", got)
			}
		}
		if n := h.store.Stats().Rows - before; n > 1 {
			t.Errorf("30 refreshes within the padding wrote %d rows", n)
		}
		before = h.store.Stats().Rows
		wantStatus(t, p.register("Contact: <sip:1001@10.0.1.1>;expires=60", "User-Agent: x"), 200)
		if n := h.store.Stats().Rows - before; n == 0 {
			t.Error("a shortened binding was not written")
		}
	})
}

func TestFailedCommitLeavesNoTrace(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{})
		p := h.phone("1001", "10.0.1.1:5060")
		h.store.Fail(store.ErrFull)
		res := p.register("Contact: <sip:1001@10.0.1.1>")
		wantStatus(t, res, 503)
		if res.Get(message.RetryAfter) == "" {
			t.Error("no Retry-After")
		}
		if h.bound("1001") != "" || h.known("1001") != "" || h.rows() != 0 {
			t.Errorf("left behind: %q, %q, %d rows", h.bound("1001"), h.known("1001"), h.rows())
		}
		h.store.Fail(nil)
		wantStatus(t, p.register("Contact: <sip:1001@10.0.1.1>"), 200)
		// A removal that fails is none.
		h.store.Fail(store.ErrFull)
		wantStatus(t, p.register("Contact: <sip:1001@10.0.1.1>;expires=0"), 503)
		wantStatus(t, p.register("Contact: <sip:1001@10.0.1.1>;expires=60"), 503)
		if h.bound("1001") != "sip:1001@10.0.1.1" || h.known("1001") != "sip:1001@10.0.1.1" || h.rows() != 1 {
			t.Errorf("gone: %q, %q, %d rows", h.bound("1001"), h.known("1001"), h.rows())
		}
		// Its end comes all the same, and is written as soon as that works.
		time.Sleep(2 * time.Hour)
		h.store.Fail(nil)
		time.Sleep(10 * time.Second)
		if h.bound("1001") != "" || h.known("1001") != "" || h.rows() != 0 {
			t.Errorf("after the end: %q, %q, %d rows", h.bound("1001"), h.known("1001"), h.rows())
		}
	})
}

func TestStreamEndsItsBindings(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{Push: served})
		desk := h.phone("1001", "10.0.1.1:5060")
		wantStatus(t, desk.register("Contact: <sip:1001@10.0.1.1>"), 200)
		soft := h.stream("1001-soft", "10.0.1.2:40000")
		wantStatus(t, soft.register("Contact: <sip:1001@10.0.1.2:5060;transport=tcp>"), 200)
		mobile := h.stream("1001-mobile", "10.0.1.3:40000")
		wantStatus(t, mobile.register("Contact: <sip:1001@10.9.9.9;transport=tcp;pn-provider=apns;pn-prid=token;pn-param=app>"), 200)
		for _, b := range h.reg.Bindings(h.agent("1001")) {
			if want := strings.Contains(b.Contact, "10.9.9.9"); b.FlowOnly() != want {
				t.Errorf("%s: flow only %v", b.Contact, b.FlowOnly())
			}
		}
		start := time.Now()
		soft.Close()
		mobile.Close()
		for h.bound("1001") != "sip:1001@10.0.1.1, sip:1001@10.9.9.9;transport=tcp;pn-provider=apns;pn-prid=token;pn-param=app dead" {
			time.Sleep(10 * time.Millisecond)
			if time.Since(start) > time.Second {
				t.Fatalf("a second after the flows ended: %s", h.bound("1001"))
			}
		}
		synctest.Wait()
		s, _ := h.roster.Snapshot(h.agent("1001"))
		for _, d := range s.Devices {
			if d.Kind == presence.KindMobile && !d.Push {
				t.Errorf("mobile: %+v", d)
			}
		}
		if n := h.rows(); n != 2 {
			t.Errorf("%d rows", n)
		}
		// Back over a new stream it is alive again.
		mobile = h.stream("1001-mobile", "10.0.1.3:40001")
		wantStatus(t, mobile.register("Contact: <sip:1001@10.9.9.9;transport=tcp;pn-provider=apns;pn-prid=token;pn-param=app>"), 200)
		if got := h.bound("1001"); strings.Contains(got, "dead") {
			t.Errorf("after it came back: %s", got)
		}
	})
}

func TestDirectoryChangesEndBindings(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{})
		for _, u := range []string{"1001", "1001-soft", "1002", "1003"} {
			number, _, _ := strings.Cut(u, "-")
			wantStatus(t, h.phone(u, "10.0.1."+u[3:4]+":"+map[bool]string{true: "5060", false: "5070"}[u == number]).register("Contact: <sip:"+u+"@10.0.1.1>"), 200)
		}
		cred, _ := h.dir.Credential(h.domain, "1001-soft")
		if err := h.dir.Apply(context.Background(), directory.Edit{Actor: "test", Cause: "config", DeleteDevices: []presence.DeviceID{cred.Device}, DeleteAgents: []presence.AgentID{h.agent("1003")}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := h.bound("1001"); got != "sip:1001@10.0.1.1" {
			t.Errorf("1001 has %s", got)
		}
		if n := h.rows(); n != 2 {
			t.Errorf("%d rows, want those of 1001 and 1002", n)
		}
		// A hot desk: the phone is another agent's now.
		cred, _ = h.dir.Credential(h.domain, "1002")
		now := time.Now()
		old := h.dir.AssignmentsOf(cred.Device)[0]
		old.To = now
		if err := h.dir.Apply(context.Background(), directory.Edit{Actor: "test", Cause: "config", Assignments: []presence.Assignment{old, {Device: cred.Device, Agent: h.agent("1001"), From: now}}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		if got := h.bound("1002"); got != "" {
			t.Errorf("1002 still has %s", got)
		}
	})
}

// What comes while a commit is under way waits, in order, and not without bound.
func TestRequestsWaitForTheCommit(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{Waiting: 4})
		p := h.phone("1001", "10.0.1.1:5060")
		ask := p.Do(p.build("Contact: <sip:0@h>"))
		wantStatus(t, ask, 401)
		send := func(contact string, n int) {
			b := p.build("Contact: " + contact)
			cred := authorize(t, ask, "1001", n)
			p.Send(b.Add(message.Authorization, cred))
		}
		send("<sip:1@h>", 1)
		send("<sip:2@h>", 2)
		send("<sip:1@h>;expires=0", 3)
		send("<sip:3@h>", 4)
		send("<sip:2@h>", 5)
		send("<sip:4@h>", 6) // one too many
		busy := p.Expect(func(m *message.Message) bool { return m.Status >= 200 })
		wantStatus(t, busy, 503)
		for range 5 {
			wantStatus(t, p.Expect(func(m *message.Message) bool { return m.Status >= 200 }), 200)
		}
		if got := h.bound("1001"); got != "sip:2@h, sip:3@h" {
			t.Errorf("bound %s", got)
		}
	})
}
