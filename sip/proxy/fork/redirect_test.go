package fork

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// follows is a plan that begins with phone 0 and follows redirections to the others,
// sip:phoneN@….
func follows(s *stage) Plan {
	return Plan{
		Steps: []Step{{Targets: s.targets()[:1]}},
		Redirect: func(from *Target, c message.NameAddr) (Target, bool) {
			u, err := message.ParseURI(c.URI)
			if err != nil || u.Scheme != "sip" || from.ID == "" {
				return Target{}, false
			}
			for i := range s.phones {
				if u.User == fmt.Sprint("phone", i) {
					t := s.target(i)
					t.URI = c.URI
					return t, true
				}
			}
			return Target{}, false
		},
	}
}

func (s *stage) redirects(i int, inv *message.Message, status int, contacts ...string) {
	var list []string
	for _, c := range contacts {
		uri, q, _ := strings.Cut(c, ";")
		if q != "" {
			q = ";" + q
		}
		list = append(list, "<"+uri+">"+q)
	}
	s.phones[i].Respond(inv, status, message.Header{Name: message.Contact, Value: strings.Join(list, ", ")})
}

// TestRedirectionIsFollowed: the most wanted first, those wanted alike together.
func TestRedirectionIsFollowed(t *testing.T) {
	play(t, 4, follows, func(s *stage) {
		s.invite()
		s.redirects(0, s.rings(0), 302, "sip:phone3@x;q=0.2", "sip:phone1@x;q=0.9", "tel:+49301", "sip:phone2@x;q=0.9", "mailto:a@x")
		a, b := s.rings(1), s.rings(2)
		if a.URI != "sip:phone1@x" {
			t.Errorf("asked for %s", a.URI)
		}
		s.answer(1, a, 486)
		s.phones[3].ExpectNone(siptest.Method("INVITE"), 5*time.Second)
		s.answer(2, b, 486)
		s.answer(3, s.rings(3), 200)
		if m := s.caller.Expect(siptest.Final); m.Status != 200 {
			t.Errorf("answered %d", m.Status)
		}
		s.want("0 tried 0, 0 moved 302, 1 tried 0, 2 tried 0, 1 failed 486, 2 failed 486, 3 tried 0, 3 answered 200, over 200")
	})
}

func TestRedirectionsEnd(t *testing.T) {
	t.Run("in a loop", func(t *testing.T) {
		play(t, 2, follows, func(s *stage) {
			s.invite()
			a := s.rings(0)
			s.redirects(0, a, 302, "sip:phone1@x")
			s.redirects(1, s.rings(1), 302, a.URI, "sip:phone1@x")
			if m := s.caller.Expect(siptest.Final); m.Status != 302 {
				t.Errorf("answered %d", m.Status)
			}
		})
	})
	t.Run("in depth", func(t *testing.T) {
		play(t, 2, follows, func(s *stage) {
			s.invite()
			s.redirects(0, s.rings(0), 302, "sip:phone1@x0")
			for i := range maxDepth {
				s.redirects(1, s.rings(1), 302, fmt.Sprint("sip:phone1@x", i+1))
			}
			if m := s.caller.Expect(siptest.Final); m.Status != 302 {
				t.Errorf("answered %d", m.Status)
			}
		})
	})
	t.Run("in number", func(t *testing.T) {
		play(t, 2, follows, func(s *stage) {
			s.invite()
			var all []string
			for i := range 3 * maxRedirected {
				all = append(all, fmt.Sprintf("sip:phone1@x%d;q=0.%03d", i, 999-i))
			}
			s.redirects(0, s.rings(0), 300, all...)
			for range maxRedirected {
				s.answer(1, s.rings(1), 404)
			}
			if m := s.caller.Expect(siptest.Final); m.Status != 404 {
				t.Errorf("answered %d", m.Status)
			}
		})
	})
	for name, contact := range map[string]string{"another scheme": "https://x", "nowhere we would go": "sip:stranger@x"} {
		t.Run(name, func(t *testing.T) {
			play(t, 1, follows, func(s *stage) {
				s.invite()
				s.redirects(0, s.rings(0), 302, contact)
				if m := s.caller.Expect(siptest.Final); m.Status != 302 {
					t.Errorf("answered %d", m.Status)
				}
			})
		})
	}
	t.Run("with the caller's CANCEL", func(t *testing.T) {
		play(t, 3, follows, func(s *stage) {
			inv, branch := s.invite()
			s.redirects(0, s.rings(0), 302, "sip:phone1@x;q=1", "sip:phone2@x;q=0.5")
			a := s.rings(1)
			s.answer(1, a, 180)
			s.caller.Expect(siptest.Status(180))
			cancelCall(s, inv, branch)
			s.caller.Expect(siptest.Status(487))
			s.phones[1].Expect(siptest.Method("CANCEL"))
			s.answer(1, a, 487)
			s.phones[2].ExpectNone(siptest.Method("INVITE"), time.Minute)
		})
	})
}

// TestBreadthIsShared is RFC 5393 §5.3.3.
func TestBreadthIsShared(t *testing.T) {
	for _, c := range []struct {
		says   string
		phones int
		rung   int
		status int // once those have answered 404
	}{
		{"", 3, 3, 404}, {"3", 3, 3, 404}, {"2", 3, 2, 404}, {"1", 3, 1, 404}, {"0", 3, 0, 440}, {"nonsense", 2, 2, 404}, {"1000", 2, 2, 404},
	} {
		t.Run(c.says, func(t *testing.T) {
			play(t, c.phones, nil, func(s *stage) {
				inv := s.caller.Request("INVITE", "sip:1001@example.com", "sip:alice@example.com", "")
				most := 60
				if c.says != "" {
					inv.Add(maxBreadth, c.says)
					if n, ok := message.ParseSeconds(c.says); ok {
						most = min(n, 60)
					}
				}
				s.caller.Send(inv)
				sum := 0
				for i := range c.rung {
					m := s.rings(i)
					n, ok := message.ParseSeconds(m.Get(maxBreadth))
					if !ok || n == 0 {
						t.Errorf("phone %d was sent %q", i, m.Get(maxBreadth))
					}
					sum += n
					defer s.answer(i, m, 404)
				}
				if sum > most {
					t.Errorf("%d of %d given away", sum, most)
				}
				if c.rung == 0 {
					if m := s.caller.Expect(siptest.Final); m.Status != c.status {
						t.Errorf("answered %d", m.Status)
					}
					return
				}
				for i := c.rung; i < c.phones; i++ {
					s.phones[i].ExpectNone(siptest.Method("INVITE"), time.Second)
				}
			})
		})
	}
}
