package events

import (
	"fmt"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/events/compositor"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// publisher is a softphone that publishes what its user says.
type softphone struct {
	*siptest.Peer
	t      testing.TB
	user   string
	uri    string
	event  string
	etag   string
	expiry int
}

func (r *rig) softphone(addr, user string) *softphone {
	return &softphone{Peer: siptest.NewPeer(r.t, r.net, addr, server), t: r.t, user: user, uri: "sip:" + user + "@ex.test", event: "presence", expiry: 600}
}

// publish sends a PUBLISH and keeps the entity tag of a 200.
func (s *softphone) publish(typ, body string) *message.Message {
	s.t.Helper()
	m := s.DoAuth(s.user, "secret", func() *message.Builder {
		b := s.Request("PUBLISH", s.uri, "sip:"+s.user+"@ex.test", "").Add(message.Event, s.event).AddInt(message.Expires, s.expiry)
		if s.etag != "" {
			b.Add(message.SIPIfMatch, s.etag)
		}
		if body != "" {
			b.Body(typ, []byte(body))
		}
		return b
	})
	if m.Status == 200 {
		s.etag = m.Get(message.SIPETag)
	}
	return m
}

// says publishes a presence document; "" refreshes.
func (s *softphone) says(basic, activity, note string) {
	s.t.Helper()
	body := ""
	if basic != "" {
		if activity != "" {
			activity = "<rpid:" + activity + "/>"
		}
		body = fmt.Sprintf(`<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:%s@ex.test">`+
			`<dm:person id="p1"><rpid:activities>%s</rpid:activities></dm:person><tuple id="t1"><status><basic>%s</basic></status><note>%s</note></tuple></presence>`, s.user, activity, basic, note)
	}
	if m := s.publish("application/pidf+xml", body); m.Status != 200 || m.Get(message.Expires) != "600" || m.Get(message.SIPETag) == "" {
		s.t.Fatalf("PUBLISH answered\n%s", m.Raw)
	}
}

func (r *rig) wantSelected(number string, want presence.Selectable) {
	r.t.Helper()
	if got := r.snapshot(number).Selected.Status; got != want {
		r.t.Errorf("%s has selected %q, want %q", number, got, want)
	}
}

// selecting gives 101 a softphone whose presence selects.
func (r *rig) selecting() *softphone {
	r.t.Helper()
	r.policy(func(p *presence.Policy) {
		p.Statuses = []presence.Custom{{Name: "Break", Activity: "away"}, {Name: "Lunch", Activity: "meal"}}
	})
	r.device("101", "101-soft", func(d *presence.Device) { d.Kind, d.PublishSelects = presence.KindSoft, true })
	return r.softphone("192.0.2.30:5060", "101-soft")
}

func TestChangeOfAPhonesPresenceSelects(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.selecting()
		p.says("open", "", "") // at its start
		r.wantSelected("101", presence.SelectAvailable)
		for _, c := range []struct {
			basic, activity, note string
			want                  presence.Selectable
		}{
			{"open", "busy", "", presence.SelectDND},
			{"", "", "", presence.SelectDND}, // a refresh
			{"open", "", "", presence.SelectAvailable},
			{"closed", "away", "", presence.SelectDND}, // how a softphone says Do Not Disturb
			{"open", "away", "", presence.SelectCustom("Break")},
			{"open", "meal", "", presence.SelectCustom("Lunch")},
			{"open", "on-the-phone", "", presence.SelectCustom("Lunch")}, // a fact, no wish
			{"open", "", "break", presence.SelectCustom("Break")},        // by its name
			{"open", "", "gone fishing", presence.SelectAvailable},
			{"open", "vacation", "", presence.SelectAvailable}, // nothing here
			{"open", "busy", "", presence.SelectDND},
		} {
			p.says(c.basic, c.activity, c.note)
			r.wantSelected("101", c.want)
		}
		if s := r.snapshot("101").Selected; s.Cause != presence.CausePhoneSync || s.Actor != "device:101-soft" {
			t.Errorf("selected %+v", s)
		}
	})
}

// TestPhonesPresenceThatIsNobodysWord: everything a phone says by itself selects
// nothing, and is answered 200.
func TestPhonesPresenceThatIsNobodysWord(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.selecting()
		p.says("open", "", "")
		p.says("open", "busy", "")
		r.do("101", presence.CauseAgent, roster.Select{Status: presence.SelectCustom("Lunch")}) // on the page
		p.says("", "", "")                                                                      // a refresh
		p.says("open", "busy", "")                                                              // the same again
		p.says("closed", "", "")                                                                // it goes to sleep
		p.says("open", "", "")                                                                  // and comes back
		r.wantSelected("101", presence.SelectCustom("Lunch"))
		p.etag = "" // it starts anew
		p.says("open", "busy", "")
		r.wantSelected("101", presence.SelectCustom("Lunch"))
		time.Sleep(700 * time.Second) // and is gone: both expire
		r.wantSelected("101", presence.SelectCustom("Lunch"))
		if n := r.events.presence.Len(); n != 0 {
			t.Errorf("%d publications are left", n)
		}
		p.etag = ""
		p.says("open", "", "")
		p.expiry = 0
		if m := p.publish("", ""); m.Status != 200 || m.Get(message.Expires) != "0" { // it says that it goes
			t.Errorf("an end is answered %d", m.Status)
		}
		r.wantSelected("101", presence.SelectCustom("Lunch"))
		if n := r.events.presence.Len(); n != 0 {
			t.Errorf("%d publications are left", n)
		}
	})
}

func TestPhonesPresenceSelectsOnlyWhereSwitchedOn(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.softphone("192.0.2.30:5060", "101")
		for _, activity := range []string{"", "busy", "", "away"} {
			p.says("open", activity, "")
		}
		r.wantSelected("101", presence.SelectAvailable)
		peer := r.pbx(pbxA, "sip:101@ex.test")
		for _, basic := range []string{"open", "closed"} {
			m := peer.Do(peer.request("").Set(message.Event, "presence").Body("application/pidf+xml",
				[]byte(`<presence><tuple id="x"><status><basic>`+basic+`</basic></status></tuple><activities><busy/></activities></presence>`)))
			if m.Status != 200 {
				t.Fatalf("a peer is answered %d", m.Status)
			}
			peer.etag = m.Get(message.SIPETag)
		}
		r.wantSelected("101", presence.SelectAvailable)
	})
}

func TestPresencePublishRefusals(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		const pidf = "application/pidf+xml"
		for name, c := range map[string]struct {
			change func(*softphone)
			typ    string
			body   string
			status int
		}{
			"another agent":           {change: func(s *softphone) { s.uri = "sip:102@ex.test" }, typ: pidf, body: "<presence/>", status: 403},
			"nobody":                  {change: func(s *softphone) { s.uri = "sip:999@ex.test" }, typ: pidf, body: "<presence/>", status: 403},
			"a telephone":             {change: func(s *softphone) { s.uri = "tel:101" }, typ: pidf, body: "<presence/>", status: 416},
			"an unknown tag":          {change: func(s *softphone) { s.etag = "00000000000000ff-1" }, typ: pidf, body: "<presence/>", status: 412},
			"a foreign tag":           {change: func(s *softphone) { s.etag = "x" }, typ: pidf, body: "<presence/>", status: 412},
			"a refresh of an unknown": {change: func(s *softphone) { s.etag = "00000000000000ff-1" }, status: 412},
			"too short":               {change: func(s *softphone) { s.expiry = 5 }, typ: pidf, body: "<presence/>", status: 423},
			"no body at first":        {status: 400},
			"another type":            {typ: "text/plain", body: "busy", status: 415},
			"bad XML":                 {typ: pidf, body: "<presence", status: 400},
			"too deep":                {typ: pidf, body: "<presence>" + repeat("<a>", 50), status: 413},
		} {
			s := r.softphone(fmt.Sprintf("192.0.2.%d:5060", 40+len(name)%60), "101")
			if c.change != nil {
				c.change(s)
			}
			if m := s.publish(c.typ, c.body); m.Status != c.status {
				t.Errorf("%s: answered %d, want %d", name, m.Status, c.status)
			}
			s.Close()
		}
		if n := r.events.presence.Len(); n != 0 {
			t.Errorf("%d publications are left behind", n)
		}
	})
}

func repeat(s string, n int) (out string) {
	for range n {
		out += s
	}
	return out
}

// TestPresencePublicationsOutliveARestart: what changes after it is still a
// change, and the tag of before is good once.
func TestPresencePublicationsOutliveARestart(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.selecting()
		p.says("open", "", "")
		used := p.etag
		p.says("", "", "")
		r.restart()
		fresh := p.etag
		p.etag = used
		if m := p.publish("", ""); m.Status != 412 {
			t.Errorf("a tag used up before is answered %d", m.Status)
		}
		p.etag = fresh
		p.says("open", "busy", "")
		r.wantSelected("101", presence.SelectDND)
	})
}

func TestFailedCommitKeepsThePresenceTag(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		p := r.selecting()
		p.says("open", "", "")
		r.store.FailNext(1)
		body := `<presence><tuple id="t"><status><basic>open</basic></status></tuple><activities><busy/></activities></presence>`
		if m := p.publish("application/pidf+xml", body); m.Status != 503 || m.Get(message.RetryAfter) == "" {
			t.Errorf("answered %d", m.Status)
		}
		if got := r.snapshot("101").Chosen.Status; got != presence.StatusAvailable {
			t.Errorf("%s is selected", got)
		}
		p.says("open", "busy", "") // by the same tag
		r.wantSelected("101", presence.SelectDND)
	})
}

// TestPhonePublishesItsCalls: an observer of its own agent's calls, where that is
// switched on.
func TestPhonePublishesItsCalls(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.device("101", "101-soft", func(d *presence.Device) { d.PublishCalls = true })
		soft, desk := r.softphone("192.0.2.30:5060", "101-soft"), r.softphone("192.0.2.31:5060", "101")
		soft.event, desk.event = "dialog", "dialog"
		soft.uri = "sip:101@ex.test"
		body := (&pbx{entity: "sip:101@ex.test"}).info(0, dialog("d1", "c1", "initiator", "confirmed"))
		if m := desk.publish("application/dialog-info+xml", body); m.Status != 403 {
			t.Errorf("a phone for which it is off is answered %d", m.Status)
		}
		if m := soft.publish("application/dialog-info+xml", body); m.Status != 200 {
			t.Fatalf("answered %d", m.Status)
		}
		if got := r.snapshot("101").Team.Status; got != presence.StatusOnACall {
			t.Errorf("the team sees %s", got)
		}
		other := (&pbx{entity: "sip:102@ex.test"}).info(1, dialog("d2", "c2", "initiator", "confirmed"))
		soft.etag = ""
		if m := soft.publish("application/dialog-info+xml", other); m.Status != 403 {
			t.Errorf("another agent's call is answered %d", m.Status)
		}
		// A PBX tells of the same call: its word counts, and its end is the end.
		p := r.pbx(pbxA, "sip:101@ex.test")
		p.want(200, p.info(0, dialog("x1", "c1", "initiator", "confirmed")))
		p.want(200, p.info(1, dialog("x1", "c1", "initiator", "terminated")))
		if got := r.snapshot("101").Team.Status; got == presence.StatusOnACall {
			t.Errorf("the team still sees %s", got)
		}
		r.events.Publications(func(i compositor.Info) bool {
			if len(i.Legs) > 0 {
				t.Errorf("a lamp is stuck: %+v", i)
			}
			return true
		})
	})
}

// TestPhoneThatDiesInACallLeavesNoLamp: its publication ends, and with it the
// call.
func TestPhoneThatDiesInACallLeavesNoLamp(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.device("101", "101-soft", func(d *presence.Device) { d.PublishCalls = true })
		soft := r.softphone("192.0.2.30:5060", "101-soft")
		soft.event, soft.uri = "dialog", "sip:101@ex.test"
		l := r.lamp("192.0.2.10:5060", "201", "sip:101@ex.test")
		l.live()
		soft.publish("application/dialog-info+xml", (&pbx{entity: "sip:101@ex.test"}).info(0, dialog("d1", "c1", "initiator", "confirmed")))
		l.shows("<state>confirmed</state>")
		soft.Close()
		l.Timeout = 11 * time.Minute
		l.shows("<state>terminated</state>")
	})
}
