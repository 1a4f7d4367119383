package notifier

import (
	"fmt"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

func TestRestartSetsLampsRightWithoutThePhones(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.event = "dialog;id=9"
		p.live()
		r.set("101", "ringing")
		p.wantState(p.notified(200), "ringing")
		q := r.phone("192.0.2.11:5060", "102", "sip:park-1@ex.test")
		q.live()
		r.set("101", "talking")
		m := p.Expect(siptest.Method("NOTIFY"))
		last := p.version(m)
		r.restart() // in the middle of that NOTIFY
		m = p.notified(200)
		p.wantState(m, "talking")
		if v := p.version(m); v <= last || v >= 3*epoch {
			t.Errorf("version %d after %d", v, last)
		}
		for name, want := range map[message.Name]string{message.Event: "dialog;id=9", message.CallID: p.callID, message.To: p.from, message.From: p.to} {
			if got := m.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		q.wantState(q.notified(200), "nothing")
		r.set("101", "idle")
		p.wantState(p.notified(200), "idle")
		p.live() // the dialog goes on
		p.quiet(5 * time.Second)
	})
}

func TestRestartIsPacedAndWaitsForTheSocket(t *testing.T) {
	bubble(t, func(o *Options) { o.RestartRate = 50 }, func(t *testing.T, r *rig) {
		host := siptest.NewPeer(t, r.net, "192.0.2.10:5060", server)
		const count = 100
		for i := range count {
			newPhone(t, host, "201", fmt.Sprintf("sip:park-%d@ex.test", i)).live()
		}
		r.deaf = 5 * time.Second
		start := time.Now()
		r.restart()
		at := make([]time.Duration, count)
		for i := range at {
			host.Respond(host.Expect(siptest.Method("NOTIFY")), 200)
			at[i] = time.Since(start)
		}
		if at[0] < 5*time.Second || at[0] > 6*time.Second {
			t.Errorf("first NOTIFY after %v", at[0])
		}
		if took := at[count-1] - at[0]; took < 1500*time.Millisecond || took > 3*time.Second {
			t.Errorf("%d NOTIFYs at 50 a second took %v", count, took)
		}
	})
}

func TestNumbersOnlyGrowAcrossManyStarts(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.expiry = "3600"
		last := p.version(p.live())
		for range 5 {
			r.restart()
			v := p.version(p.notified(200))
			if v <= last {
				t.Fatalf("version %d after %d", v, last)
			}
			last = v
		}
	})
}

func TestManyNotifiesRebaseWithOneRow(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		s := r.only()
		s.pres.mu.Lock()
		s.next = s.limit - epoch/2 - 1 // as if thousands had been sent
		s.pres.mu.Unlock()
		before := r.store.Stats()
		r.set("101", "a")
		last := p.version(p.notified(200))
		time.Sleep(time.Second)
		if r.store.Stats() == before {
			t.Error("no row with a new base")
		}
		for _, text := range []string{"b", "c"} {
			r.set("101", text)
			if v := p.version(p.notified(200)); v != last+1 {
				t.Errorf("version %d after %d", v, last)
			}
			last++
		}
		r.restart()
		if v := p.version(p.notified(200)); v <= last {
			t.Errorf("version %d after %d", v, last)
		}
	})
}

func TestNoNumberIsUsedThatARestartCouldRepeat(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		s := r.only()
		s.pres.mu.Lock()
		s.next = s.limit - 1
		s.pres.mu.Unlock()
		r.store.FailNext(2)
		r.set("101", "a")
		last := p.version(p.notified(200))
		r.set("101", "b")
		p.quiet(4 * time.Second) // nothing until the store takes the base
		m := p.notified(200)
		p.wantState(m, "b")
		if v := p.version(m); v != last+1 {
			t.Errorf("version %d after %d", v, last)
		}
		r.restart()
		if v := p.version(p.notified(200)); v <= last+1 {
			t.Errorf("version %d after %d", v, last+1)
		}
	})
}

func TestNumbersRunOutBySubscribingAnew(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		s := r.only()
		s.pres.mu.Lock()
		s.next, s.limit = lastNumber, lastNumber+1
		s.pres.mu.Unlock()
		r.set("101", "a")
		p.notified(200)
		p.wantSub(p.notified(200), "terminated;reason=deactivated")
	})
}

// only is the one live subscription.
func (r *rig) only() (s *subscription) {
	r.n.people.each(func(p *presentity) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		s = p.subs[0]
		return false
	})
	return s
}

func TestUnrefreshedSubscriptionEndsAfterARestartToo(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		time.Sleep(100 * time.Second)
		p.live() // covered by the row: the restart does not know of it
		time.Sleep(595 * time.Second)
		r.restart()
		m := p.notified(200)
		p.wantSub(m, "active;expires=")
		p.wantSub(p.await(1300*time.Second), "terminated;reason=timeout")
		time.Sleep(time.Second)
		if r.count() != 0 || r.rows() != 0 {
			t.Error("something is left")
		}
	})
}

// A refresh that needed no row was granted all the same: a restart shortly
// before the time that the row knows must not end what the watcher was promised.
func TestRefreshWithoutARowIsKeptByARestart(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		time.Sleep(580 * time.Second)
		before := r.store.Stats()
		p.live()
		if r.store.Stats() != before {
			t.Fatal("the refresh wrote a row")
		}
		time.Sleep(10 * time.Second)
		r.restart()
		p.wantSub(p.notified(200), "active;expires=")
		p.quiet(400 * time.Second)
		r.set("101", "ringing")
		p.wantState(p.notified(200), "ringing")
	})
}

func TestStreamWatcherIsFoundAgain(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := newPhone(t, siptest.NewStreamPeer(t, r.net, "192.0.2.10:50000", server), "201", "sip:101@ex.test")
		m := p.live()
		if got := m.Get(message.Contact); got != "<sip:192.0.2.1:5060;transport=tcp>" {
			t.Errorf("contact %q", got)
		}
		r.set("101", "ringing")
		p.wantState(p.notified(200), "ringing")
		p.Close()
		time.Sleep(time.Second)
		r.set("101", "talking") // nobody to tell
		time.Sleep(2 * time.Minute)
		if r.count() != 1 {
			t.Fatal("the subscription ended with its connection")
		}
		p.Peer = siptest.NewStreamPeer(t, r.net, "192.0.2.10:50001", server)
		p.wantState(p.live(), "talking")
		r.set("101", "idle")
		p.wantState(p.notified(200), "idle")
		p.Close()
		r.restart()
		time.Sleep(10 * time.Second)
		p.Peer = siptest.NewStreamPeer(t, r.net, "192.0.2.10:50002", server)
		p.wantState(p.live(), "idle")
		p.Close()
		time.Sleep(700 * time.Second)
		if r.count() != 0 {
			t.Error("it outlived its expiry")
		}
	})
}

func TestUnreadableRowsAreLeftOut(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		s := r.only()
		rec := r.n.record(s)
		for cut := range len(rec.Data) {
			broken := rec
			broken.Data = rec.Data[:cut]
			if got, _, err := r.n.fromRecord(broken, func(b []byte) string { return string(b) }); err == nil && cut < len(rec.Data)-len(s.head) {
				t.Fatalf("%d of %d bytes read as %+v", cut, len(rec.Data), got)
			}
		}
		got, agent, err := r.n.fromRecord(rec, func(b []byte) string { return string(b) })
		if err != nil || agent != r.agents["101"] || got.part(got.callID) != p.callID || got.target() != s.target() || got.until != s.until {
			t.Errorf("read back %+v of %v, %v", got, agent, err)
		}
	})
}

func FuzzRecord(f *testing.F) {
	n := &Notifier{packages: []Package{lamp{}}}
	s := &subscription{pres: &presentity{}, entity: "sip:101@ex.test", tag: 1}
	s.setHead(&dialog{target: "sip:a@b", local: "<sip:l>;tag=1", remote: "<sip:r>;tag=2", remoteTag: "2", callID: "c", event: "dialog"})
	f.Add(n.record(s).Data)
	f.Fuzz(func(t *testing.T, data []byte) {
		rec := n.record(s)
		rec.Data = data
		got, _, err := n.fromRecord(rec, func(b []byte) string { return string(b) })
		if err != nil {
			return
		}
		got.pres = &presentity{}
		got.part(got.callID)
		got.retarget("sip:another@place")
		n.record(got)
	})
}
