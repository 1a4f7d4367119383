package login

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lamplight/presence"
	"lamplight/store"
	"lamplight/store/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// people is a directory of a few.
type people struct {
	mu   sync.Mutex
	list map[presence.AgentID]*presence.Agent // guarded by mu
}

func (p *people) Agent(id presence.AgentID) (*presence.Agent, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	a, ok := p.list[id]
	return a, ok
}

func (p *people) AgentByNumber(dom presence.DomainID, number string) (*presence.Agent, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.list {
		if a.Domain == dom && a.Number == number {
			return a, true
		}
	}
	return nil, false
}

func (p *people) put(a presence.Agent) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list[a.ID] = &a
}

var (
	office = netip.MustParseAddr("192.0.2.7")
	home   = netip.MustParseAddr("198.51.100.4")
	dom    = presence.DomainID{ID: presence.ID{1}}
	ada    = presence.Agent{
		ID: presence.AgentID{ID: presence.ID{2}}, Domain: dom, Number: "1001", Role: presence.RoleSupervisor,
		LoginHash: HashPassword("right"),
	}
	mute = presence.Agent{ID: presence.AgentID{ID: presence.ID{3}}, Domain: dom, Number: "1002"}
)

func house(t *testing.T) (*Sessions, *people, *sim.Store) {
	t.Helper()
	st := sim.New(sim.Options{})
	t.Cleanup(func() { _ = st.Close() })
	p := &people{list: map[presence.AgentID]*presence.Agent{}}
	p.put(ada)
	p.put(mute)
	return New(Options{Store: st, Directory: p, UserTries: 3, SourceTries: 5, UserPause: time.Hour, SourcePause: time.Hour}), p, st
}

func open(t *testing.T, s *Sessions) *Session {
	t.Helper()
	got, err := s.Open(t.Context(), dom, "1001", "right", office)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func found(t *testing.T, s *Sessions, token string) bool {
	t.Helper()
	_, ok, err := s.Find(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestOpenFindClose(t *testing.T) {
	s, _, _ := house(t)
	got := open(t, s)
	if sub := got.Subject; sub.Agent != ada.ID || sub.Role != presence.RoleSupervisor || sub.Actor() != "agent:1001" || sub.Session == "" {
		t.Errorf("subject %+v", sub)
	}
	sub, ok, err := s.Find(t.Context(), got.Token)
	if err != nil || !ok || *sub != got.Subject {
		t.Fatalf("found %+v %v %v", sub, ok, err)
	}
	if strings.Contains(sub.Session, got.Token) || strings.Contains(got.Token, sub.Session) {
		t.Error("the session's name tells its token")
	}
	if err := s.Close(t.Context(), got.Token); err != nil {
		t.Fatal(err)
	}
	if found(t, s, got.Token) {
		t.Error("a closed session was found")
	}
	if err := s.Close(t.Context(), got.Token); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestWhoGetsNoSession(t *testing.T) {
	for name, c := range map[string]struct{ number, password string }{
		"wrong password":        {"1001", "wrong"},
		"empty password":        {"1001", ""},
		"nobody":                {"9999", "right"},
		"agent without login":   {"1002", "right"},
		"no login, no password": {"1002", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, _ := house(t)
			if _, err := s.Open(t.Context(), dom, c.number, c.password, office); !errors.Is(err, ErrWrong) {
				t.Errorf("got %v, want ErrWrong", err)
			}
		})
	}
}

func TestSessionOutlivesRestart(t *testing.T) {
	s, p, st := house(t)
	got := open(t, s)
	st.Crash() // whatever was acknowledged is there after it
	again, err := st.Reopen(sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if !found(t, New(Options{Store: again, Directory: p}), got.Token) {
		t.Error("the session was lost")
	}
}

func TestTokenIsNotStored(t *testing.T) {
	s, _, st := house(t)
	got := open(t, s)
	n := 0
	err := st.Scan(t.Context(), space, func(r store.Record) error {
		n++
		if strings.Contains(r.Key.Key, got.Token) || strings.Contains(string(r.Data), got.Token) {
			t.Error("the store holds the token itself")
		}
		if r.Expires.IsZero() {
			t.Error("the record never ends")
		}
		return nil
	})
	if err != nil || n != 1 {
		t.Errorf("%d sessions, %v", n, err)
	}
}

func TestSessionEnds(t *testing.T) {
	for name, change := range map[string]func(*people){
		"another password": func(p *people) { a := ada; a.LoginHash = HashPassword("new"); p.put(a) },
		"login taken away": func(p *people) { a := ada; a.LoginHash = ""; p.put(a) },
		"agent deleted":    func(p *people) { delete(p.list, ada.ID) },
	} {
		t.Run(name, func(t *testing.T) {
			s, p, _ := house(t)
			got := open(t, s)
			change(p)
			if found(t, s, got.Token) {
				t.Error("the session is still open")
			}
		})
	}
	t.Run("lifetime", func(t *testing.T) {
		st := sim.New(sim.Options{})
		defer st.Close()
		p := &people{list: map[presence.AgentID]*presence.Agent{}}
		p.put(ada)
		s := New(Options{Store: st, Directory: p, Life: 30 * time.Millisecond})
		got := open(t, s)
		time.Sleep(time.Until(got.Expires) + 5*time.Millisecond)
		if found(t, s, got.Token) {
			t.Error("the session is still open")
		}
	})
}

func TestRoleIsReadAnew(t *testing.T) {
	s, p, _ := house(t)
	got := open(t, s)
	a := ada
	a.Role = presence.RoleAgent
	p.put(a)
	sub, ok, err := s.Find(t.Context(), got.Token)
	if err != nil || !ok || sub.Role != presence.RoleAgent {
		t.Errorf("got %+v %v %v", sub, ok, err)
	}
}

func TestUserIsLimited(t *testing.T) {
	s, _, _ := house(t)
	for range 3 {
		if _, err := s.Open(t.Context(), dom, "1001", "guess", office); !errors.Is(err, ErrWrong) {
			t.Fatal(err)
		}
	}
	var limited *LimitedError
	if _, err := s.Open(t.Context(), dom, "1001", "right", home); !errors.As(err, &limited) || limited.Wait <= 0 || limited.Wait > time.Hour {
		t.Errorf("got %v, want a limit of at most an hour", err)
	}
}

func TestSourceIsLimited(t *testing.T) {
	s, _, _ := house(t)
	for i := range 5 {
		if _, err := s.Open(t.Context(), dom, "99"+string(rune('0'+i)), "guess", office); !errors.Is(err, ErrWrong) {
			t.Fatal(err)
		}
	}
	var limited *LimitedError
	if _, err := s.Open(t.Context(), dom, "1001", "right", office); !errors.As(err, &limited) {
		t.Errorf("got %v, want a limit", err)
	}
	if _, err := s.Open(t.Context(), dom, "1001", "right", home); err != nil {
		t.Errorf("from another address: %v", err)
	}
}

func TestRightPasswordsAreNotLimited(t *testing.T) {
	s, _, _ := house(t)
	for range 12 {
		open(t, s)
	}
}

func TestStoreFails(t *testing.T) {
	s, _, st := house(t)
	st.FailNext(1)
	if _, err := s.Open(t.Context(), dom, "1001", "right", office); !errors.Is(err, sim.ErrInjected) {
		t.Errorf("got %v, want the store's error", err)
	}
}

func TestAttempts(t *testing.T) {
	t0 := time.Unix(1000, 0)
	a := newAttempts(10*time.Second, 2, 3)
	for range 2 {
		if a.take("x", t0) != 0 {
			t.Fatal("the first two tries must pass")
		}
	}
	if w := a.take("x", t0); w != 10*time.Second {
		t.Errorf("wait %v, want 10s", w)
	}
	if w := a.take("x", t0.Add(4*time.Second)); w != 6*time.Second {
		t.Errorf("wait %v, want 6s", w)
	}
	if w := a.take("x", t0.Add(10*time.Second)); w != 0 {
		t.Errorf("wait %v after one came back", w)
	}
	for _, k := range []string{"a", "b", "c", "d"} {
		a.take(k, t0)
	}
	if len(a.keys) != 3 || a.order.Len() != 3 {
		t.Errorf("remembers %d keys, want 3", len(a.keys))
	}
}

func TestSourceKey(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.7":        "192.0.2.7",
		"::ffff:192.0.2.7": "192.0.2.7",
		"2001:db8:1:2:3::": "2001:db8:1:2::/64",
	} {
		if got := sourceKey(netip.MustParseAddr(in)); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	if got := sourceKey(netip.Addr{}); got == "" {
		t.Error("no address has no key")
	}
}

func TestVerifyPassword(t *testing.T) {
	h := HashPassword("pass wörd")
	if h == HashPassword("pass wörd") {
		t.Error("two hashes are the same: no salt")
	}
	for name, c := range map[string]struct {
		hash, password string
		ok, bad        bool
	}{
		"right":        {h, "pass wörd", true, false},
		"wrong":        {h, "pass word", false, false},
		"not argon2":   {"$2a$10$abc", "x", false, true},
		"empty":        {"", "x", false, true},
		"huge memory":  {strings.Replace(h, "m=19456", "m=99999999", 1), "x", false, true},
		"many passes":  {strings.Replace(h, "t=2", "t=9999", 1), "x", false, true},
		"no threads":   {strings.Replace(h, "p=1", "p=0", 1), "x", false, true},
		"old version":  {strings.Replace(h, "v=19", "v=16", 1), "x", false, true},
		"not base64":   {h[:len(h)-4] + "!!!!", "x", false, true},
		"without hash": {h[:strings.LastIndex(h, "$")+1], "x", false, true},
	} {
		t.Run(name, func(t *testing.T) {
			ok, err := VerifyPassword(c.hash, c.password)
			if ok != c.ok || (err != nil) != c.bad || c.bad && !errors.Is(err, ErrHash) {
				t.Errorf("got %v %v", ok, err)
			}
		})
	}
}

func TestVerifierIsBounded(t *testing.T) {
	v := newVerifier()
	v.wait = time.Millisecond
	for range cap(v.slots) {
		v.slots <- struct{}{}
	}
	if _, err := v.verify(t.Context(), ada.LoginHash, "right"); !errors.Is(err, ErrBusy) {
		t.Errorf("got %v, want ErrBusy", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v.wait = time.Minute
	if _, err := v.verify(ctx, ada.LoginHash, "right"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestCookie(t *testing.T) {
	for name, secure := range map[string]bool{CookieSecure: true, CookiePlain: false} {
		t.Run(name, func(t *testing.T) {
			w := httptest.NewRecorder()
			Cookie{Secure: secure}.Set(w, "token", time.Now().Add(time.Hour))
			c := w.Result().Cookies()[0]
			if c.Name != name || c.Secure != secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" {
				t.Errorf("cookie %+v", c)
			}
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.AddCookie(c)
			if Token(r, secure) != "token" || Token(r, !secure) != "" {
				t.Error("the cookie is read under the other name")
			}
		})
	}
}

func TestCookieOfAFrame(t *testing.T) {
	w := httptest.NewRecorder()
	Cookie{Secure: true, Framed: true}.Set(w, "token", time.Now().Add(time.Hour))
	if c := w.Result().Cookies()[0]; c.SameSite != http.SameSiteNoneMode || !c.Partitioned || !c.Secure || c.Name != CookieSecure {
		t.Errorf("over TLS: %+v", c)
	}
	w = httptest.NewRecorder()
	Cookie{Framed: true}.Set(w, "token", time.Now().Add(time.Hour))
	if c := w.Result().Cookies()[0]; c.SameSite != http.SameSiteStrictMode || c.Partitioned {
		t.Errorf("a plain cookie is never given to other sites: %+v", c)
	}
	w = httptest.NewRecorder()
	ClearCookie(w, true)
	if l := w.Result().Cookies(); len(l) != 2 || l[0].Partitioned == l[1].Partitioned || l[0].MaxAge >= 0 || l[1].MaxAge >= 0 {
		t.Errorf("both forms are to be taken back: %+v", l)
	}
}
