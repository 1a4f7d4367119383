package events

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/sip/events/compositor"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// These tests are named after what goes wrong elsewhere.

func TestLateEarlyAfterTerminatedDoesNotRelight(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.lamp("192.0.2.10:5060", "201", "sip:101@ex.test")
		l.live()
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.want(200, p.info(0, dialog("d1", "c1", "recipient", "early")))
		l.shows("early")
		p.want(200, p.info(1, dialog("d1", "c1", "recipient", "terminated")))
		l.shows("terminated")
		for _, state := range []string{"early", "Trying", "confirmed"} { // overtaken, in a publication of its own
			p.of("sip:101@ex.test").want(200, p.info(0, dialog("d1", "c1", "recipient", state)))
		}
		l.dark(time.Minute)
		again := strings.ReplaceAll(dialog("d1", "c1", "recipient", "early"), `local-tag="l"`, `local-tag="second-attempt"`)
		p.want(200, p.info(2, again))
		l.shows("early", "second-attempt")
	})
}

func TestTerminatedForAnUnknownDialogIsAccepted(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.lamp("192.0.2.10:5060", "201", "sip:101@ex.test")
		l.live()
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.want(200, p.info(0, dialog("d1", "c1", "recipient", "terminated")))
		p.of(p.entity).want(200, p.info(0, dialog("d1", "c1", "recipient", "early"))) // it only came late
		l.dark(10 * time.Second)
	})
}

func TestSecondPublishBeforeTheFirst200GetsNoTagTwice(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.want(200, p.info(0, dialog("d1", "c1", "recipient", "early")))
		tag := p.etag
		one := p.Send(p.request(p.info(1, dialog("d1", "c1", "recipient", "confirmed"))))
		two := p.Send(p.request(p.info(2, dialog("d1", "c1", "recipient", "confirmed"))))
		answers := map[string]*message.Message{}
		for range 2 {
			m := p.Expect(siptest.Final)
			via, _ := m.TopVia()
			answers[via.Branch] = m
		}
		if a, b := answers[one].Status, answers[two].Status; a != 200 || b != 412 {
			t.Fatalf("answered %d and %d, want 200 and 412", a, b)
		}
		if answers[one].Get(message.SIPETag) == tag {
			t.Error("the entity tag did not change")
		}
	})
}

func TestFreshPublishAfter412LeavesNoDouble(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.lamp("192.0.2.10:5060", "201", "sip:101@ex.test")
		l.live()
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.want(200, p.info(0, dialog("d1", "c1", "recipient", "early")))
		l.shows("early")
		lost := p.etag
		p.want(200, p.info(1, dialog("d1", "c1", "recipient", "early")))
		p.etag = lost // the 200 never came
		p.want(412, p.info(2, dialog("d1", "c1", "recipient", "confirmed")))
		p.etag = ""
		p.want(200, p.info(0, dialog("d1", "c1", "recipient", "confirmed")))
		if m := l.shows("confirmed"); strings.Count(string(m.Body), "<dialog ") != 1 {
			t.Errorf("the call is shown twice:\n%s", m.Body)
		}
		p.want(200, p.info(1, dialog("d1", "c1", "recipient", "terminated")))
		l.shows("<state>terminated</state>", "!confirmed", "!early")
		if n := len(r.snapshot("101").Legs); n != 0 {
			t.Errorf("%d legs left", n)
		}
		l.dark(15 * time.Minute) // also when the first publication expires
	})
}

func TestOrphanEarlyEndsWithItsPublication(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.lamp("192.0.2.10:5060", "201", "sip:101@ex.test")
		l.live()
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.expiry = "60"
		p.want(200, p.info(0, dialog("d1", "c1", "recipient", "early")))
		l.shows("early")
		time.Sleep(50 * time.Second)
		p.want(200, "") // refreshed once, at its own length
		l.dark(55 * time.Second)
		l.shows("<state>terminated</state>")
		p.want(412, "")
	})
}

func TestCallOverARestartEnds(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.lamp("192.0.2.10:5060", "201", "sip:101@ex.test")
		l.live()
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.want(200, p.info(3, dialog("d1", "c1", "recipient", "confirmed")))
		l.shows("confirmed")
		q := p.of("sip:102@ex.test")
		q.expiry = "120"
		q.want(200, q.info(0, dialog("d2", "c2", "initiator", "confirmed")))
		r.restart()
		l.shows("confirmed")
		if got := r.snapshot("101").Team.Status; got != presence.StatusOnACall {
			t.Errorf("status %s after the restart", got)
		}
		p.want(200, p.info(4, dialog("d1", "c1", "recipient", "terminated"))) // with the tag of before
		l.shows("<state>terminated</state>")
		if r.snapshot("102").Team.Status != presence.StatusOnACall {
			t.Error("the other call is gone")
		}
		time.Sleep(121 * time.Second)
		if got := r.snapshot("102").Team.Status; got != presence.StatusOffline {
			t.Errorf("status %s: the call outlived its publication", got)
		}
	})
}

func TestAcknowledgedPublicationSurvivesACrash(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.pbx(pbxA, "sip:101@ex.test")
		r.store.FailNext(1)
		p.want(503, p.info(0, dialog("d1", "c1", "recipient", "confirmed")))
		if n := len(r.snapshot("101").Legs); n != 0 {
			t.Errorf("%d legs after a 503", n)
		}
		p.want(200, p.info(0, dialog("d1", "c1", "recipient", "confirmed")))
		tag := p.etag
		r.store.FailNext(1)
		p.want(503, p.info(1, dialog("d1", "c1", "recipient", "terminated")))
		r.restart()
		if p.etag != tag {
			t.Fatal("a 503 changed the tag")
		}
		p.want(200, p.info(1, dialog("d1", "c1", "recipient", "terminated")))
		r.restart()
		if got := r.snapshot("101").Team.Status; got != presence.StatusOffline {
			t.Errorf("status %s: the end was acknowledged", got)
		}
	})
}

func TestObserverYieldsToTheAuthority(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.lamp("192.0.2.10:5060", "201", "sip:101@ex.test")
		l.live()
		a, b := r.pbx(pbxA, "sip:101@ex.test"), r.pbx(pbxB, "sip:101@ex.test")
		b.want(200, b.info(0, dialog("x", "c1", "recipient", "early")))
		l.shows("early")
		a.want(200, a.info(0, dialog("d1", "c1", "recipient", "confirmed"))) // takes over
		if m := l.shows("confirmed", "!early"); strings.Count(string(m.Body), "<dialog ") != 1 {
			t.Errorf("one call shown twice:\n%s", m.Body)
		}
		b.want(200, b.info(1, dialog("x", "c1", "recipient", "early"))) // ignored
		l.dark(5 * time.Second)
		a.want(200, a.info(1, dialog("d1", "c1", "recipient", "terminated")))
		l.shows("<state>terminated</state>")
		b.want(200, b.info(2, dialog("x", "c1", "recipient", "confirmed"))) // it has ended
		l.dark(5 * time.Second)
		b.want(200, b.info(3, dialog("y", "c9", "recipient", "confirmed"))) // a call of its own
		l.shows("confirmed")
	})
}

func TestOlderDocumentIsIgnoredAndEqualOnesAreNot(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.lamp("192.0.2.10:5060", "201", "sip:101@ex.test")
		l.live()
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.want(200, p.info(5, dialog("d1", "c1", "recipient", "confirmed")))
		l.shows("confirmed")
		p.want(200, p.info(4, dialog("d1", "c1", "recipient", "early")))
		l.dark(5 * time.Second)
		p.want(200, p.info(5, dialog("d1", "c1", "recipient", "terminated"))) // some peers never count
		l.shows("<state>terminated</state>")
	})
}

func TestPartialStateKeepsWhatIsNotNamed(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.want(200, p.info(0, dialog("d1", "c1", "recipient", "confirmed"), dialog("d2", "c2", "recipient", "early")))
		p.want(200, p.partial(1, dialog("d2", "c2", "recipient", "terminated")))
		if legs := r.snapshot("101").Legs; len(legs) != 1 || legs[0].CallID != "c1" {
			t.Errorf("legs %+v", legs)
		}
		p.want(200, p.info(2)) // full state without dialogs: all vanished
		if legs := r.snapshot("101").Legs; len(legs) != 0 {
			t.Errorf("legs %+v", legs)
		}
	})
}

func TestCampaignCallBringsWrapUp(t *testing.T) {
	for name, c := range map[string]struct {
		addr, header string
		want         presence.CallKind
	}{
		"by the peer":                   {dialer, "", presence.CallCampaign},
		"by the header":                 {pbxA, "campaign", presence.CallCampaign},
		"the header beats the peer":     {dialer, "regular", presence.CallRegular},
		"regular where nothing is said": {pbxA, "", presence.CallRegular},
		"an unknown word is nothing":    {pbxA, "weird", presence.CallRegular},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				p := r.pbx(c.addr, "sip:101@ex.test")
				p.kind = c.header
				p.want(200, p.info(0, dialog("d1", "c1", "recipient", "confirmed")))
				legs := r.snapshot("101").Legs
				if len(legs) != 1 || legs[0].Kind != c.want || !legs[0].Talked {
					t.Fatalf("legs %+v", legs)
				}
				p.kind = "" // said once is enough
				p.want(200, p.info(1, dialog("d1", "c1", "recipient", "terminated")))
				if got := r.snapshot("101").WrapUp != nil; got != (c.want == presence.CallCampaign) {
					t.Errorf("wrap-up %v", got)
				}
			})
		})
	}
}

func TestBareAddressIsWatchedAndPublished(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.lamp("192.0.2.10:5060", "201", "sip:park-1@ex.test")
		l.live()
		p := r.pbx(pbxA, "sip:park-1@ex.test")
		for i := range 3 {
			p.want(200, p.info(2*i, dialog("d", fmt.Sprint("c", i), "recipient", "confirmed")))
			l.shows("confirmed", `entity="sip:park-1@ex.test"`)
			p.want(200, p.info(2*i+1))
			l.shows("<state>terminated</state>")
			time.Sleep(2 * time.Minute) // long enough to be forgotten in between
		}
	})
}

func TestMailboxIsNeverRefused(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		for _, uri := range []string{"sip:201@ex.test", "sip:nobody@ex.test"} {
			l := r.lamp("192.0.2.10:0", "201", uri)
			l.event = "message-summary"
			if m := l.subscribe(3600); m.Status != 200 {
				t.Fatalf("%s: %d", uri, m.Status)
			}
			if m := l.shows("Messages-Waiting: no\r\n"); m.Get(message.ContentType) != "application/simple-message-summary" {
				t.Errorf("type %q", m.Get(message.ContentType))
			}
		}
	})
}

func TestPresenceWatcherSeesTheCall(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		l := r.lamp("192.0.2.10:5060", "201", "sip:101@ex.test")
		l.event = "presence"
		if m := l.subscribe(3600); m.Status != 200 {
			t.Fatalf("status %d", m.Status)
		}
		l.shows("<basic>closed</basic>", "Offline")
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.want(200, p.info(0, dialog("d1", "c1", "initiator", "trying")))
		l.shows("<basic>open</basic>", "<rpid:on-the-phone/>", "On a Call")
		p.expiry = "0"
		p.want(200, "")
		l.shows("<basic>closed</basic>", "!rpid:on-the-phone")
	})
}

func TestDialogStatesMap(t *testing.T) {
	held := strings.Replace(dialog("d1", "c1", "initiator", "confirmed"), "<remote>", `<local><target uri="u"><param pname="+sip.rendering" pval="no"/></target></local><remote>`, 1)
	for name, c := range map[string]struct {
		dialog string
		state  presence.LegState
		dir    presence.Direction
	}{
		"ringing":                 {dialog("d1", "c1", "recipient", "early"), presence.LegRinging, presence.Inbound},
		"being called, capital":   {dialog("d1", "c1", "recipient", "Trying"), presence.LegRinging, presence.Inbound},
		"dialling":                {dialog("d1", "c1", "initiator", "proceeding"), presence.LegDialling, presence.Outbound},
		"no direction is inbound": {dialog("d1", "c1", "", "early"), presence.LegRinging, presence.Inbound},
		"talking":                 {dialog("d1", "c1", "recipient", "confirmed"), presence.LegTalking, presence.Inbound},
		"held":                    {held, presence.LegHeld, presence.Outbound},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				p := r.pbx(pbxA, "sip:101@ex.test")
				p.want(200, p.info(0, c.dialog))
				legs := r.snapshot("101").Legs
				if len(legs) != 1 || legs[0].State != c.state || legs[0].Direction != c.dir || legs[0].Remote != "sip:900@pstn.test" || legs[0].Source != "publish:pbx-a" {
					t.Errorf("legs %+v", legs)
				}
			})
		})
	}
}

func TestPublishRefusals(t *testing.T) {
	good := func(p *pbx) string { return p.info(0, dialog("d", "c", "recipient", "early")) }
	for name, c := range map[string]struct {
		addr   string
		change func(*pbx, *message.Builder)
		entity string
		body   func(*pbx) string
		status int
	}{
		"a stranger":                {addr: "192.0.2.99:5060", status: 401},
		"a peer that may not":       {addr: "192.0.2.203:5060", status: 403},
		"another domain":            {entity: "sip:101@other.test", status: 403},
		"no domain of ours":         {entity: "sip:101@example.com", status: 404},
		"another event":             {change: func(_ *pbx, b *message.Builder) { b.Set(message.Event, "weather") }, status: 489},
		"too short":                 {change: func(_ *pbx, b *message.Builder) { b.Set(message.Expires, "3") }, status: 423},
		"an unknown tag":            {change: func(_ *pbx, b *message.Builder) { b.Add(message.SIPIfMatch, "00000000000000ff-1") }, status: 412},
		"a foreign tag":             {change: func(_ *pbx, b *message.Builder) { b.Add(message.SIPIfMatch, "abc") }, status: 412},
		"no body at first":          {body: func(*pbx) string { return "" }, status: 400},
		"bad XML":                   {body: func(*pbx) string { return "<dialog-info" }, status: 400},
		"a document type":           {body: func(p *pbx) string { return "<!DOCTYPE x>" + good(p) }, status: 400},
		"too many dialogs":          {body: func(p *pbx) string { return p.info(0, strings.Repeat(`<dialog id="d"/>`, 300)) }, status: 413},
		"an extension of a proxy's": {change: func(_ *pbx, b *message.Builder) { b.Add(message.ProxyRequire, "x") }, status: 420},
		"an extension we lack":      {change: func(_ *pbx, b *message.Builder) { b.Add(message.Require, "x") }, status: 420},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig) {
				addr, entity, body := pbxA, "sip:101@ex.test", good
				if c.addr != "" {
					addr = c.addr
				}
				if c.entity != "" {
					entity = c.entity
				}
				if c.body != nil {
					body = c.body
				}
				p := r.pbx(addr, entity)
				b := p.request(body(p))
				if c.change != nil {
					c.change(p, b)
				}
				if m := p.Do(b); m.Status != c.status {
					t.Fatalf("status %d, want %d", m.Status, c.status)
				}
				r.events.Publications(func(i compositor.Info) bool {
					t.Errorf("left behind: %+v", i)
					return true
				})
			})
		})
	}
}

func TestLampsConvergeOverALossyNetwork(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		var lamps []*lamp
		var mu sync.Mutex // guards last
		last := make([]string, 10)
		for i := range last {
			l := r.lamp(fmt.Sprintf("192.0.2.%d:5060", 10+i), "201", "sip:101@ex.test")
			l.live()
			l.Handle(func(m *message.Message) *message.Builder {
				if m.Method != "NOTIFY" {
					return nil
				}
				mu.Lock()
				defer mu.Unlock()
				last[i] = string(m.Body)
				return message.NewResponse(m, 200, "")
			})
			lamps = append(lamps, l)
		}
		p := r.pbx(pbxA, "sip:101@ex.test")
		r.net.SetFaults(siptest.Faults{Seed: 7, Loss: 0.3, Duplicate: 0.1, Reorder: 0.2})
		for i := range 40 {
			state := []string{"early", "confirmed", "terminated"}[i%3]
			p.insist(p.info(i, dialog("d", fmt.Sprint("c", i/3), "recipient", state)))
			time.Sleep(300 * time.Millisecond)
		}
		p.insist(p.info(100, dialog("d", "final", "recipient", "confirmed")))
		time.Sleep(3 * time.Minute)
		mu.Lock()
		defer mu.Unlock()
		for i := range lamps {
			if !strings.Contains(last[i], `call-id="final"`) || !strings.Contains(last[i], "confirmed") {
				t.Errorf("lamp %d shows\n%s", i, last[i])
			}
		}
	})
}

// insist publishes as peers do: a 412, here the answer to a request that was
// repeated for longer than a transaction lives, means to begin anew.
func (p *pbx) insist(body string) {
	p.t.Helper()
	if m := p.publish(body); m.Status == 412 {
		p.etag = ""
		p.want(200, body)
	}
}
