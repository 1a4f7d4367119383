package notifier

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/store"
)

// These tests are named after what goes wrong elsewhere.

func TestThousandsOfDeadSubscriptionsStopNothing(t *testing.T) {
	const dead, living = 2490, 10
	bubble(t, func(o *Options) { o.PerWatcher, o.Workers = 3000, 2 }, func(t *testing.T, r *rig) {
		host := siptest.NewPeer(t, r.net, "192.0.2.99:5060", server)
		for range dead {
			newPhone(t, host, "201", "sip:101@ex.test").live()
		}
		host.Close() // unplugged, all of it
		var mu sync.Mutex
		var worst time.Duration // guarded by mu, as the next two
		var changed time.Time
		told := 0
		for i := range living {
			p := r.phone(fmt.Sprintf("192.0.2.%d:5060", 10+i), "102", "sip:101@ex.test")
			p.live()
			p.Handle(func(m *message.Message) *message.Builder {
				mu.Lock()
				defer mu.Unlock()
				told++
				worst = max(worst, time.Since(changed))
				return message.NewResponse(m, 200, "")
			})
		}
		const changes = 60
		for i := range changes {
			mu.Lock()
			changed = time.Now()
			mu.Unlock()
			r.set("101", fmt.Sprint("state-", i))
			time.Sleep(5 * time.Second)
		}
		mu.Lock()
		defer mu.Unlock()
		if told != changes*living || worst > 100*time.Millisecond {
			t.Errorf("%d NOTIFYs, want %d; the slowest came after %v", told, changes*living, worst)
		}
		if n := r.count(); n != living {
			t.Errorf("%d subscriptions, the dead are still there", n)
		}
		if n := r.rows(); n != living {
			t.Errorf("%d rows", n)
		}
	})
}

func TestOnePhoneWithTwoThousandSubscriptions(t *testing.T) {
	const count = 2000
	bubble(t, func(o *Options) { o.PerWatcher = count }, func(t *testing.T, r *rig) {
		host := siptest.NewPeer(t, r.net, "192.0.2.10:5060", server)
		for i := range count {
			newPhone(t, host, "201", []string{"sip:101@ex.test", "sip:102@ex.test"}[i%2]).live()
		}
		type seen struct {
			cseq uint32
			body string
		}
		var mu sync.Mutex
		got := map[string]seen{} // by Call-ID; guarded by mu
		host.Handle(func(m *message.Message) *message.Builder {
			mu.Lock()
			defer mu.Unlock()
			seq, _ := m.CSeq()
			if was := got[m.CallID()]; was.cseq != 0 && seq != was.cseq+1 {
				t.Errorf("CSeq %d after %d", seq, was.cseq)
			}
			got[m.CallID()] = seen{seq, string(m.Body)}
			return message.NewResponse(m, 200, "")
		})
		for i := range 50 {
			r.set("101", fmt.Sprint("state-", i))
			r.set("102", fmt.Sprint("state-", i))
			time.Sleep(time.Duration(i%5) * time.Millisecond)
		}
		time.Sleep(32 * time.Second)
		mu.Lock()
		defer mu.Unlock()
		if len(got) != count {
			t.Errorf("%d of %d were told", len(got), count)
		}
		for id, s := range got {
			if want := "state=state-49"; s.body[len(s.body)-len(want):] != want {
				t.Fatalf("%s shows %q", id, s.body)
			}
		}
	})
}

func TestExpiredRowsHideNoLiveOnesAtStart(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		of := &Notifier{packages: []Package{lamp{}}, boot: 1}
		var b store.Batch
		for _, row := range records(of, 2000) { // a purge that does not keep up
			row.Expires = time.Now().Add(-time.Hour)
			b.Writes = append(b.Writes, store.Put(row))
		}
		if err := r.store.Commit(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		r.set("101", "talking")
		p.notified(200)
		r.restart()
		p.wantState(p.notified(200), "talking")
		if n := r.count(); n != 1 {
			t.Errorf("%d subscriptions", n)
		}
		r.set("101", "idle")
		p.wantState(p.notified(200), "idle")
	})
}

func TestReloadOfTheSameRulesTellsNobody(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		rules := func(p *presence.Policy) {
			p.Watch = []presence.WatchRule{{Who: "agent:102", Then: presence.WatchDeny}, {Who: "agent:201", Then: presence.WatchConfirm}}
			p.LampIdentity = presence.LampIdentityTeam
		}
		r.policy(rules)
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.wantSub(p.live(), "pending")
		q := r.phone("192.0.2.11:5060", "101", "sip:201@ex.test")
		q.wantSub(q.live(), "active")
		for range 5 {
			r.policy(rules)
			r.n.SetPeers(r.peers)
			r.n.SetPhones(nil)
			time.Sleep(2 * time.Second)
		}
		p.quiet(time.Second)
		q.quiet(time.Second)
	})
}

func TestWatchersThatMissTheirNotifiesCanBeSeen(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.policy(watch(presence.WatchRule{Who: "agent:102", Then: presence.WatchConfirm}))
		deaf := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		deaf.live()
		gone := newPhone(t, siptest.NewStreamPeer(t, r.net, "192.0.2.11:5060", server), "201", "sip:101@ex.test")
		gone.live()
		waits := r.phone("192.0.2.12:5060", "102", "sip:101@ex.test")
		waits.live()
		fine := r.phone("192.0.2.200:5060", "pbx", "sip:101@ex.test")
		fine.live()
		fine.Handle(func(m *message.Message) *message.Builder { return message.NewResponse(m, 200, "") })
		gone.Close()
		r.set("101", "talking")
		time.Sleep(50 * time.Second) // the first NOTIFY to the deaf has failed, the second is on its way
		got := map[string]Info{}
		r.n.Subscriptions(r.agents["101"], func(i Info) bool { got[i.CallID] = i; return true })
		if len(got) != 4 {
			t.Fatalf("%d watchers", len(got))
		}
		if i := got[deaf.callID]; i.Failures != 1 || !i.InFlight || !i.Connected || i.Watcher.Agent != r.agents["201"] || i.Remote.String() != "192.0.2.10:5060" {
			t.Errorf("the deaf: %+v", i)
		}
		if i := got[gone.callID]; i.Connected || i.Transport != "TCP" {
			t.Errorf("the gone: %+v", i)
		}
		if i := got[waits.callID]; !i.Pending || i.Watcher.Agent != r.agents["102"] {
			t.Errorf("the waiting: %+v", i)
		}
		if i := got[fine.callID]; i.Watcher.Peer != "pbx" || i.Failures != 0 || i.Pending || i.NextCSeq != 3 || i.Since.IsZero() {
			t.Errorf("the peer: %+v", i)
		}
	})
}
