package webrtc

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"lamplight/webrtc/signalling"
)

func TestUpgradeRefused(t *testing.T) {
	o := trusting()
	o.Origins = []string{"https://other.test"}
	tests := map[string]struct {
		origin, protocol string
		want             int
	}{
		"own origin":        {"https://desk.test", signalling.Subprotocol, http.StatusSwitchingProtocols},
		"configured origin": {"https://other.test", signalling.Subprotocol, http.StatusSwitchingProtocols},
		"no origin":         {"", signalling.Subprotocol, http.StatusSwitchingProtocols},
		"foreign origin":    {"https://evil.test", signalling.Subprotocol, http.StatusForbidden},
		"origin null":       {"null", signalling.Subprotocol, http.StatusForbidden},
		"no subprotocol":    {"", "", http.StatusBadRequest},
		"other subprotocol": {"", "sip", http.StatusBadRequest},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, o, func(t *testing.T, l *lab) {
				h := http.Header{}
				if tt.origin != "" {
					h.Set("Origin", tt.origin)
				}
				var protocols []string
				if tt.protocol != "" {
					protocols = []string{tt.protocol}
				}
				ws, resp, err := l.dial(h, protocols...)
				if resp == nil || resp.StatusCode != tt.want {
					t.Fatalf("%v %v, want %d", resp, err, tt.want)
				}
				if ws != nil {
					_ = ws.CloseNow()
				}
			})
		})
	}
}

// TestBrokenProtocol: what a page must not do, and how its socket ends. Another
// page's session lives through all of it.
func TestBrokenProtocol(t *testing.T) {
	text := func(s string) func(*page) {
		return func(p *page) { _ = p.ws.Write(context.Background(), websocket.MessageText, []byte(s)) }
	}
	repeat := func(n int, m signalling.In) func(*page) {
		return func(p *page) {
			for range n {
				p.say(m)
			}
		}
	}
	tests := map[string]struct {
		do   func(*page)
		want websocket.StatusCode
	}{
		"not JSON":        {text("hello"), websocket.StatusPolicyViolation},
		"half an object":  {text(`{"t":"mic"`), websocket.StatusPolicyViolation},
		"unknown type":    {text(`{"t":"root"}`), websocket.StatusPolicyViolation},
		"deep nesting":    {text(strings.Repeat("[", 20000)), websocket.StatusPolicyViolation},
		"second hello":    {text(`{"t":"hello"}`), websocket.StatusPolicyViolation},
		"mic without mic": {text(`{"t":"mic"}`), websocket.StatusPolicyViolation},
		"huge sdp":        {text(`{"t":"offer","call":"x","sdp":"` + strings.Repeat("a", 70<<10) + `"}`), websocket.StatusPolicyViolation},
		"huge message":    {text(strings.Repeat("a", 200<<10)), websocket.StatusMessageTooBig},
		"binary": {func(p *page) {
			_ = p.ws.Write(context.Background(), websocket.MessageBinary, []byte(`{"t":"lead"}`))
		}, websocket.StatusPolicyViolation},
		"flood": {repeat(100, signalling.In{T: signalling.Lead}), websocket.StatusPolicyViolation},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(t, 2, trusting())
				good := l.login("good")
				l.wantTarget(true, "the good page")
				bad := l.open(signalling.In{Ticket: l.ticketFor(l.agents[1].ID, "bad"), Lead: true})
				synctest.Wait()
				tt.do(bad)
				// A page that goes on writing while it is thrown out may break the
				// connection before it reads the close frame.
				if c := bad.gone(); c != tt.want && (name != "flood" || c != -1) {
					t.Errorf("close code %d, want %d", c, tt.want)
				}
				l.wantTarget(true, "the good page afterwards")
				time.Sleep(10 * time.Second)
				l.wantTarget(true, "the good page long afterwards")
				if good.count(signalling.Ping) == 0 {
					t.Error("the good page was not asked")
				}
			})
		})
	}
}

// TestHarmless: what is merely out of place is passed over and counted.
func TestHarmless(t *testing.T) {
	bubble(t, trusting(), func(t *testing.T, l *lab) {
		p := l.login("t1")
		for _, m := range []string{
			`{"t":"pong","n":99999}`, `{"t":"offer","call":"nobody's","sdp":"v=0"}`,
			`{"t":"cand","call":"nobody's","cand":{"candidate":"x"}}`, `{"t":"heard","call":"x","packets":50}`,
			`{"t":"retest","why":"button"}`, `{"t":"lead","future":{"field":[1,2]}}`,
		} {
			_ = p.ws.Write(context.Background(), websocket.MessageText, []byte(m))
		}
		time.Sleep(10 * time.Second)
		l.wantTarget(true, "after messages out of place")
	})
}

func TestNoHello(t *testing.T) {
	bubble(t, trusting(), func(t *testing.T, l *lab) {
		ws, _, err := l.dial(nil, signalling.Subprotocol)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, _, err = ws.Read(context.Background())
		if d := time.Since(start); d < 5*time.Second || d > 7*time.Second {
			t.Errorf("closed after %v (%v), want about 5 s", d, err)
		}
		_ = ws.CloseNow()
	})
}

func TestLimits(t *testing.T) {
	o := trusting()
	o.Limits = Limits{Sessions: 7, PerAgent: 3, Waiting: 2}
	synctest.Test(t, func(t *testing.T) {
		l := newLab(t, 3, o)
		pages := make([]*page, 0, 3)
		for range 3 {
			pages = append(pages, l.open(signalling.In{Ticket: l.ticket("t"), Lead: true}))
			synctest.Wait()
		}
		if c := l.open(signalling.In{Ticket: l.ticket("t"), Lead: true}).gone(); c != signalling.CloseTooMany {
			t.Errorf("fourth session of an agent: close code %d", c)
		}
		// One that waits for its page makes room.
		pages[0].vanish()
		synctest.Wait()
		fresh := l.open(signalling.In{Ticket: l.ticket("t"), Lead: true})
		synctest.Wait()
		if fresh.greeting().Session == "" {
			t.Error("a session without a page kept a new one out")
		}
		for range 3 {
			l.open(signalling.In{Ticket: l.ticketFor(l.agents[1].ID, "t")})
			synctest.Wait()
		}
		l.open(signalling.In{Ticket: l.ticketFor(l.agents[2].ID, "t")})
		synctest.Wait()
		if c := l.open(signalling.In{Ticket: l.ticketFor(l.agents[2].ID, "t")}).gone(); c != signalling.CloseTooMany {
			t.Errorf("eighth session in all: close code %d", c)
		}
		synctest.Wait() // until that one counts no more
		for range 2 {   // sockets that say nothing
			ws, _, err := l.dial(nil, signalling.Subprotocol)
			if err != nil {
				t.Fatal(err)
			}
			defer ws.CloseNow()
		}
		_, resp, err := l.dial(nil, signalling.Subprotocol)
		if err == nil || resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("third silent socket: %v %v", resp, err)
		}
	})
}

// TestDoesNotRead: a page that takes nothing off its socket is silent.
func TestDoesNotRead(t *testing.T) {
	bubble(t, trusting(), func(t *testing.T, l *lab) {
		ws, _, err := l.dial(nil, signalling.Subprotocol)
		if err != nil {
			t.Fatal(err)
		}
		c := granted()
		_ = ws.Write(context.Background(), websocket.MessageText, signalling.Encode(
			signalling.In{T: signalling.Hello, Ticket: l.ticket("t"), Lead: true, Mic: &c}))
		l.wantTarget(true, "granted in its hello")
		time.Sleep(2500 * time.Millisecond)
		l.wantTarget(false, "2.5 s of reading nothing")
		if n := len(l.sessions()); n != 0 {
			t.Errorf("%d facts left: grace was added to silence", n)
		}
		_ = ws.CloseNow()
	})
}

func TestValidate(t *testing.T) {
	h := newHouse(t, 1)
	good := Options{Roster: h, Directory: h, Redeemer: h, UDP: "127.0.0.1:0"}
	tests := map[string]func(*Options){
		"no roster":      func(o *Options) { o.Roster = nil },
		"no UDP":         func(o *Options) { o.UDP = "" },
		"bad UDP":        func(o *Options) { o.UDP = "nonsense" },
		"bad external":   func(o *Options) { o.External = []string{"host.example"} },
		"bad origin":     func(o *Options) { o.Origins = []string{"example.com"} },
		"lost too early": func(o *Options) { o.Timing.Lost = time.Second },
	}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			o := good
			spoil(&o)
			if o.Validate() == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestMetricsRegister(t *testing.T) {
	o := trusting()
	reg := prometheus.NewRegistry()
	o.Metrics = reg
	l := newLab(t, 1, o)
	l.srv.m.refuse("test")
	got, err := reg.Gather()
	if err != nil || len(got) < 10 {
		t.Fatalf("%d families, %v", len(got), err)
	}
	o.Roster, o.Directory, o.Redeemer = l, l, l
	if srv, err := Open(o); err == nil {
		_ = srv.Close()
		t.Error("a second server took the same names")
	}
}
