package notifier

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/sip/events/clock"
	"lamplight/sip/events/worklist"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/store"
)

// records makes the rows of so many subscriptions, ten for each presentity.
func records(n *Notifier, count int) []store.Record {
	now := stampOf(time.Now())
	recs := make([]store.Record, count)
	var p *presentity
	for i := range recs {
		if i%10 == 0 {
			p = &presentity{agent: presence.AgentID{ID: presence.NewID()}}
		}
		s := &subscription{pres: p, entity: fmt.Sprintf("sip:%d@demo.lamplight.test", 1000+i/10), tag: uint64(i + 1), bare: true,
			remote: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 5060),
			until:  now + 3600, stored: now + 7200, period: 3600, boot: 1, remoteCSeq: 20}
		copy(s.owner[:], p.agent.ID[:])
		s.setHead(&dialog{target: fmt.Sprintf("sip:%d@%s;transport=udp", 2000+i, s.remote), callID: fmt.Sprintf("%032x@192.0.2.17", i), event: "dialog",
			local:  fmt.Sprintf("<%s>;tag=%s", s.entity, tagText(s.tag)),
			remote: fmt.Sprintf(`"Agent Number %d" <sip:%d@demo.lamplight.test>;tag=8f7a6b5c4d`, i, 2000+i), remoteTag: "8f7a6b5c4d"})
		recs[i] = n.record(s)
	}
	return recs
}

// emptyLike is a notifier without anything in it and without goroutines.
func emptyLike(of *Notifier) *Notifier {
	n := &Notifier{packages: of.packages, types: [][]string{of.packages[0].Types()}, surveyed: surveyedBy(of.packages), boot: of.boot + 1, seed: maphash.MakeSeed(), grace: 10, queue: worklist.New[task](), metrics: newMetrics(nil, worklist.New[task]())}
	n.counts.perWatcher = map[watcherID]int32{}
	n.clock = clock.New[*subscription]()
	n.locals.m = map[localKey]*local{}
	return n
}

// read restores the rows as reload does.
func read(t testing.TB, n *Notifier, recs []store.Record) {
	t.Helper()
	texts := map[string]string{}
	intern := func(b []byte) string {
		s, ok := texts[string(b)]
		if !ok {
			s = string(b)
			texts[s] = s
		}
		return s
	}
	now := stampOf(time.Now())
	for _, r := range recs {
		s, agent, err := n.fromRecord(r, intern)
		if err != nil || !s.startNumbers(n.boot) {
			t.Fatal(err)
		}
		n.restore(s, agent, now)
	}
}

// TestMemoryOfASubscription holds a reloaded subscription to 1.2 KB.
func TestMemoryOfASubscription(t *testing.T) {
	const count, limit = 20_000, 1200
	of := &Notifier{packages: []Package{lampPackage{}}, boot: 1}
	recs := records(of, count)
	n := emptyLike(of)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	read(t, n, recs)
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (after.HeapAlloc - before.HeapAlloc) / count
	t.Logf("%d bytes each", each)
	if each > limit {
		t.Errorf("%d bytes each, at most %d wanted", each, limit)
	}
	runtime.KeepAlive(n)
	runtime.KeepAlive(recs)
}

// TestNotifyAllocations: the message and its branch, and nothing to render.
func TestNotifyAllocations(t *testing.T) {
	n := emptyLike(&Notifier{packages: []Package{lampPackage{}}})
	read(t, n, records(&Notifier{packages: n.packages, boot: 1}, 1))
	var s *subscription
	n.people.each(func(p *presentity) bool { s = p.subs[0]; return true })
	w := &worker{n: n, cache: map[bodyKey]*body{}}
	l := &local{via: []byte("Via: SIP/2.0/UDP 192.0.2.1:5060;branch=;rport\r\n"), branch: 39, contact: []byte("Contact: <sip:192.0.2.1:5060>\r\n")}
	snap := &presence.Snapshot{}
	w.body(s, snap)
	now := stampOf(time.Now())
	if got := testing.AllocsPerRun(200, func() {
		n.append(nil, s, w.body(s, snap), l, "z9hG4bK0123456789abcdef01234567", 77, now)
	}); got > 1 {
		t.Errorf("%v allocations for a NOTIFY, want 1", got)
	}
	version := uint64(1)
	for range 2 * maxBodies { // until its memory is there
		version++
		snap.Version = version
		w.body(s, snap)
	}
	if got := testing.AllocsPerRun(1000, func() { // a new document each time: the cache turns over
		version++
		snap.Version = version
		w.body(s, snap)
	}); got > 0 {
		t.Errorf("%v allocations for a new document, want none", got)
	}
}

// TestThousandWatchers: every one of them gets the last of many states.
func TestThousandWatchers(t *testing.T) {
	bubble(t, func(o *Options) { o.PerWatcher = 2000 }, func(t *testing.T, r *rig) {
		const count = 1000
		got := map[string]string{}
		hosts := make([]*siptest.Peer, 4)
		for i := range hosts {
			hosts[i] = siptest.NewPeer(t, r.net, fmt.Sprintf("192.0.2.%d:5060", 10+i), server)
		}
		for i := range count {
			newPhone(t, hosts[i%len(hosts)], "201", "sip:101@ex.test").live()
		}
		var mu sync.Mutex
		for _, h := range hosts {
			h.Handle(func(m *message.Message) *message.Builder {
				mu.Lock()
				defer mu.Unlock()
				got[m.CallID()] = string(m.Body)
				return message.NewResponse(m, 200, "")
			})
		}
		for i := range 20 {
			r.set("101", fmt.Sprint("state-", i))
			time.Sleep(time.Duration(i) * 100 * time.Microsecond)
		}
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		if len(got) != count {
			t.Fatalf("%d watchers were told", len(got))
		}
		for id, body := range got {
			if want := "state=state-19"; len(body) < len(want) || body[len(body)-len(want):] != want {
				t.Fatalf("%s shows %q", id, body)
			}
		}
	})
}

// TestDeadWatchersDelayNobody: among watchers that never answer, by datagram and
// by stream, each of the living is told of each change at once.
func TestDeadWatchersDelayNobody(t *testing.T) {
	bubble(t, func(o *Options) { o.Workers = 1 }, func(t *testing.T, r *rig) {
		for i := range 20 {
			newPhone(t, siptest.NewPeer(t, r.net, fmt.Sprintf("192.0.2.%d:5060", 100+i), server), "201", "sip:101@ex.test").live()
			newPhone(t, siptest.NewStreamPeer(t, r.net, fmt.Sprintf("192.0.2.%d:5060", 150+i), server), "201", "sip:101@ex.test").live()
		}
		const living = 20
		var mu sync.Mutex
		told := 0 // guarded by mu
		worst := time.Duration(0)
		var changed time.Time
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
		for i := range 30 {
			mu.Lock()
			changed = time.Now()
			mu.Unlock()
			r.set("101", fmt.Sprint("state-", i))
			time.Sleep(time.Second)
		}
		mu.Lock()
		defer mu.Unlock()
		if told != 30*living || worst > 50*time.Millisecond {
			t.Errorf("%d NOTIFYs, want %d; the slowest came after %v", told, 30*living, worst)
		}
	})
}
