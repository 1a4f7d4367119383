package webrtc

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/webrtc/signalling"
)

// trusting needs no UDP, so that time can be a bubble's.
func trusting() Options { return Options{TrustWithoutTest: true} }

func bubble(t *testing.T, o Options, f func(t *testing.T, l *lab)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newLab(t, 1, o)) })
}

func (l *lab) wantTarget(want bool, when string) {
	l.t.Helper()
	synctest.Wait()
	if got := l.target(); got != want {
		l.t.Fatalf("%s: target is %v, want %v (facts %+v)", when, got, want, l.sessions())
	}
}

func (l *lab) wantLabel(want presence.Status, when string) {
	l.t.Helper()
	synctest.Wait()
	if got := l.label(); got != want {
		l.t.Fatalf("%s: the team sees %s, want %s (facts %+v)", when, got, want, l.sessions())
	}
}

func TestLogin(t *testing.T) {
	bubble(t, trusting(), func(t *testing.T, l *lab) {
		p := l.open(signalling.In{Ticket: l.ticket("t1"), Tab: "a", Lead: true})
		l.wantTarget(false, "before the microphone was tried")
		if s := p.now(); s.Leader != signalling.LeaderYou || s.Mic != "not_asked" || s.Target || s.Remedy == "" {
			t.Errorf("state at first: %+v", s)
		}
		if p.count(signalling.Probe) != 1 {
			t.Error("the page was not asked to open its microphone")
		}
		p.claim(granted())
		l.wantTarget(true, "with the microphone granted")
		w := p.greeting()
		f := l.sessions()
		if len(f) != 1 || f[0].ID != w.Session || f[0].Device != l.device.ID || f[0].State != presence.SessionAlive {
			t.Errorf("facts %+v", f)
		}
		if s := p.now(); !s.Target || s.Network != "trusted" {
			t.Errorf("state: %+v", s)
		}
		if l.lastCause() != presence.CauseLogin {
			t.Errorf("cause %s, want login", l.lastCause())
		}
		time.Sleep(time.Hour)
		l.wantTarget(true, "an hour later")
		if n := p.count(signalling.Ping); n < 3200 || n > 4100 {
			t.Errorf("%d pings in an hour of being routable, want about 3600", n)
		}
	})
}

func TestTabClosed(t *testing.T) {
	bubble(t, trusting(), func(t *testing.T, l *lab) {
		p := l.login("t1")
		l.wantTarget(true, "logged in")
		p.vanish()
		l.wantTarget(false, "the moment the tab closed")
		l.wantLabel(presence.StatusAvailable, "within the grace time")
		time.Sleep(4900 * time.Millisecond)
		l.wantLabel(presence.StatusAvailable, "at the end of the grace time")
		time.Sleep(200 * time.Millisecond)
		l.wantLabel(presence.StatusOffline, "after the grace time")
		if n := len(l.srv.Sessions(l.agents[0].ID)); n != 0 {
			t.Errorf("%d sessions left", n)
		}
	})
}

func TestFrozenPage(t *testing.T) {
	bubble(t, trusting(), func(t *testing.T, l *lab) {
		p := l.login("t1")
		time.Sleep(10*time.Second + 300*time.Millisecond)
		l.wantTarget(true, "alive")
		p.freeze(true)
		time.Sleep(2500 * time.Millisecond)
		l.wantTarget(false, "2.5 s after the page froze")
		l.wantLabel(presence.StatusAvailable, "while suspect")
		time.Sleep(2400 * time.Millisecond)
		l.wantLabel(presence.StatusOffline, "4.9 s after the page froze")
		if c := p.gone(); c != -1 {
			t.Errorf("close code %d", c)
		}
		if l.lastCause() != presence.CauseWebphoneQuiet {
			t.Errorf("cause %s", l.lastCause())
		}
	})
}

func TestPageThaws(t *testing.T) {
	bubble(t, trusting(), func(t *testing.T, l *lab) {
		p := l.login("t1")
		synctest.Wait()
		p.freeze(true)
		time.Sleep(3 * time.Second)
		l.wantTarget(false, "suspect")
		p.freeze(false)
		time.Sleep(1200 * time.Millisecond)
		l.wantTarget(true, "answers again")
	})
}

// TestBrokenAfterSilence: a socket that breaks while the page is silent gets no
// grace on top.
func TestBrokenAfterSilence(t *testing.T) {
	bubble(t, trusting(), func(t *testing.T, l *lab) {
		p := l.login("t1")
		synctest.Wait()
		p.freeze(true)
		time.Sleep(3 * time.Second)
		_ = p.ws.CloseNow()
		l.wantLabel(presence.StatusOffline, "broken after silence")
	})
}

func TestFreezeAnnounced(t *testing.T) {
	bubble(t, trusting(), func(t *testing.T, l *lab) {
		p := l.login("t1")
		l.wantTarget(true, "logged in")
		probes := p.count(signalling.Probe)
		p.say(signalling.In{T: signalling.Freeze})
		l.wantTarget(false, "the moment the browser announced it")
		time.Sleep(1500 * time.Millisecond)
		l.wantTarget(true, "after the next answer")
		if p.count(signalling.Probe) != probes+1 {
			t.Error("a page that woke was not asked for its microphone")
		}
	})
}

func TestIdleAndRoutablePings(t *testing.T) {
	bubble(t, trusting(), func(t *testing.T, l *lab) {
		l.mu.Lock()
		l.facts[l.agents[0].ID].Selected.Status = presence.SelectDND
		l.mu.Unlock()
		p := l.login("t1")
		time.Sleep(60 * time.Second)
		idle := p.count(signalling.Ping)
		if idle < 11 || idle > 16 {
			t.Errorf("%d pings in a minute of Do Not Disturb, want about 12", idle)
		}
		l.mu.Lock()
		l.facts[l.agents[0].ID].Selected.Status = presence.SelectAvailable
		l.mu.Unlock()
		l.Apply(l.agents[0].ID, roster.Change{Cause: presence.CauseAgent}, nil)
		time.Sleep(1200 * time.Millisecond)
		if n := p.count(signalling.Ping); n == idle {
			t.Error("no ping soon after the agent became Available")
		}
	})
}

func TestReload(t *testing.T) {
	for name, last := range map[string]signalling.In{
		"socket closed": {},
		"bye first":     {T: signalling.Bye, Why: signalling.ByePagehide},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, trusting(), func(t *testing.T, l *lab) {
				p := l.login("t1")
				l.wantTarget(true, "logged in")
				w := p.greeting()
				if last.T != "" {
					p.say(last)
					p.gone()
				} else {
					p.vanish()
				}
				l.wantTarget(false, "gone")
				time.Sleep(2 * time.Second)
				p2 := l.open(signalling.In{
					Resume: w.Resume, Tab: "t1", Lead: true, Epoch: w.Epoch,
					Mic: &signalling.Claim{Perm: "granted"},
				})
				l.wantTarget(true, "resumed, permission still granted")
				w2 := p2.greeting()
				if !w2.Resumed || w2.Session != w.Session || w2.Resume == w.Resume {
					t.Errorf("welcome %+v after %+v", w2, w)
				}
				time.Sleep(10 * time.Second)
				l.wantTarget(true, "long after")
				if len(l.sessions()) != 1 {
					t.Errorf("facts %+v", l.sessions())
				}
			})
		})
	}
}

func TestResumeRefused(t *testing.T) {
	bubble(t, trusting(), func(t *testing.T, l *lab) {
		p := l.login("t1")
		synctest.Wait()
		token := p.greeting().Resume
		p.vanish()
		time.Sleep(6 * time.Second)
		p2 := l.open(signalling.In{Resume: token, Lead: true})
		synctest.Wait()
		if p2.count(signalling.Refused) != 1 {
			t.Fatal("an old resume token was taken")
		}
		p2.say(signalling.In{T: signalling.Hello, Ticket: l.ticket("t2"), Lead: true})
		synctest.Wait()
		if p2.greeting().Session == "" {
			t.Error("a ticket was not taken on the same socket")
		}
		if c := l.open(signalling.In{Ticket: "t2"}).gone(); c != signalling.CloseRefused {
			t.Errorf("a used ticket: close code %d", c)
		}
	})
}

// TestReplaced: the same page on a new network, its old socket half open.
func TestReplaced(t *testing.T) {
	bubble(t, trusting(), func(t *testing.T, l *lab) {
		p := l.login("t1")
		l.wantTarget(true, "logged in")
		w := p.greeting()
		p2 := l.open(signalling.In{Resume: w.Resume, Lead: true, Epoch: w.Epoch, Mic: &signalling.Claim{Perm: "granted"}})
		if c := p.gone(); c != signalling.CloseReplaced {
			t.Errorf("close code %d", c)
		}
		l.wantTarget(true, "on the new socket")
		if p2.greeting().Session != w.Session {
			t.Error("not the same session")
		}
	})
}

func TestLogout(t *testing.T) {
	tests := map[string]func(l *lab, p *page){
		"by the page": func(_ *lab, p *page) { p.say(signalling.In{T: signalling.Bye, Why: signalling.ByeLogout}) },
		"by the login": func(l *lab, _ *page) {
			l.srv.Logout(l.agents[0].ID, "another login")
			l.wantTarget(true, "another login's logout")
			l.srv.Logout(l.agents[0].ID, "login-1")
		},
		"by a supervisor, in the roster": func(l *lab, _ *page) {
			l.Apply(l.agents[0].ID, roster.Change{Cause: presence.CauseSupervisor, Ops: []roster.Op{roster.Logout{}}}, nil)
		},
		"by beacon": func(l *lab, p *page) { l.beacon(p.greeting().Resume, signalling.ByeLogout) },
	}
	for name, logout := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, trusting(), func(t *testing.T, l *lab) {
				p := l.login("t1")
				l.wantTarget(true, "logged in")
				logout(l, p)
				l.wantLabel(presence.StatusOffline, "at once, without grace")
				if c := p.gone(); c != 1000 && c != signalling.CloseLoggedOut {
					t.Errorf("close code %d", c)
				}
				time.Sleep(time.Minute)
				if len(l.sessions()) != 0 || len(l.srv.Sessions(l.agents[0].ID)) != 0 {
					t.Error("something is left")
				}
			})
		})
	}
}

func (l *lab) beacon(token, why string) int {
	resp, err := l.client.Post("http://desk.test/webphone/bye", "text/plain",
		strings.NewReader(`{"resume":"`+token+`","why":"`+why+`"}`))
	if err != nil {
		l.t.Fatal(err)
	}
	resp.Body.Close()
	l.client.CloseIdleConnections()
	return resp.StatusCode
}

func TestBeacon(t *testing.T) {
	bubble(t, trusting(), func(t *testing.T, l *lab) {
		p := l.login("t1")
		l.wantTarget(true, "logged in")
		w := p.greeting()
		for range 3 { // idempotent
			if c := l.beacon(w.Resume, signalling.ByePagehide); c != http.StatusNoContent {
				t.Fatalf("status %d", c)
			}
			l.wantTarget(false, "goodbye by beacon")
		}
		p2 := l.open(signalling.In{Resume: w.Resume, Lead: true, Epoch: w.Epoch, Mic: &signalling.Claim{Perm: "granted"}})
		l.wantTarget(true, "came back")
		l.beacon(w.Resume, signalling.ByePagehide) // late, of the page before the reload
		l.wantTarget(true, "after the old page's late goodbye")
		if c := l.beacon("nobody's", "pagehide"); c != http.StatusNoContent {
			t.Errorf("unknown token: status %d", c)
		}
		_ = p2
		resp, err := l.client.Get("http://desk.test/webphone/bye")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("GET: status %d", resp.StatusCode)
		}
		if c := l.beacon(strings.Repeat("x", 2000), "x"); c != http.StatusRequestEntityTooLarge {
			t.Errorf("2 kB: status %d", c)
		}
		time.Sleep(time.Second) // net/http lingers on a body it did not read
		l.client.CloseIdleConnections()
	})
}

func TestShutdown(t *testing.T) {
	bubble(t, trusting(), func(t *testing.T, l *lab) {
		p := l.login("t1")
		l.wantTarget(true, "logged in")
		if err := l.srv.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		if c := p.gone(); c != websocket.StatusServiceRestart {
			t.Errorf("close code %d, want 1012", c)
		}
		_, resp, err := l.dial(nil, signalling.Subprotocol)
		if err == nil || resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("after shutdown: %v %v", resp, err)
		}
	})
}

// TestRosterFails: what the roster could not commit is told again.
func TestRosterFails(t *testing.T) {
	bubble(t, trusting(), func(t *testing.T, l *lab) {
		l.mu.Lock()
		l.fail = 2
		l.mu.Unlock()
		p := l.login("t1")
		time.Sleep(1100 * time.Millisecond)
		l.wantTarget(true, "told again")
		l.mu.Lock()
		l.fail = 1
		l.mu.Unlock()
		p.say(signalling.In{T: signalling.Bye, Why: signalling.ByeLogout})
		synctest.Wait()
		if len(l.sessions()) != 1 {
			t.Fatal("the failure was not felt")
		}
		time.Sleep(1100 * time.Millisecond)
		synctest.Wait()
		if len(l.sessions()) != 0 {
			t.Error("the end of a session was not told again")
		}
	})
}
