package fork

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// trunk is one target whose ways are the phones, in their order; change edits each.
func (s *stage) trunk(change func(i int, w *Way)) Plan {
	next := 0
	return Plan{Steps: []Step{{Targets: []Target{{ID: "trunk", URI: "sip:0800@trunk.test", Next: func(context.Context) (Way, error) {
		if next == len(s.phones) {
			return Way{}, errors.New("none left")
		}
		i := next
		next++
		w := Way{Name: fmt.Sprint("hop", i), Flow: s.target(i).Flow, Server: true, Silence: 4 * time.Second}
		w.Told = func(status int, _ *message.Message) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.events = append(s.events, fmt.Sprintf("%s is told %d", w.Name, status))
		}
		if change != nil {
			change(i, &w)
		}
		return w, nil
	}}}}}}
}

// TestNextWayIsTried is RFC 3263 §4.3: under each failure of the first way.
func TestNextWayIsTried(t *testing.T) {
	for name, c := range map[string]struct {
		server bool
		does   func(s *stage, inv *message.Message)
		moved  int
		after  time.Duration
	}{
		"a server that says 503":    {true, func(s *stage, inv *message.Message) { s.answer(0, inv, 503) }, 503, 0},
		"and after 100":             {true, func(s *stage, inv *message.Message) { s.answer(0, inv, 100); s.answer(0, inv, 503) }, 503, 0},
		"a silent server":           {true, func(*stage, *message.Message) {}, 408, 4 * time.Second},
		"a lost flow of a phone":    {false, func(s *stage, inv *message.Message) { s.answer(0, inv, 430) }, 430, 0},
		"a server's edge lost flow": {true, func(s *stage, inv *message.Message) { s.answer(0, inv, 430) }, 430, 0},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, 2, func(s *stage) Plan {
				return s.trunk(func(_ int, w *Way) {
					if w.Server = c.server; !c.server {
						w.Silence = 0
					}
				})
			}, func(s *stage) {
				start := time.Now()
				s.invite()
				c.does(s, s.rings(0))
				b := s.rings(1)
				if took := time.Since(start); took < c.after || took > c.after+time.Second {
					t.Errorf("tried after %v", took)
				}
				if b.URI != "sip:0800@trunk.test" {
					t.Errorf("asked for %s", b.URI)
				}
				s.answer(1, b, 200)
				if m := s.caller.Expect(siptest.Final); m.Status != 200 {
					t.Errorf("answered %d", m.Status)
				}
				if want := fmt.Sprintf("trunk moved %d, trunk tried 0", c.moved); !strings.Contains(s.told(), want) || !strings.HasSuffix(s.told(), "trunk answered 200, over 200") {
					t.Errorf("told %s", s.told())
				}
			})
		})
	}
}

func TestWhoTakesTheCallKeepsIt(t *testing.T) {
	for name, c := range map[string]struct {
		server bool
		status []int // of the first way
		want   int
	}{
		"busy":                         {true, []int{486}, 486},
		"not found":                    {true, []int{404}, 404},
		"its own trouble":              {true, []int{500}, 500},
		"refused by everybody":         {true, []int{603}, 603},
		"503 after it rang":            {true, []int{180, 503}, 500},
		"a phone, not a server":        {false, []int{503}, 500},
		"a challenge, no credentials":  {true, []int{407}, 407},
		"a redirection not to be gone": {true, []int{302}, 302},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, 2, func(s *stage) Plan { return s.trunk(func(_ int, w *Way) { w.Server = c.server }) }, func(s *stage) {
				s.invite()
				inv := s.rings(0)
				for _, status := range c.status {
					s.answer(0, inv, status)
				}
				if m := s.caller.Expect(siptest.Final); m.Status != c.want {
					t.Errorf("answered %d", m.Status)
				}
				s.phones[1].ExpectNone(siptest.Method("INVITE"), time.Minute)
			})
		})
	}
}

// TestSlowServerIsTakenBack: it was only slow; the call rings once.
func TestSlowServerIsTakenBack(t *testing.T) {
	play(t, 2, func(s *stage) Plan { return s.trunk(nil) }, func(s *stage) {
		s.invite()
		a := s.rings(0)
		b := s.rings(1)
		s.answer(0, a, 180) // late
		cancel := s.phones[0].Expect(siptest.Method("CANCEL"))
		s.phones[0].Respond(cancel, 200)
		s.answer(0, a, 487)
		s.answer(1, b, 180)
		s.answer(1, b, 200)
		if m := s.caller.Expect(siptest.Final); m.Status != 200 || !strings.Contains(m.Get(message.Contact), "phone1") {
			t.Errorf("answered\n%s", m.Raw)
		}
		s.want("trunk tried 0, hop0 is told 408, trunk moved 408, trunk tried 0, hop0 is told 180, hop1 is told 180, trunk ringing 180, trunk answered 200, over 200")
	})
}

// TestLastServerHasAllItsTime: where there is no other, silence is waited out.
func TestLastServerHasAllItsTime(t *testing.T) {
	play(t, 1, func(s *stage) Plan { return s.trunk(nil) }, func(s *stage) {
		s.invite()
		a := s.rings(0)
		time.Sleep(20 * time.Second)
		s.answer(0, a, 180)
		s.answer(0, a, 200)
		if m := s.caller.Expect(siptest.Final); m.Status != 200 {
			t.Errorf("answered %d", m.Status)
		}
	})
	play(t, 2, func(s *stage) Plan { return s.trunk(nil) }, func(s *stage) {
		s.caller.Timeout = time.Minute
		start := time.Now()
		s.invite()
		if m := s.caller.Expect(siptest.Final); m.Status != 408 || time.Since(start) != 36*time.Second {
			t.Errorf("answered %d after %v", m.Status, time.Since(start))
		}
		s.want("trunk tried 0, hop0 is told 408, trunk moved 408, trunk tried 0, hop1 is told 408, hop1 is told 408, trunk failed 408, over 408")
	})
	play(t, 2, func(s *stage) Plan { return s.trunk(nil) }, func(s *stage) {
		s.invite()
		s.answer(0, s.rings(0), 503)
		b := s.rings(1)
		s.answer(1, b, 100)
		s.answer(1, b, 503)
		if m := s.caller.Expect(siptest.Final); m.Status != 500 {
			t.Errorf("answered %d where every server is overloaded", m.Status)
		}
		s.want("trunk tried 0, hop0 is told 503, trunk moved 503, trunk tried 0, hop1 is told 100, hop1 is told 503, trunk failed 503, over 500")
	})
}

func TestCancelWhileAnotherWayIsLookedFor(t *testing.T) {
	play(t, 2, func(s *stage) Plan {
		p := s.trunk(nil)
		next := p.Steps[0].Targets[0].Next
		first := true
		p.Steps[0].Targets[0].Next = func(ctx context.Context) (Way, error) {
			if !first {
				time.Sleep(2 * time.Second)
			}
			first = false
			return next(ctx)
		}
		return p
	}, func(s *stage) {
		inv, branch := s.invite()
		s.answer(0, s.rings(0), 503)
		time.Sleep(time.Second)
		cancelCall(s, inv, branch)
		s.caller.Expect(siptest.Status(487))
		s.phones[1].ExpectNone(siptest.Method("INVITE"), time.Minute)
	})
}

// TestChallengeIsAnswered: the trunk's numbers are one ahead from then on, and the
// caller sees its own.
func TestChallengeIsAnswered(t *testing.T) {
	answers := 0
	play(t, 2, func(s *stage) Plan {
		return s.trunk(func(_ int, w *Way) {
			w.Answer = func(res *message.Message, uri string, _ []byte) []message.Header {
				answers++
				return []message.Header{{Name: message.ProxyAuthorization, Value: fmt.Sprint(res.Get(message.ProxyAuthenticate), " ", answers, " ", uri)}}
			}
		})
	}, func(s *stage) {
		s.invite()
		a := s.rings(0)
		challenge := message.Header{Name: message.ProxyAuthenticate, Value: "Digest x"}
		s.phones[0].Respond(a, 407, challenge)
		s.phones[0].Expect(siptest.Method("ACK"))
		b := s.rings(0)
		if b.Get(message.ProxyAuthorization) != "Digest x 1 sip:0800@trunk.test" || b.Get(message.CSeq) != "2 INVITE" ||
			b.FromTag() != a.FromTag() || b.CallID() != a.CallID() || b.Get(message.RecordRoute) != "<sip:10.0.0.1;lr;cseq=1>" {
			t.Errorf("answered by\n%s", b.Raw)
		}
		s.answer(0, b, 180)
		if m := s.caller.Expect(siptest.Status(180)); m.Get(message.CSeq) != "1 INVITE" {
			t.Errorf("the caller is told\n%s", m.Raw)
		}
		s.answer(0, b, 200)
		if m := s.caller.Expect(siptest.Final); m.Status != 200 || m.Get(message.CSeq) != "1 INVITE" {
			t.Errorf("the caller is told\n%s", m.Raw)
		}
		s.phones[1].ExpectNone(siptest.Method("INVITE"), time.Minute)
	})
	play(t, 1, func(s *stage) Plan {
		return s.trunk(func(_ int, w *Way) {
			w.Answer = func(*message.Message, string, []byte) []message.Header {
				return []message.Header{{Name: message.ProxyAuthorization, Value: "wrong"}}
			}
		})
	}, func(s *stage) {
		s.invite()
		for range 1 + maxAnswers {
			s.answer(0, s.rings(0), 407)
		}
		if m := s.caller.Expect(siptest.Final); m.Status != 407 || m.Get(message.CSeq) != "1 INVITE" {
			t.Errorf("the caller is told\n%s", m.Raw)
		}
	})
}

func TestReleaseBehindAChallenge(t *testing.T) {
	play(t, 2, func(s *stage) Plan {
		p := s.trunk(func(_ int, w *Way) {
			w.Answer = func(*message.Message, string, []byte) []message.Header {
				return []message.Header{{Name: message.Authorization, Value: "x"}}
			}
		})
		other := s.target(1)
		p.Steps[0].Targets = append(p.Steps[0].Targets, other)
		return p
	}, func(s *stage) {
		s.invite()
		s.answer(0, s.rings(0), 401)
		a := s.rings(0)
		s.answer(1, s.rings(1), 200)
		s.caller.Expect(siptest.Final)
		s.answer(0, a, 200)
		if m := s.phones[0].Expect(func(m *message.Message) bool { return m.Method == "ACK" && m.Get(message.CSeq) == "2 ACK" }); m == nil {
			t.Error("no ACK")
		}
		if bye := s.phones[0].Expect(siptest.Method("BYE")); bye.Get(message.CSeq) != "3 BYE" {
			t.Errorf("released by\n%s", bye.Raw)
		}
	})
}

func TestShiftIsReadFromOurRoute(t *testing.T) {
	for uri, want := range map[string]uint32{
		"sip:tok@10.0.0.1;lr;cseq=2": 2, "sip:tok@10.0.0.1;lr": 0, "sip:tok@10.0.0.1;cseq=x": 0, "sip:tok@10.0.0.1;cseq=300": 0, "": 0,
	} {
		if got := ShiftOf(uri); got != want {
			t.Errorf("%q: %d", uri, got)
		}
	}
}
