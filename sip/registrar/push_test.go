package registrar_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/push"
	"lamplight/sip/registrar"
	"lamplight/store"
)

// served are the push services of a house that has some.
var served = push.Services{Providers: []push.Provider{{Name: "apns"}, {Name: "fcm"}, {Name: "webpush", URL: "https://gateway.test/"}}, OldNames: true}

const (
	mobileURI = "sip:1001@10.9.9.9;transport=tcp"
	withToken = mobileURI + ";pn-provider=apns;pn-prid=secret-token;pn-param=TEAM.app.voip"
)

func TestPushIsNegotiated(t *testing.T) {
	for name, tc := range map[string]struct {
		services push.Services
		params   string
		headers  []string
		status   int
		caps     string // pn-providers named in Feature-Caps
		push     bool
	}{
		"no push here":               {push.Services{}, ";pn-provider=apns;pn-prid=t;pn-param=a", nil, 200, "", false},
		"no push here, query":        {push.Services{}, ";pn-provider", nil, 200, "", false},
		"says nothing":               {served, "", nil, 200, "", false},
		"served":                     {served, ";pn-provider=apns;pn-prid=t;pn-param=a", nil, 200, `*;+sip.pns="apns"`, true},
		"served, in capitals":        {served, ";PN-Provider=FCM;pn-prid=t;pn-param=a", nil, 200, `*;+sip.pns="fcm"`, true},
		"needs no parameter":         {served, ";pn-provider=webpush;pn-prid=https%3A%2F%2Fp.test%2Fx", nil, 200, `*;+sip.pns="webpush"`, true},
		"lacks its parameter":        {served, ";pn-provider=apns;pn-prid=t", nil, 555, "", false},
		"not served":                 {served, ";pn-provider=acme;pn-prid=t", nil, 555, "", false},
		"not served, but removed":    {served, ";pn-provider=acme;pn-prid=t", []string{"Expires: 0"}, 200, "", false},
		"query for all":              {served, ";pn-provider", nil, 200, `*;+sip.pns="apns",*;+sip.pns="fcm",*;+sip.pns="webpush"`, false},
		"query for one":              {served, ";pn-provider=fcm", nil, 200, `*;+sip.pns="fcm"`, false},
		"query for one not served":   {served, ";pn-provider=acme", nil, 555, "", false},
		"another proxy pushes":       {served, ";pn-provider=acme;pn-prid=t", []string{`Feature-Caps: *;+sip.pns="acme"`}, 200, "", false},
		"old names":                  {served, ";app-id=p;pn-type=firebase;pn-tok=t", nil, 200, `*;+sip.pns="fcm"`, true},
		"old names of who knows":     {served, ";app-id=p;pn-type=windows;pn-tok=t", nil, 200, "", false},
		"old names, switched off":    {push.Services{Providers: served.Providers}, ";app-id=p;pn-type=firebase;pn-tok=t", nil, 200, "", false},
		"token without end":          {served, ";pn-provider=webpush;pn-prid=" + strings.Repeat("x", 1100), nil, 555, "", false},
		"second contact not served":  {served, ";pn-provider=fcm;pn-prid=t;pn-param=a>,<sip:x@10.0.0.9;pn-provider=acme;pn-prid=u", nil, 555, "", false},
		"two contacts, two services": {served, ";pn-provider=fcm;pn-prid=t;pn-param=a>,<sip:x@10.0.0.9;pn-provider=webpush;pn-prid=u", nil, 200, `*;+sip.pns="fcm",*;+sip.pns="webpush"`, true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newHouse(t, registrar.Limits{Push: tc.services})
				p := h.phone("1001-mobile", "10.0.1.1:5060")
				for range 2 { // the second is a refresh
					res := p.register(append([]string{"Contact: <sip:1001@10.0.1.1" + tc.params + ">"}, tc.headers...)...)
					wantStatus(t, res, tc.status)
					if got := strings.Join(res.Values("Feature-Caps"), ","); got != tc.caps {
						t.Errorf("Feature-Caps %s, want %s", got, tc.caps)
					}
				}
				bs := h.reg.Bindings(h.agent("1001"))
				if tc.status != 200 && len(bs) > 0 {
					t.Errorf("bound %+v", bs)
				}
				if len(bs) > 0 && bs[0].Push != tc.push {
					t.Errorf("push is %v", bs[0].Push)
				}
			})
		})
	}
}

// A sleeping mobile cannot refresh: it is granted days, also behind NAT, and ends
// when those are over.
func TestMobileExpiresAsGranted(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{Push: served, PushExpires: 48 * time.Hour})
		mobile := h.stream("1001-mobile", "10.0.1.3:40000")
		res := mobile.register("Contact: <"+withToken+">", "Expires: 2592000")
		wantStatus(t, res, 200)
		if got := res.Get(message.Contact); !strings.HasSuffix(got, ";expires=172800") {
			t.Errorf("granted %s", got)
		}
		mobile.Close()
		time.Sleep(47 * time.Hour)
		if got := h.known("1001"); got != mobileURI {
			t.Errorf("after 47 h %q", got)
		}
		time.Sleep(2 * time.Hour)
		if got := h.known("1001"); got != "" || h.rows() != 0 {
			t.Errorf("after 49 h %q, %d rows", got, h.rows())
		}
		udp := h.phone("1001-mobile", "10.0.1.4:5060")
		if got := udp.register("Contact: <sip:1001@192.168.0.7;pn-provider=webpush;pn-prid=x>", "Expires: 7200").Get(message.Contact); !strings.HasSuffix(got, ";expires=7200") {
			t.Errorf("behind NAT granted %s", got)
		}
	})
}

// A restart with a sleeping mobile: it can be woken afterwards, whatever it had
// registered over, and is not taken for awake.
func TestSleepingMobileOutlivesARestart(t *testing.T) {
	for name, connect := range map[string]func(h *house) *phone{
		"TCP": func(h *house) *phone { return h.stream("1001-mobile", "10.0.1.3:40000") },
		"UDP": func(h *house) *phone { return h.phone("1001-mobile", "10.0.1.3:5060") },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newHouse(t, registrar.Limits{Push: served})
				mobile := connect(h)
				wantStatus(t, mobile.register("Contact: <"+withToken+">", "Expires: 86400"), 200)
				mobile.Close()
				h.crash()
				for _, after := range []time.Duration{0, 2 * time.Minute} {
					time.Sleep(after)
					s, _ := h.roster.Snapshot(h.agent("1001"))
					if len(s.Devices) != 1 || !s.Devices[0].Wake || !s.Devices[0].Reachable || !s.Devices[0].Push {
						t.Fatalf("%v after the restart %+v", after, s.Devices)
					}
				}
				b := h.reg.Bindings(h.agent("1001"))[0]
				sleeper, ok := h.reg.Sleeper(h.agent("1001"), b.ID)
				if !ok || sleeper.PRID != "secret-token" || sleeper.Param != "TEAM.app.voip" || sleeper.Account != "1001@demo.test" {
					t.Errorf("sleeper %v, %v", sleeper, ok)
				}
				if _, awake := h.reg.Awake(h.agent("1001"), sleeper, time.Now()); awake {
					t.Error("it is taken for awake")
				}
				mobile = h.stream("1001-mobile", "10.0.1.3:40009")
				wantStatus(t, mobile.register("Contact: <"+withToken+">"), 200)
				if id, awake := h.reg.Awake(h.agent("1001"), sleeper, time.Now().Add(-time.Second)); !awake || id != b.ID {
					t.Errorf("awake is %v, by %s, want %s", awake, id, b.ID)
				}
				s, _ := h.roster.Snapshot(h.agent("1001"))
				if len(s.Devices) != 1 || s.Devices[0].Wake {
					t.Errorf("after it registered %+v", s.Devices)
				}
			})
		})
	}
}

// A mobile over UDP that the system put to sleep does not answer OPTIONS, wherever
// it is: it is kept, as one that only a push reaches.
func TestMobileThatFallsAsleepOverUDPIsKept(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{Push: served})
		mobile := h.phone("1001-mobile", "10.0.1.3:5060")
		wantStatus(t, mobile.register("Contact: <sip:1001@10.0.1.3;pn-provider=webpush;pn-prid=x>", "Expires: 3600"), 200)
		mobile.Close()
		time.Sleep(65 * time.Second)
		s, _ := h.roster.Snapshot(h.agent("1001"))
		if len(s.Devices) != 1 || !s.Devices[0].Wake {
			t.Fatalf("%+v", s.Devices)
		}
		awake := h.phone("1001-mobile", "10.0.1.3:5060")
		awake.callID, awake.seq = mobile.callID, mobile.seq
		n := asked(awake, 200)
		wantStatus(t, awake.register("Contact: <sip:1001@10.0.1.3;pn-provider=webpush;pn-prid=x>", "Expires: 3600"), 200)
		s, _ = h.roster.Snapshot(h.agent("1001"))
		if s.Devices[0].Wake {
			t.Error("still asleep after it registered")
		}
		time.Sleep(time.Minute)
		if n.Load() == 0 {
			t.Error("not asked any more")
		}
	})
}

func TestTokenThatIsGoneEnds(t *testing.T) {
	for name, asleep := range map[string]bool{"asleep": true, "awake": false} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newHouse(t, registrar.Limits{Push: served})
				mobile := h.stream("1001-mobile", "10.0.1.3:40000")
				wantStatus(t, mobile.register("Contact: <"+withToken+">", "Expires: 3600"), 200)
				agent := h.agent("1001")
				sleeper, _ := h.reg.Sleeper(agent, h.reg.Bindings(agent)[0].ID)
				if asleep {
					mobile.Close()
					time.Sleep(time.Second)
				}
				other := sleeper
				other.PRID = "another"
				h.reg.EndPush(agent, other) // one that has been replaced meanwhile
				time.Sleep(time.Second)
				if bs := h.reg.Bindings(agent); len(bs) != 1 || !bs[0].Push {
					t.Fatalf("ended by another token: %+v", bs)
				}
				h.reg.EndPush(agent, sleeper)
				time.Sleep(time.Second)
				bs := h.reg.Bindings(agent)
				if asleep && (len(bs) != 0 || h.rows() != 0) || !asleep && (len(bs) != 1 || bs[0].Push) {
					t.Errorf("left %+v, %d rows", bs, h.rows())
				}
				h.crash()
				if got := h.known("1001"); got != "" {
					t.Errorf("after a restart %q", got)
				}
			})
		})
	}
}

// Nobody but the store's row of the binding, and the device itself, sees a token.
func TestTokensAreToldToNobody(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{Push: served})
		mobile := h.phone("1001-mobile", "10.0.1.3:5060")
		res := mobile.register("Contact: <"+withToken+">;q=0.5", "Expires: 3600")
		wantStatus(t, res, 200)
		if got := res.Get(message.Contact); got != "<"+withToken+">;q=0.5;expires=3600" {
			t.Errorf("the device is told %s", got)
		}
		s, _ := h.roster.Snapshot(h.agent("1001"))
		if s.Devices[0].Contact != mobileURI {
			t.Errorf("routing is told %s", s.Devices[0].Contact)
		}
		question := mobile.Expect(func(m *message.Message) bool { return m.Method == "OPTIONS" })
		if question.URI != mobileURI {
			t.Errorf("OPTIONS to %s", question.URI)
		}
		// RFC 8599 §4.1.2: the token is left out when the contact is removed.
		wantStatus(t, mobile.register("Contact: <"+mobileURI+";pn-provider=apns;pn-param=TEAM.app.voip>", "Expires: 0"), 200)
		if got := h.bound("1001"); got != "" {
			t.Errorf("left %s", got)
		}
		es, err := h.store.Log(context.Background(), store.LogQuery{Kind: "registration", Limit: 10})
		if err != nil || len(es) != 2 {
			t.Fatalf("%d entries, %v", len(es), err)
		}
		for _, e := range es {
			if bytes.Contains(append(e.Before, e.After...), []byte("secret-token")) || !bytes.Contains(append(e.Before, e.After...), []byte(mobileURI)) {
				t.Errorf("log entry %s %s", e.Before, e.After)
			}
		}
	})
}

// The list in a 200 is also read by the agent's other devices.
func TestTokensAreNotToldToOtherDevices(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{Push: served})
		mobile := h.phone("1001-mobile", "10.0.1.3:5060")
		wantStatus(t, mobile.register("Contact: <"+withToken+">;q=0.5", "Expires: 3600"), 200)
		desk := h.phone("1001", "10.0.1.4:5060")
		for range 2 { // the second is a refresh
			res := desk.register("Contact: <sip:1001@10.0.1.4>", "Expires: 60")
			if got := contacts(res); strings.Contains(got, "secret-token") || !strings.Contains(got, "<"+mobileURI+">;q=0.5;expires=") {
				t.Errorf("the desk phone is told %s", got)
			}
		}
		if got := contacts(mobile.register("Contact: <"+withToken+">;q=0.5", "Expires: 3600")); !strings.Contains(got, "secret-token") {
			t.Errorf("the device itself is told %s", got)
		}
	})
}

// An app that goes by a softphone's user name can be woken like any other.
func TestWhatAPushWakesIsAMobile(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{Push: served})
		app := h.stream("1001-soft", "10.0.1.3:40000")
		wantStatus(t, app.register("Contact: <"+withToken+">", "Expires: 3600"), 200)
		app.Close()
		time.Sleep(time.Second)
		s, _ := h.roster.Snapshot(h.agent("1001"))
		if len(s.Devices) != 1 || s.Devices[0].Kind != presence.KindMobile || !s.Devices[0].Wake {
			t.Errorf("%+v", s.Devices)
		}
	})
}
