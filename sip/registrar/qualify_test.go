package registrar_test

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/registrar"
	"lamplight/sip/siptest"
	"lamplight/store"
)

// asked counts the OPTIONS that a phone gets, which it answers with a status; 0:
// not at all.
func asked(p *phone, status int) *atomic.Int64 {
	var n atomic.Int64
	p.Handle(func(m *message.Message) *message.Builder {
		if m.Method != "OPTIONS" {
			return nil
		}
		n.Add(1)
		if status == 0 {
			return nil
		}
		return message.NewResponse(m, status, "")
	})
	return &n
}

// behindNAT is the contact of a phone that knows its inside address only.
const behindNAT = "Contact: <sip:1001@192.168.0.7:5060>"

func TestWhoIsQualified(t *testing.T) {
	const direct = "Contact: <sip:1001@10.0.1.1:5060>"
	for name, tc := range map[string]struct {
		mode    registrar.Qualify
		headers []string
		want    bool
	}{
		"behind NAT":                   {"", []string{behindNAT}, true},
		"by a name":                    {"", []string{"Contact: <sip:1001@desk.invalid>"}, true},
		"direct":                       {"", []string{direct}, false},
		"direct, another port":         {"", []string{"Contact: <sip:1001@10.0.1.1:9999>"}, false},
		"through a proxy":              {"", []string{behindNAT, "Path: <sip:10.0.1.1;lr>"}, false},
		"all, direct":                  {registrar.QualifyAll, []string{direct}, true},
		"all, through a proxy":         {registrar.QualifyAll, []string{behindNAT, "Path: <sip:10.0.1.1;lr>"}, true},
		"off, behind NAT":              {registrar.QualifyOff, []string{behindNAT}, false},
		"nat by its name, behind NAT":  {registrar.QualifyNAT, []string{behindNAT}, true},
		"a deaf phone":                 {registrar.QualifyAll, []string{behindNAT, "User-Agent: Deaf Phone/1"}, false},
		"nat by its name, not changed": {registrar.QualifyNAT, []string{direct}, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newHouse(t, registrar.Limits{Qualify: tc.mode})
				p := h.phone("1001", "10.0.1.1:5060")
				n := asked(p, 200)
				wantStatus(t, p.register(append(tc.headers, "Expires: 120")...), 200)
				time.Sleep(40 * time.Second)
				if (n.Load() > 0) != tc.want {
					t.Errorf("asked %d times within 40 s", n.Load())
				}
			})
		})
	}
}

// A phone that was unplugged, or whose translator of addresses forgot it, must not
// stay green: it is unregistered in the stated time, for good, and its agent told.
func TestUnpluggedPhoneIsUnregistered(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{NATExpires: time.Hour})
		p := h.phone("1001", "10.0.1.1:5060")
		wantStatus(t, p.register(behindNAT, "Expires: 3600"), 200)
		p.Close()
		silent := time.Now()
		for h.known("1001") != "" {
			if time.Since(silent) > 2*time.Hour {
				t.Fatal("still registered")
			}
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(silent); took > 65*time.Second || took < 30*time.Second {
			t.Errorf("unregistered after %v", took)
		}
		time.Sleep(100 * time.Millisecond) // the snapshot does not wait for the commit
		if h.bound("1001") != "" || h.rows() != 0 {
			t.Errorf("left: %q, %d rows", h.bound("1001"), h.rows())
		}
		es, err := h.store.Log(context.Background(), store.LogQuery{Kind: "registration", Newest: true, Limit: 1})
		if err != nil || len(es) != 1 || es[0].Cause != string(presence.CauseFactExpired) || es[0].After != nil {
			t.Errorf("log %+v, %v", es, err)
		}
		h.crash()
		if got := h.known("1001"); got != "" {
			t.Errorf("after a restart %q", got)
		}
	})
}

// The end of a contact that does not answer reaches who watches the agent: there is
// no contact removed in silence.
func TestEndByKeepaliveIsToldToWatchers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{})
		told := make(chan *presence.Snapshot, 64)
		stop := h.roster.Watch(func(s *presence.Snapshot) {
			if s.Agent == h.agent("1001") {
				told <- s
			}
		})
		defer stop()
		p := h.phone("1001", "10.0.1.1:5060")
		wantStatus(t, p.register(behindNAT), 200)
		p.Close()
		time.Sleep(65 * time.Second)
		synctest.Wait()
		var last *presence.Snapshot
		for len(told) > 0 {
			last = <-told
		}
		if last == nil || last.Reachable || len(last.Devices) != 0 {
			t.Errorf("told last %+v", last)
		}
	})
}

func TestWhatCountsAsAnAnswer(t *testing.T) {
	const path = "Path: <sip:10.0.1.1;lr>"
	for name, tc := range map[string]struct {
		status int
		path   bool
		alive  bool
	}{
		"200": {200, false, true}, "404": {404, false, true}, "405": {405, false, true}, "481": {481, false, true},
		"486": {486, false, true}, "501": {501, false, true}, "603": {603, false, true},
		"401": {401, false, true}, "430 of its own": {430, false, true},
		"408 of a proxy": {408, true, false}, "430 of a proxy": {430, true, false}, "404 through a proxy": {404, true, true},
		"nothing": {0, false, false}, "100 only, a sign of life": {100, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newHouse(t, registrar.Limits{Qualify: registrar.QualifyAll, NATExpires: time.Hour})
				p := h.phone("1001", "10.0.1.1:5060")
				n := asked(p, tc.status)
				headers := []string{behindNAT, "Expires: 3600"}
				if tc.path {
					headers = append(headers, path)
				}
				wantStatus(t, p.register(headers...), 200)
				time.Sleep(5 * time.Minute)
				if alive := h.known("1001") != ""; alive != tc.alive {
					t.Errorf("alive is %v after %d questions", alive, n.Load())
				}
				if tc.alive && (n.Load() < 7 || n.Load() > 13) {
					t.Errorf("%d questions in 5 minutes", n.Load())
				}
			})
		})
	}
}

func TestSignsOfLifePostponeTheQuestion(t *testing.T) {
	for name, live := range map[string]func(p *phone){
		"REGISTER":   func(p *phone) { p.register(behindNAT, "Expires: 120") },
		"keep-alive": func(p *phone) { p.SendRaw([]byte("\r\n\r\n")) },
		"any request": func(p *phone) {
			p.Send(p.build().Set(message.CSeq, fmt.Sprint(p.seq, " MESSAGE")))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newHouse(t, registrar.Limits{NATExpires: 20 * time.Minute})
				p := h.phone("1001", "10.0.1.1:5060")
				n := asked(p, 200)
				wantStatus(t, p.register(behindNAT, "Expires: 1200"), 200)
				for range 20 {
					time.Sleep(20 * time.Second)
					live(p)
				}
				if n.Load() != 0 {
					t.Errorf("asked %d times", n.Load())
				}
				time.Sleep(40 * time.Second)
				if n.Load() != 1 {
					t.Errorf("asked %d times after it fell silent", n.Load())
				}
			})
		})
	}
}

// What we send a phone is no sign of its life.
func TestOurOwnRequestsAreNoSignOfLife(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{})
		p := h.phone("1001", "10.0.1.1:5060")
		wantStatus(t, p.register(behindNAT), 200)
		p.Close()
		for range 65 {
			if f, err := h.tp.Flow(context.Background(), "UDP", netip.MustParseAddrPort("10.0.1.1:5060")); err == nil {
				_ = f.Send([]byte("NOTIFY sip:1001@192.168.0.7 SIP/2.0\r\n\r\n"))
			}
			time.Sleep(time.Second)
		}
		if got := h.known("1001"); got != "" {
			t.Errorf("still %q", got)
		}
	})
}

// A phone that comes back between two questions, or registers anew while one is
// under way, is left alone.
func TestPhoneComesBackInTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{})
		p := h.phone("1001", "10.0.1.1:5060")
		n := asked(p, 0)
		wantStatus(t, p.register(behindNAT), 200)
		for n.Load() < 3 { // the last one
			time.Sleep(100 * time.Millisecond)
		}
		wantStatus(t, p.register(behindNAT), 200)
		time.Sleep(10 * time.Second)
		if got := h.known("1001"); got == "" {
			t.Error("unregistered though it refreshed")
		}
		asked(p, 200)
		time.Sleep(80 * time.Second)
		if got := h.known("1001"); got == "" {
			t.Error("unregistered though it answers")
		}
	})
}

func TestRoundTripIsMeasuredAndSmoothed(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{NATExpires: time.Hour})
		h.net.SetFaults(siptest.Faults{Delay: 20 * time.Millisecond})
		p := h.phone("1001", "10.0.1.1:5060")
		asked(p, 200)
		wantStatus(t, p.register(behindNAT), 200)
		trip := func() time.Duration { return h.reg.Bindings(h.agent("1001"))[0].RoundTrip() }
		if trip() != 0 {
			t.Errorf("%v before any question", trip())
		}
		time.Sleep(time.Minute)
		if d := trip(); d < 40*time.Millisecond || d > 45*time.Millisecond {
			t.Errorf("round trip %v, want 40 ms", d)
		}
		h.net.SetFaults(siptest.Faults{Delay: 120 * time.Millisecond})
		time.Sleep(40 * time.Second)
		if d := trip(); d < 50*time.Millisecond || d > 100*time.Millisecond {
			t.Errorf("round trip %v, want an eighth or two of the way to 240 ms", d)
		}
	})
}

// The end of a dead phone must commit: a store that fails delays it, and no more.
func TestDeadPhoneEndsOnceTheStoreTakesIt(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{NATExpires: time.Hour})
		p := h.phone("1001", "10.0.1.1:5060")
		wantStatus(t, p.register(behindNAT), 200)
		p.Close()
		h.store.Fail(store.ErrFull)
		time.Sleep(2 * time.Minute)
		if h.rows() != 1 {
			t.Error("deleted by a store that fails")
		}
		h.store.Fail(nil)
		time.Sleep(30 * time.Second)
		if h.rows() != 0 || h.bound("1001") != "" {
			t.Errorf("left: %q, %d rows", h.bound("1001"), h.rows())
		}
	})
}

// A fifth of all datagrams lost: no phone that is there is unregistered.
func TestLossEndsNobody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{NATExpires: time.Hour})
		var phones []*phone
		for i, user := range []string{"1001", "1001-soft", "1002", "1002-soft", "1003", "1003-soft"} {
			p := h.phone(user, fmt.Sprintf("10.0.1.%d:5060", i+1))
			asked(p, 200)
			wantStatus(t, p.register("Contact: <sip:x@192.168.0.7>", "Expires: 3600"), 200)
			phones = append(phones, p)
		}
		h.net.SetFaults(siptest.Faults{Seed: 7, Loss: .2, Duplicate: .05, Reorder: .1})
		time.Sleep(50 * time.Minute)
		for _, n := range []string{"1001", "1002", "1003"} {
			if got := len(h.reg.Bindings(h.agent(n))); got != 2 {
				t.Errorf("%s has %d bindings", n, got)
			}
		}
		_ = phones
	})
}

// Phones that registered together must not be asked together for ever.
func TestIntervalHasJitter(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{NATExpires: time.Hour})
		p := h.phone("1001", "10.0.1.1:5060")
		var mu sync.Mutex
		at := []time.Time{time.Now()}
		p.Handle(func(m *message.Message) *message.Builder {
			if m.Method != "OPTIONS" {
				return nil
			}
			mu.Lock()
			at = append(at, time.Now())
			mu.Unlock()
			return message.NewResponse(m, 200, "")
		})
		wantStatus(t, p.register(behindNAT, "Expires: 3600"), 200)
		time.Sleep(50 * time.Minute)
		mu.Lock()
		defer mu.Unlock()
		least, most := time.Hour, time.Duration(0)
		for i := 1; i < len(at); i++ {
			least, most = min(least, at[i].Sub(at[i-1])), max(most, at[i].Sub(at[i-1]))
		}
		if len(at) < 85 || len(at) > 115 || least < 22*time.Second || most > 38*time.Second || most-least < 10*time.Second {
			t.Errorf("%d questions, between %v and %v apart", len(at)-1, least, most)
		}
	})
}
