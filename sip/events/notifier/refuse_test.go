package notifier

import (
	"strings"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*phone)
		status int
		header message.Name
		value  string
	}{
		"unknown event says which are known":       {func(p *phone) { p.event = "weather" }, 489, message.AllowEvents, "dialog, presence"},
		"no event at all":                          {func(p *phone) { p.event = "" }, 489, message.AllowEvents, "dialog, presence"},
		"an event id that is no token":             {func(p *phone) { p.event = `dialog;id="a b"` }, 400, "", ""},
		"too short says the shortest":              {func(p *phone) { p.expiry = "59" }, 423, message.MinExpires, "60"},
		"no type in common":                        {func(p *phone) { p.extra = header(message.Accept, "text/plain, application/xml") }, 406, message.Accept, "application/lamp, application/lamp-2"},
		"an extension we lack":                     {func(p *phone) { p.extra = header(message.Require, "magic") }, 420, message.Unsupported, "magic"},
		"an extension of a proxy's":                {func(p *phone) { p.extra = header(message.ProxyRequire, "sec-agree") }, 420, message.Unsupported, "sec-agree"},
		"another domain":                           {func(p *phone) { p.uri = "sip:101@other.test" }, 403, "", ""},
		"a domain not ours":                        {func(p *phone) { p.uri = "sip:101@example.com" }, 403, "", ""},
		"unknown agent where only agents are":      {func(p *phone) { p.uri, p.event = "sip:999@ex.test", "presence" }, 404, "", ""},
		"a stranger is challenged":                 {func(p *phone) { p.from = "<sip:stranger@ex.test>;tag=1" }, 401, message.WWWAuthenticate, `Digest realm="ex.test", nonce="x"`},
		"a device that is nobody's":                {func(p *phone) { p.from = "<sip:202@ex.test>;tag=1" }, 403, "", ""},
		"a dialog that never was":                  {func(p *phone) { p.to += ";tag=0123456789abcdef" }, 481, "", ""},
		"a tag that cannot be ours":                {func(p *phone) { p.to += ";tag=xyz" }, 481, "", ""},
		"a URI that is no address":                 {func(p *phone) { p.uri = "tel:101" }, 416, "", ""},
		"a route that is no address":               {func(p *phone) { p.extra = header(message.RecordRoute, "<sip:a") }, 400, "", ""},
		"headers that no dialog needs":             {func(p *phone) { p.extra = header(message.RecordRoute, "<sip:"+strings.Repeat("a", 5000)+";lr>") }, 400, "", ""},
		"no tag of the caller's":                   {func(p *phone) { p.from = "<sip:201@ex.test>" }, 400, "", ""},
		"a challenge comes before the event check": {func(p *phone) { p.from, p.event = "<sip:stranger@ex.test>;tag=1", "weather" }, 401, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, r *rig) {
				p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
				c.change(p)
				m := p.Do(p.build())
				p.wantStatus(m, c.status)
				if got := m.Get(c.header); c.header != "" && got != c.value {
					t.Errorf("%s: %q, want %q", c.header, got, c.value)
				}
				p.quiet(time.Second)
				if r.count() != 0 || r.rows() != 0 {
					t.Errorf("%d subscriptions and %d rows after a refusal", r.count(), r.rows())
				}
			})
		})
	}
}

func header(n message.Name, v string) []message.Header { return []message.Header{{Name: n, Value: v}} }

func TestSubscribeWithoutContactIsRefused(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		b := message.NewRequest("SUBSCRIBE", p.uri).Add(message.MaxForwards, "70").Add(message.From, p.from).Add(message.To, p.to).
			Add(message.CallID, p.callID).Add(message.CSeq, "1 SUBSCRIBE").Add(message.Event, "dialog")
		p.wantStatus(p.Do(b), 400)
	})
}

func TestPeersWatchTheirDomainsWithoutDigest(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.200:5060", "stranger", "sip:101@ex.test")
		p.live()
		for uri, status := range map[string]int{"sip:101@other.test": 403, "sip:101@nowhere.test": 404} {
			q := newPhone(t, p.Peer, "stranger", uri)
			q.wantStatus(q.Do(q.build()), status)
		}
	})
}

func TestInDialogChecks(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.event = "dialog;id=a"
		p.live()
		for name, c := range map[string]struct {
			change func(*phone)
			status int
		}{
			"another Call-ID":      {func(q *phone) { q.callID = "other" }, 481},
			"another remote tag":   {func(q *phone) { q.from = "<sip:201@ex.test>;tag=other" }, 481},
			"another event id":     {func(q *phone) { q.event = "dialog;id=b" }, 481},
			"another event":        {func(q *phone) { q.event = "presence;id=a" }, 481},
			"another device":       {func(q *phone) { q.from = strings.Replace(q.from, "201", "102", 1) }, 403},
			"an old CSeq":          {func(q *phone) { q.seq = 0 }, 500},
			"an extension we lack": {func(q *phone) { q.seq = 50; q.extra = header(message.Require, "x") }, 420},
			"too short an expiry":  {func(q *phone) { q.expiry = "10" }, 423},
			"a contact unreadable": {func(q *phone) { q.seq = 100; q.extra = header(message.Contact, "<sip:x") }, 400},
		} {
			q := *p
			c.change(&q)
			if m := q.Do(q.build()); m.Status != c.status {
				t.Errorf("%s: status %d, want %d", name, m.Status, c.status)
			}
		}
		p.quiet(time.Second)
		p.seq = 1000
		p.live()
	})
}

func TestMergedRequestIsToldSo(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		q := newPhone(t, p.Peer, "201", "sip:101@ex.test")
		q.callID, q.from = p.callID, p.from
		q.wantStatus(q.Do(q.build()), 482)
		time.Sleep(70 * time.Second)
		q.seq = 0
		q.live()
	})
}

func TestLimits(t *testing.T) {
	bubble(t, func(o *Options) { o.PerWatcher, o.Total = 2, 3 }, func(t *testing.T, r *rig) {
		one := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		one.live()
		again := newPhone(t, one.Peer, "201", "sip:102@ex.test")
		again.live()
		third := newPhone(t, one.Peer, "201", "sip:102@ex.test")
		third.wantStatus(third.Do(third.build()), 403)
		other := newPhone(t, one.Peer, "101", "sip:102@ex.test")
		other.live()
		full := newPhone(t, one.Peer, "102", "sip:102@ex.test")
		m := full.Do(full.build())
		full.wantStatus(m, 503)
		if m.Get(message.RetryAfter) == "" {
			t.Error("503 without Retry-After")
		}
		again.expiry = "0" // an end makes room
		again.live()
		third.live()
	})
}

func TestDrainRefusesNewAndKeepsOld(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		p.live()
		if err := r.n.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		q := newPhone(t, p.Peer, "201", "sip:102@ex.test")
		m := q.Do(q.build())
		q.wantStatus(m, 503)
		if m.Get(message.RetryAfter) == "" {
			t.Error("503 without Retry-After")
		}
		p.quiet(time.Second) // nobody is terminated
		p.live()
		r.set("101", "ringing")
		p.wantState(p.notified(200), "ringing")
	})
}

func TestStoreFailureIs503AndLeavesNoTrace(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
		r.store.FailNext(1)
		m := p.Do(p.build())
		p.wantStatus(m, 503)
		p.quiet(time.Second)
		if r.count() != 0 || r.rows() != 0 || len(r.n.counts.perWatcher) != 0 {
			t.Error("a refused subscription left something behind")
		}
		p.live()
		r.store.FailNext(1)
		p.expiry = "3000" // needs a row
		p.wantStatus(p.subscribe(), 503)
		p.quiet(time.Second)
		r.store.FailNext(1)
		p.expiry = "0"
		p.wantStatus(p.subscribe(), 503)
		r.set("101", "ringing")
		m = p.notified(200)
		p.wantState(m, "ringing")
		p.wantSub(m, "active;expires=59") // 600 less what has passed: as before the failures
	})
}

func TestEveryChallengeHasItsHeader(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		p := r.phone("192.0.2.10:5060", "stranger", "sip:101@ex.test")
		for range 3 {
			if m := p.Do(p.build()); m.Status != 401 || !m.Has(message.WWWAuthenticate) {
				t.Fatalf("status %d without a challenge", m.Status)
			}
		}
		p.ExpectNone(siptest.Method("NOTIFY"), time.Second)
	})
}
