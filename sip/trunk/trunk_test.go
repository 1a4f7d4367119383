package trunk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"lamplight/sip/message"
	"lamplight/sip/resolve"
	"lamplight/sip/siptest"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const here = "10.0.0.1:5060"

// finder knows trunk.test by what hops says.
type finder struct {
	mu   sync.Mutex
	hops map[string][]resolve.Target // guarded by mu
}

func (f *finder) Find(ctx context.Context, s resolve.Server) ([]resolve.Target, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if list, ok := f.hops[s.Host]; ok {
		if len(list) == 0 {
			return nil, resolve.ErrNoAddress
		}
		return list, nil
	}
	if s.Transport == "" {
		s.Transport = "UDP"
	}
	return resolve.Hosts{}.Find(ctx, s)
}

// bench is trunks on an in-memory network.
type bench struct {
	t      *testing.T
	net    *siptest.Net
	tp     *transport.Layer
	finder *finder
	trunks *Trunks
	reg    *prometheus.Registry
}

func rig(t *testing.T, list []Trunk, f func(*bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, net: siptest.NewNet(), finder: &finder{hops: map[string][]resolve.Target{}}, reg: prometheus.NewRegistry()}
		b.tp = transport.New(transport.Options{Dial: b.net.Dial})
		tx := transaction.New(transaction.Options{Transport: b.tp, Handler: transaction.HandlerFunc(func(*transaction.Request) {})})
		ctx, cancel := context.WithCancel(t.Context())
		var served sync.WaitGroup
		served.Go(func() { _ = b.tp.ServePacket(ctx, b.net.ListenPacket(here)) })
		synctest.Wait()
		var err error
		if b.trunks, err = Open(Options{Transactions: tx, Flows: b.tp, Finder: b.finder, Metrics: b.reg}, nil); err != nil {
			t.Fatal(err)
		}
		if err = b.trunks.Set(list); err != nil {
			t.Fatal(err)
		}
		f(b)
		b.trunks.Close()
		cancel()
		served.Wait()
		b.tp.Close()
		tx.Close()
	})
}

// hop is a server that answers OPTIONS by status; 0 says nothing.
func (b *bench) hop(addr string) (p *siptest.Peer, status, asked *atomic.Int32) {
	p = siptest.NewPeer(b.t, b.net, addr, here)
	status, asked = new(atomic.Int32), new(atomic.Int32)
	status.Store(200)
	p.Handle(func(m *message.Message) *message.Builder {
		asked.Add(1)
		code := int(status.Load())
		if code == 0 {
			return nil
		}
		r := message.NewResponse(m, code, "")
		if code == 503 {
			r.Add(message.RetryAfter, "120 (busy)")
		}
		return r
	})
	return p, status, asked
}

func server(host string) resolve.Server { return resolve.Server{Transport: "UDP", Host: host} }

// order is the names of the ways of a call, all of them.
func (b *bench) order(uri string) string {
	b.t.Helper()
	var out []string
	next := b.trunks.Ways(uri)
	for {
		w, err := next(b.t.Context())
		if err != nil {
			return strings.Join(out, " ")
		}
		host, _, _ := strings.Cut(w.Name, ":")
		out = append(out, strings.TrimPrefix(host, "10.0.0."))
	}
}

func (b *bench) state() string {
	var out []string
	for _, i := range b.trunks.Info() {
		s := "up"
		if !i.Up {
			s = "down: " + i.Why
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func TestHopsThatAreDownAreTriedLast(t *testing.T) {
	two := Trunk{Name: "carrier", Servers: []resolve.Server{server("10.0.0.11"), server("10.0.0.12")}}
	rig(t, []Trunk{two}, func(b *bench) {
		_, first, asked := b.hop("10.0.0.11:5060")
		_, second, _ := b.hop("10.0.0.12:5060")
		uri := "sip:0800@10.0.0.11"
		want := func(order, state string) {
			t.Helper()
			if got := b.order(uri); got != order || b.state() != state {
				t.Errorf("tried %q, want %q; %s", got, order, b.state())
			}
		}
		time.Sleep(40 * time.Second)
		want("11 12", "up, up")
		first.Store(405) // it knows no OPTIONS, and is there
		time.Sleep(40 * time.Second)
		want("11 12", "up, up")
		first.Store(0)
		time.Sleep(80 * time.Second)
		want("12 11", "down: no answer to OPTIONS within 5 s, up")
		second.Store(503)
		time.Sleep(80 * time.Second)
		want("11 12", "down: no answer to OPTIONS within 5 s, down: OPTIONS is answered Service Unavailable")
		first.Store(200)
		second.Store(200)
		time.Sleep(20 * time.Second)
		want("11 12", "up, up") // 12 asked to be left alone
		if i := b.trunks.Info()[1]; i.RetryAfter.IsZero() {
			t.Errorf("%+v", i)
		}
		n := asked.Load()
		time.Sleep(10 * time.Minute)
		if n = asked.Load() - n; n < 15 || n > 28 {
			t.Errorf("asked %d times in ten minutes", n)
		}
		families, err := b.reg.Gather()
		if err != nil || !strings.Contains(fmt.Sprint(families), `value:"10.0.0.12:5060/UDP"`) {
			t.Errorf("metrics: %v, %v", families, err)
		}
	})
}

func TestCallsTellOfHops(t *testing.T) {
	for name, c := range map[string]struct {
		every    time.Duration
		tell     func(told func(int, *message.Message), res func(int, string) *message.Message)
		then     string
		recovers time.Duration // zero: at once
	}{
		"silence":            {30 * time.Second, func(told func(int, *message.Message), _ func(int, string) *message.Message) { told(408, nil) }, "12 11", 10 * time.Second},
		"silence, not asked": {-1, func(told func(int, *message.Message), _ func(int, string) *message.Message) { told(408, nil) }, "12 11", downFor},
		"lost":               {-1, func(told func(int, *message.Message), _ func(int, string) *message.Message) { told(503, nil) }, "12 11", downFor},
		"503 for two minutes": {-1, func(told func(int, *message.Message), res func(int, string) *message.Message) {
			told(503, res(503, "120"))
		}, "12 11", 2 * time.Minute},
		"503 for a year": {-1, func(told func(int, *message.Message), res func(int, string) *message.Message) {
			told(503, res(503, "31536000"))
		}, "12 11", mostObeyed},
		"503 of one call": {-1, func(told func(int, *message.Message), res func(int, string) *message.Message) {
			told(503, res(503, ""))
		}, "11 12", 0},
		"busy": {-1, func(told func(int, *message.Message), res func(int, string) *message.Message) {
			told(486, res(486, ""))
		}, "11 12", 0},
	} {
		t.Run(name, func(t *testing.T) {
			two := Trunk{Name: "carrier", Servers: []resolve.Server{server("10.0.0.11"), server("10.0.0.12")}, Every: c.every}
			rig(t, []Trunk{two}, func(b *bench) {
				p, status, _ := b.hop("10.0.0.11:5060")
				b.hop("10.0.0.12:5060")
				time.Sleep(time.Second)
				req, err := message.Parse(p.Request("INVITE", "sip:a@b", "sip:c@d", "").Via(p.Via("z9hG4bKx")).Bytes())
				if err != nil {
					t.Fatal(err)
				}
				status.Store(0)
				w, err := b.trunks.Ways("sip:1@10.0.0.11")(b.t.Context())
				if err != nil || w.Silence != 4*time.Second || !w.Server {
					t.Fatal(w, err)
				}
				c.tell(w.Told, func(status int, after string) *message.Message {
					r := message.NewResponse(req, status, "")
					if after != "" {
						r.Add(message.RetryAfter, after)
					}
					m, err := message.Parse(r.Bytes())
					if err != nil {
						t.Fatal(err)
					}
					return m
				})
				if got := b.order("sip:1@10.0.0.11"); got != c.then {
					t.Errorf("then tried %q", got)
				}
				status.Store(200)
				if c.recovers > 0 && c.every < 0 {
					time.Sleep(c.recovers - time.Millisecond)
					if got := b.order("sip:1@10.0.0.11"); got != c.then {
						t.Errorf("just before: %q", got)
					}
				}
				time.Sleep(c.recovers + 10*time.Second)
				if got := b.order("sip:1@10.0.0.11"); got != "11 12" {
					t.Errorf("in the end: %q", got)
				}
			})
		})
	}
}

func TestHopsFollowTheDNS(t *testing.T) {
	target := func(a string) []resolve.Target {
		list, _ := resolve.Hosts{}.Find(context.Background(), server(a))
		return list
	}
	rig(t, nil, func(b *bench) {
		b.finder.hops["trunk.test"] = append(target("10.0.0.11"), target("10.0.0.12")...)
		b.finder.hops["gone.test"] = nil
		c := Trunk{Name: "carrier", Servers: []resolve.Server{server("trunk.test"), server("gone.test")}, Every: -1}
		if err := b.trunks.Set([]Trunk{c}); err != nil {
			t.Fatal(err)
		}
		if got := b.order("sip:1@TRUNK.test"); got != "11 12" {
			t.Errorf("found %q", got)
		}
		b.finder.hops["gone.test"] = target("10.0.0.13")
		b.finder.hops["trunk.test"] = target("10.0.0.12")
		if got := b.order("sip:1@trunk.test"); got != "12 13" || len(b.trunks.Info()) != 2 {
			t.Errorf("then %q", got)
		}
		b.finder.hops["trunk.test"], b.finder.hops["gone.test"] = nil, nil
		if got := b.order("sip:1@trunk.test"); got != "12 13" {
			t.Errorf("with nobody answering %q", got)
		}
		// What is no trunk's is found by itself, and nobody asks it anything.
		if got := b.order("sip:voicemail@10.0.0.20:5070"); got != "20" || len(b.trunks.Info()) != 2 {
			t.Errorf("elsewhere %q", got)
		}
		if got := b.order("sip:x@gone.test"); got != "" {
			t.Errorf("nowhere %q", got)
		}
	})
}

func TestTrunksOfDomainsAndTheirReload(t *testing.T) {
	one := Trunk{Name: "one", Servers: []resolve.Server{server("10.0.0.11")}, Domains: []string{"a.test"}, Host: "one.test"}
	all := Trunk{Name: "all", Servers: []resolve.Server{server("10.0.0.12")}}
	rig(t, []Trunk{one, all}, func(b *bench) {
		for domain, want := range map[string]string{"A.test": "one.test", "b.test": "10.0.0.12"} {
			if got, ok := b.trunks.For([]string{"other", domain}); got != want || !ok {
				t.Errorf("%s calls by %q", domain, got)
			}
		}
		time.Sleep(time.Minute)
		if b.state() != "down: no answer to OPTIONS within 5 s, down: no answer to OPTIONS within 5 s" {
			t.Error(b.state())
		}
		one.Silence = time.Second
		if err := b.trunks.Set([]Trunk{all, one}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if b.state() != "down: no answer to OPTIONS within 5 s, up" { // who was changed begins anew
			t.Error(b.state())
		}
		if err := b.trunks.Set(nil); err != nil || b.state() != "" {
			t.Error(err, b.state())
		}
		if _, ok := b.trunks.For([]string{"a.test"}); ok {
			t.Error("a trunk that is gone")
		}
		for _, bad := range [][]Trunk{{{Name: "x"}}, {{Servers: all.Servers}}, {all, all}, {{Name: "x", Servers: make([]resolve.Server, 17)}}} {
			if b.trunks.Set(bad) == nil {
				t.Errorf("taken: %+v", bad)
			}
		}
	})
}

func TestHopThatCannotBeConnectedTo(t *testing.T) {
	tcp := func(host string) resolve.Server { return resolve.Server{Transport: "TCP", Host: host} }
	rig(t, []Trunk{{Name: "carrier", Servers: []resolve.Server{tcp("10.0.0.11"), server("10.0.0.12")}, Every: -1}}, func(b *bench) {
		w, err := b.trunks.Ways("sip:1@10.0.0.11")(b.t.Context())
		if err != nil || w.Name != "10.0.0.12:5060/UDP" {
			t.Errorf("%+v, %v", w, err)
		}
		if got := b.order("sip:1@10.0.0.11"); got != "12" {
			t.Errorf("then %q", got)
		}
		ctx, cancel := context.WithCancel(b.t.Context())
		cancel()
		if _, err := b.trunks.Ways("sip:1@10.0.0.11")(ctx); !errors.Is(err, errNoWay) {
			t.Error(err)
		}
	})
}

func TestURIsOutside(t *testing.T) {
	for uri, want := range map[string]resolve.Server{
		"sip:a@h.test":                    {Host: "h.test"},
		"sip:a@h.test:5070;transport=tcp": {Transport: "TCP", Host: "h.test", Port: 5070},
		"sips:a@h.test;transport=tcp":     {Host: "h.test", Secure: true},
		"sip:a@[2001:db8::1]:5070":        {Host: "2001:db8::1", Port: 5070},
		"sip:a@h.test;transport=sctp":     {Host: "h.test"},
	} {
		u, err := message.ParseURI(uri)
		if got := serverOf(&u); err != nil || got != want {
			t.Errorf("%s: %+v, %v", uri, got, err)
		}
	}
}
