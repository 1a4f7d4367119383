package fork

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/sip/transport"
)

func TestBranchCarriesWhatTheCallerSent(t *testing.T) {
	play(t, 1, func(s *stage) Plan {
		target := s.target(0)
		target.Route, target.Headers = []string{"<sip:edge;lr>"}, []message.Header{{Name: "Alert-Info", Value: "<urn:x>"}}
		return Plan{Steps: []Step{{Targets: []Target{target}}}, Strip: []message.Name{message.CallKind}}
	}, func(s *stage) {
		s.caller.Send(s.caller.Request("INVITE", "sip:1001@example.com", "sip:alice@example.com", "").
			Add(message.CallKind, "campaign").Add("X-Own", "kept").Body("application/sdp", []byte("v=0")))
		m := s.rings(0)
		for name, want := range map[message.Name]string{
			message.RecordRoute: own, message.Route: "<sip:edge;lr>", message.MaxForwards: "69", message.CallKind: "",
			"X-Own": "kept", "Alert-Info": "<urn:x>", message.ContentType: "application/sdp",
		} {
			if got := m.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		if m.URI != "sip:phone0@10.0.0.11:5060" || string(m.Body) != "v=0" || len(m.Values(message.Via)) != 2 {
			t.Errorf("passed on as\n%s", m.Raw)
		}
		s.caller.Expect(siptest.Status(100))
	})
}

func TestFirstAnswerHasTheCall(t *testing.T) {
	play(t, 2, nil, func(s *stage) {
		s.invite()
		a, b := s.rings(0), s.rings(1)
		s.answer(0, a, 180)
		s.caller.Expect(siptest.Status(180))
		s.answer(1, b, 180)
		s.caller.Expect(siptest.Status(180))
		s.answer(1, b, 200)
		ok := s.caller.Expect(siptest.Final)
		if ok.Status != 200 || !strings.Contains(ok.Get(message.Contact), "phone1") || len(ok.Values(message.Via)) != 1 {
			t.Errorf("answered\n%s", ok.Raw)
		}
		cancel := s.phones[0].Expect(siptest.Method("CANCEL"))
		if !strings.Contains(cancel.Get(message.Reason), "cause=200") {
			t.Errorf("canceled with reason %q", cancel.Get(message.Reason))
		}
		s.phones[0].Respond(cancel, 200)
		s.answer(0, a, 487)
		s.phones[0].Expect(siptest.Method("ACK"))
		s.phones[1].SendRaw(ok.Raw) // nobody's
		s.want("0 tried 0, 1 tried 0, 0 ringing 180, 1 ringing 180, 1 answered 200, 0 canceled 0, over 200")
	})
}

func TestSecondAnswerIsReleased(t *testing.T) {
	play(t, 2, nil, func(s *stage) {
		s.invite()
		a, b := s.rings(0), s.rings(1)
		s.answer(0, a, 180)
		s.answer(1, b, 180)
		synctest.Wait()
		s.answer(0, a, 200)
		s.answer(1, b, 200) // both picked up
		s.caller.Expect(siptest.Status(200))
		ack := s.phones[1].Expect(siptest.Method("ACK"))
		bye := s.phones[1].Expect(siptest.Method("BYE"))
		if bye.ToTag() == "" || bye.ToTag() != ack.ToTag() || bye.Get(message.CSeq) != "2 BYE" || bye.Has(message.Route) {
			t.Errorf("released by\n%s", bye.Raw)
		}
		s.phones[1].Respond(bye, 200)
		s.caller.ExpectNone(siptest.Status(200), 5*time.Second)
	})
}

func TestAnswerThatComesAgainIsPassedOnAgain(t *testing.T) {
	play(t, 1, nil, func(s *stage) {
		s.invite()
		a := s.rings(0)
		s.answer(0, a, 200)
		s.answer(0, a, 200)
		s.caller.Expect(siptest.Status(200))
		synctest.Wait()
		if s.caller.Again() != 1 {
			t.Errorf("passed on %d times more", s.caller.Again())
		}
	})
}

// gateway is a Media that answers for everybody.
type gateway struct{}

func (gateway) Request(*message.Message, string, *transport.Flow) ([]byte, int) {
	return []byte("gateway offers"), 0
}
func (gateway) Response(*message.Message, string) ([]byte, int) { return []byte("gateway answers"), 0 }

// A caller who missed the answer takes the next one, long after the call is over for
// the fork: it must have the gateway's description, too.
func TestAnswerThatComesAgainIsDescribedAgain(t *testing.T) {
	play(t, 1, nil, func(s *stage) {
		plan := s.plan
		s.plan = func() Plan { p := plan(); p.Media = gateway{}; return p }
		s.invite()
		a := s.rings(0)
		if string(a.Body) != "gateway offers" {
			t.Errorf("offered\n%s", a.Body)
		}
		first := message.NewResponse(a, 200, "").ToTag("phone").Add(message.Contact, "<sip:phone@10.0.0.11>").Body(SDP, []byte("phone answers"))
		s.net.SetFaultsFrom(netip.MustParseAddrPort(server), siptest.Faults{Loss: 1})
		s.phones[0].SendRaw(first.Bytes())
		synctest.Wait()
		s.want("0 tried 0, 0 answered 200, over 200")
		s.net.SetFaultsFrom(netip.MustParseAddrPort(server), siptest.Faults{})
		s.phones[0].SendRaw(first.Bytes())
		if ok := s.caller.Expect(siptest.Status(200)); string(ok.Body) != "gateway answers" {
			t.Errorf("answered\n%s", ok.Body)
		}
	})
}

func TestForkBehindTheBranchIsReleasedByItsRoutes(t *testing.T) {
	play(t, 1, nil, func(s *stage) {
		s.invite()
		a := s.rings(0)
		s.answer(0, a, 200)
		s.caller.Expect(siptest.Status(200))
		s.phones[0].SendRaw(message.NewResponse(a, 200, "").ToTag("other").Add(message.Contact, "<sip:other@10.0.0.11>").
			Set(message.RecordRoute, "<sip:far;lr>, <sip:near;lr>, "+own+", <sip:before;lr>").Bytes())
		s.phones[0].Expect(siptest.Method("ACK"))
		bye := s.phones[0].Expect(siptest.Method("BYE"))
		if got := strings.Join(bye.Values(message.Route), " "); got != "<sip:near;lr> <sip:far;lr>" || bye.URI != "sip:other@10.0.0.11" || bye.ToTag() != "other" {
			t.Errorf("released by\n%s", bye.Raw)
		}
	})
}

func TestCallersCancel(t *testing.T) {
	play(t, 2, nil, func(s *stage) {
		inv, branch := s.invite()
		a := s.rings(0)
		s.rings(1)
		s.answer(0, a, 180)
		synctest.Wait()
		cancelCall(s, inv, branch)
		s.caller.Expect(func(m *message.Message) bool { _, method := m.CSeq(); return m.Status == 200 && method == "CANCEL" })
		s.caller.Expect(siptest.Status(487))
		s.phones[0].Expect(siptest.Method("CANCEL"))
		s.phones[1].ExpectNone(siptest.Method("CANCEL"), time.Second) // it has said nothing yet
		s.answer(0, a, 200)                                           // crossed
		s.phones[0].Expect(siptest.Method("ACK"))
		s.phones[0].Expect(siptest.Method("BYE"))
		s.want("0 tried 0, 1 tried 0, 0 ringing 180, over 487")
	})
}

func cancelCall(s *stage, inv *message.Builder, branch string) {
	m, err := message.Parse(inv.Bytes())
	if err != nil {
		s.t.Fatal(err)
	}
	c := message.NewRequest("CANCEL", m.URI).Add(message.MaxForwards, "70").Add(message.From, m.Get(message.From)).Add(message.To, m.Get(message.To)).
		Add(message.CallID, m.CallID()).Add(message.CSeq, "1 CANCEL").Via(s.caller.Via(branch))
	s.caller.SendRaw(c.Bytes())
}

func TestBestRefusal(t *testing.T) {
	for name, c := range map[string]struct {
		first, second, want int
	}{
		"busy before unavailable":              {480, 486, 486},
		"unavailable before not found":         {404, 480, 404}, // the lower of equals
		"challenge before busy":                {486, 407, 407},
		"4xx before 5xx":                       {500, 480, 480},
		"3xx before 4xx":                       {486, 302, 302},
		"6xx before all":                       {302, 603, 603},
		"503 is not the caller's":              {503, 503, 500},
		"a refusal before silence of the flow": {503, 404, 404},
	} {
		t.Run(name, func(t *testing.T) {
			play(t, 2, nil, func(s *stage) {
				s.invite()
				a, b := s.rings(0), s.rings(1)
				s.answer(0, a, c.first)
				s.answer(1, b, c.second)
				if m := s.caller.Expect(siptest.Final); m.Status != c.want {
					t.Errorf("answered %d", m.Status)
				}
			})
		})
	}
}

func TestChallengesAreCollected(t *testing.T) {
	play(t, 2, nil, func(s *stage) {
		s.invite()
		a, b := s.rings(0), s.rings(1)
		s.phones[0].Respond(a, 401, message.Header{Name: message.WWWAuthenticate, Value: `Digest realm="a"`})
		s.phones[1].Respond(b, 407, message.Header{Name: message.ProxyAuthenticate, Value: `Digest realm="b"`})
		m := s.caller.Expect(siptest.Final)
		if m.Get(message.WWWAuthenticate) != `Digest realm="a"` || m.Get(message.ProxyAuthenticate) != `Digest realm="b"` {
			t.Errorf("challenged by\n%s", m.Raw)
		}
	})
}

func TestGlobalRefusalEndsTheOthers(t *testing.T) {
	play(t, 3, func(s *stage) Plan {
		return Plan{Steps: []Step{{Targets: s.targets()[:2]}, {After: time.Minute, Targets: s.targets()[2:]}}}
	}, func(s *stage) {
		s.invite()
		a, b := s.rings(0), s.rings(1)
		s.answer(1, b, 180)
		s.answer(0, a, 603)
		cancel := s.phones[1].Expect(siptest.Method("CANCEL"))
		s.phones[1].Respond(cancel, 200)
		s.answer(1, b, 487)
		if m := s.caller.Expect(siptest.Final); m.Status != 603 {
			t.Errorf("answered %d", m.Status)
		}
		s.phones[2].ExpectNone(siptest.Method("INVITE"), 2*time.Minute)
	})
}

func TestStepsFollowByTimeOrByFailure(t *testing.T) {
	two := func(s *stage) Plan {
		return Plan{Steps: []Step{{Targets: s.targets()[:1]}, {After: 15 * time.Second, Targets: s.targets()[1:]}}}
	}
	play(t, 2, two, func(s *stage) {
		start := time.Now()
		s.invite()
		s.answer(0, s.rings(0), 180)
		b := s.rings(1)
		if took := time.Since(start); took != 15*time.Second {
			t.Errorf("the second rings after %v", took)
		}
		s.answer(1, b, 200)
		s.phones[0].Expect(siptest.Method("CANCEL"))
	})
	play(t, 2, two, func(s *stage) {
		start := time.Now()
		s.invite()
		s.answer(0, s.rings(0), 486)
		b := s.rings(1)
		if took := time.Since(start); took > time.Second {
			t.Errorf("the second rings after %v though the first is busy", took)
		}
		s.answer(1, b, 404)
		if m := s.caller.Expect(siptest.Final); m.Status != 486 {
			t.Errorf("answered %d", m.Status)
		}
		s.want("0 tried 0, 0 failed 486, 1 tried 0, 1 failed 404, over 486")
	})
}

func TestSilenceEnds(t *testing.T) {
	t.Run("a phone that is gone", func(t *testing.T) {
		play(t, 1, func(s *stage) Plan {
			target := s.target(0)
			s.phones[0].Close()
			return Plan{Steps: []Step{{Targets: []Target{target}}}}
		}, func(s *stage) {
			s.invite()
			s.caller.Timeout = time.Minute
			if m := s.caller.Expect(siptest.Final); m.Status != 408 {
				t.Errorf("answered %d", m.Status)
			}
		})
	})
	t.Run("a phone that rings for ever", func(t *testing.T) {
		play(t, 1, nil, func(s *stage) {
			start := time.Now()
			s.caller.Timeout = 10 * time.Minute
			s.invite()
			a := s.rings(0)
			s.answer(0, a, 180)
			time.Sleep(2 * time.Minute)
			s.answer(0, a, 183) // Timer C begins anew
			m := s.caller.Expect(siptest.Final)
			if took := time.Since(start); m.Status != 408 || took != 2*time.Minute+190*time.Second {
				t.Errorf("answered %d after %v", m.Status, took)
			}
			s.phones[0].Expect(siptest.Method("CANCEL"))
		})
	})
	t.Run("a ringing time", func(t *testing.T) {
		play(t, 2, func(s *stage) Plan {
			p := Plan{Steps: []Step{{Targets: s.targets()}}, Ring: time.Minute}
			p.Steps[0].Targets[0].Ring = 20 * time.Second
			return p
		}, func(s *stage) {
			s.caller.Timeout = 2 * time.Minute
			start := time.Now()
			s.invite()
			s.answer(0, s.rings(0), 180)
			s.answer(1, s.rings(1), 180)
			s.phones[0].Expect(siptest.Method("CANCEL"))
			if took := time.Since(start); took != 20*time.Second {
				t.Errorf("the first rings for %v", took)
			}
			if m := s.caller.Expect(siptest.Final); m.Status != 408 || time.Since(start) != time.Minute {
				t.Errorf("answered %d after %v", m.Status, time.Since(start))
			}
			s.phones[1].Expect(siptest.Method("CANCEL"))
		})
	})
}

func TestPlaceWithoutAFlow(t *testing.T) {
	play(t, 1, func(s *stage) Plan {
		lost := Target{ID: "lost", URI: "sip:lost@10.0.0.50", Reach: func(context.Context) (*transport.Flow, error) { return nil, errors.New("nowhere") }}
		slow := s.target(0)
		f := slow.Flow
		slow.Flow, slow.Reach = nil, func(context.Context) (*transport.Flow, error) { time.Sleep(time.Second); return f, nil }
		return Plan{Steps: []Step{{Targets: []Target{lost, slow}}}}
	}, func(s *stage) {
		s.invite()
		s.answer(0, s.rings(0), 486)
		if m := s.caller.Expect(siptest.Final); m.Status != 486 {
			t.Errorf("answered %d", m.Status)
		}
		s.want("lost failed 430, 0 tried 0, 0 failed 486, over 486")
	})
	play(t, 0, func(*stage) Plan { return Plan{} }, func(s *stage) {
		s.invite()
		if m := s.caller.Expect(siptest.Final); m.Status != 480 {
			t.Errorf("a call to nowhere is answered %d", m.Status)
		}
	})
}

func TestLateBranch(t *testing.T) {
	play(t, 2, func(s *stage) Plan { return Plan{Steps: []Step{{Targets: s.targets()[:1]}}, Late: true} }, func(s *stage) {
		s.invite()
		a := s.rings(0)
		s.answer(0, a, 486)
		s.caller.ExpectNone(siptest.Final, 5*time.Second) // somebody is being woken
		s.call.Add(s.target(1))
		s.call.Release()
		b := s.rings(1)
		s.answer(1, b, 200)
		if m := s.caller.Expect(siptest.Final); m.Status != 200 {
			t.Errorf("answered %d", m.Status)
		}
		s.call.Add(s.target(0)) // too late
		s.phones[0].ExpectNone(siptest.Method("INVITE"), time.Minute)
	})
	play(t, 1, func(s *stage) Plan { return Plan{Steps: []Step{{Targets: s.targets()}}, Late: true} }, func(s *stage) {
		s.invite()
		a := s.rings(0)
		s.answer(0, a, 486)
		s.caller.ExpectNone(siptest.Final, 5*time.Second)
		s.call.Release() // nobody woke up
		if m := s.caller.Expect(siptest.Final); m.Status != 486 {
			t.Errorf("answered %d", m.Status)
		}
	})
}

func TestLoopIsKnown(t *testing.T) {
	play(t, 1, nil, func(s *stage) {
		s.invite()
		a := s.rings(0)
		// The phone is a proxy that sends it back as it was.
		back := message.RelayRequest(a, "sip:1001@example.com", nil)
		s.phones[0].Send(back)
		if m := s.phones[0].Expect(siptest.Final); m.Status != 482 {
			t.Errorf("a loop is answered %d", m.Status)
		}
		// To another address it is a spiral, which is allowed (RFC 3261 §6).
		s.phones[0].Send(message.RelayRequest(a, "sip:1002@example.com", nil))
		s.phones[0].Expect(siptest.Method("INVITE"))
	})
}

func TestAnswerWaitsUntilItIsSettled(t *testing.T) {
	var then func()
	settle := func(s *stage) Plan {
		return Plan{Steps: []Step{{Targets: s.targets()}}, Settle: func(e Event, f func()) { s.tell(e); then = f }}
	}
	play(t, 2, settle, func(s *stage) {
		s.invite()
		a, b := s.rings(0), s.rings(1)
		s.answer(1, b, 180)
		s.answer(0, a, 200)
		s.answer(0, a, 200) // again: our ACK is late
		s.phones[1].Expect(siptest.Method("CANCEL"))
		s.caller.ExpectNone(siptest.Final, time.Second)
		synctest.Wait()
		then()
		if m := s.caller.Expect(siptest.Final); m.Status != 200 {
			t.Errorf("answered %d", m.Status)
		}
		s.answer(0, a, 200)
		synctest.Wait()
		if s.caller.Again() != 1 {
			t.Errorf("passed on %d times more", s.caller.Again())
		}
		s.want("0 tried 0, 1 tried 0, 1 ringing 180, 0 answered 200, 1 canceled 0, over 200")
	})
	play(t, 1, settle, func(s *stage) {
		inv, branch := s.invite()
		a := s.rings(0)
		s.answer(0, a, 200)
		synctest.Wait()
		cancelCall(s, inv, branch) // while it is being settled
		s.caller.Expect(siptest.Status(487))
		synctest.Wait()
		then()
		s.phones[0].Expect(siptest.Method("ACK"))
		s.phones[0].Expect(siptest.Method("BYE"))
		s.want("0 tried 0, 0 answered 200, over 487")
	})
}
