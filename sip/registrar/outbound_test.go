package registrar_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/registrar"
)

// flowContact is a Contact of one instance by one of its flows.
func flowContact(uri string, regID int) string {
	return fmt.Sprintf(`Contact: <%s>;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>";reg-id=%d`, uri, regID)
}

const supportsOutbound = "Supported: path, outbound"

// RFC 5626 §6: where outbound is applied, where not, and what the client is told.
func TestWhereOutboundApplies(t *testing.T) {
	const through = "Via: SIP/2.0/UDP 10.0.0.99:5060;branch=z9hG4bKphone"
	for name, c := range map[string]struct {
		limits  registrar.Limits
		headers []string
		status  int
		applied bool // told by Require
		kept    bool // the second flow does not replace the first
	}{
		"directly":                  {headers: []string{supportsOutbound}, applied: true, kept: true},
		"client without support":    {kept: true},
		"by a proxy without ob":     {headers: []string{supportsOutbound, "Path: <sip:edge.test;lr>", through}},
		"by a proxy without Path":   {headers: []string{supportsOutbound, through}},
		"by a proxy that keeps it":  {headers: []string{supportsOutbound, "Path: <sip:token@edge.test;lr;ob>", through}, applied: true, kept: true},
		"the nearest proxy decides": {headers: []string{supportsOutbound, "Path: <sip:near.test;lr>, <sip:token@edge.test;lr;ob>", through}},
		"strict, without ob":        {limits: registrar.Limits{Outbound: registrar.OutboundStrict}, headers: []string{supportsOutbound, through}, status: 439},
		"strict, no support":        {limits: registrar.Limits{Outbound: registrar.OutboundStrict}, headers: []string{through}},
		"strict, directly":          {limits: registrar.Limits{Outbound: registrar.OutboundStrict}, headers: []string{supportsOutbound}, applied: true, kept: true},
		"off":                       {limits: registrar.Limits{Outbound: registrar.OutboundOff}, headers: []string{supportsOutbound}},
		"demanded":                  {headers: []string{supportsOutbound, "Require: outbound"}, applied: true, kept: true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newHouse(t, c.limits)
				for i, p := range []*phone{h.phone("1001", "10.0.1.1:5060"), h.phone("1001", "10.0.1.1:5070")} {
					res := p.register(append([]string{flowContact(fmt.Sprintf("sip:1001@10.0.1.1:%d", 5060+10*i), i+1), "Expires: 100"}, c.headers...)...)
					if want := max(c.status, 200); res.Status != want {
						t.Fatalf("%d %s, want %d", res.Status, res.Phrase, want)
					}
					if got := res.Get(message.Require) == "outbound" && res.Get("Flow-Timer") == "29"; got != c.applied {
						t.Errorf("Require %q, Flow-Timer %q", res.Get(message.Require), res.Get("Flow-Timer"))
					}
					if res.Status != 200 {
						return
					}
					if again := p.register(append([]string{flowContact(fmt.Sprintf("sip:1001@10.0.1.1:%d", 5060+10*i), i+1), "Expires: 100"}, c.headers...)...); again.Get(message.Require) != res.Get(message.Require) {
						t.Errorf("a refresh has Require %q, the first had %q", again.Get(message.Require), res.Get(message.Require))
					}
				}
				if n := len(h.reg.Bindings(h.agent("1001"))); (n == 2) != c.kept {
					t.Errorf("%d bindings", n)
				}
			})
		})
	}
}

// A client with two flows is one contact for routing: the newest living flow, and
// when that one ends the other, without a moment in which there is none.
func TestFlowsOfAnInstanceAreOneContact(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{Contacts: 1, Excess: registrar.ExcessReject})
		one, two, three := h.stream("1001", "10.0.1.1:40001"), h.stream("1001", "10.0.1.1:40002"), h.stream("1001", "10.0.1.1:40003")
		for i, p := range []*phone{one, two, three} {
			p.callID = one.callID
			p.seq = 10 * i
			res := p.register(flowContact(fmt.Sprintf("sip:1001@10.0.1.1:4000%d;transport=tcp", i+1), i+1), supportsOutbound)
			wantStatus(t, res, 200)
			if got := res.Get("Flow-Timer"); got != "120" {
				t.Errorf("Flow-Timer %q", got)
			}
			time.Sleep(time.Second)
		}
		ways := func() string {
			var out []string
			for _, b := range h.reg.Ways(h.agent("1001"), h.reg.Bindings(h.agent("1001"))[0].ID) {
				out = append(out, b.RegID)
			}
			return strings.Join(out, " ")
		}
		if n, w := len(h.reg.Bindings(h.agent("1001"))), ways(); n != 3 || w != "3 2 1" {
			t.Fatalf("%d bindings, ways %s", n, w)
		}
		want := func(n int) {
			t.Helper()
			if got, want := h.known("1001"), fmt.Sprintf("sip:1001@10.0.1.1:4000%d;transport=tcp", n); got != want {
				t.Fatalf("routing knows %q, want %q", got, want)
			}
		}
		want(3)
		// A refresh of an older flow does not make it the first.
		one.seq = 100
		wantStatus(t, one.register(flowContact("sip:1001@10.0.1.1:40001;transport=tcp", 1), supportsOutbound), 200)
		want(3)
		// The end of a flow in reserve changes nothing.
		var c changes
		h.reg.OnChange(c.note)
		two.Close()
		time.Sleep(time.Second)
		want(3)
		three.Close()
		time.Sleep(time.Second)
		want(1)
		if told := c.take(); !slices.Equal(told, []string{"sip:1001@10.0.1.1:40002;transport=tcp deactivated", "sip:1001@10.0.1.1:40003;transport=tcp deactivated"}) {
			t.Errorf("told %q", told)
		}
		// A flow made anew by the same reg-id is the newest.
		three = h.stream("1001", "10.0.1.1:40013")
		three.callID, three.seq = one.callID, 200
		wantStatus(t, three.register(flowContact("sip:1001@10.0.1.1:40003;transport=tcp", 3), supportsOutbound), 200)
		want(3)
		one.Close()
		three.Close()
		time.Sleep(time.Second)
		if h.known("1001") != "" || h.rows() != 0 {
			t.Errorf("left %q, %d rows", h.known("1001"), h.rows())
		}
	})
}

// Of two flows over UDP a restart brings both back, as one contact still.
func TestFlowsOfAnInstanceAcrossARestart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{})
		for i := range 2 {
			p := h.phone("1001", fmt.Sprintf("10.0.1.1:507%d", i))
			p.Handle(func(m *message.Message) *message.Builder { return message.NewResponse(m, 200, "") })
			wantStatus(t, p.register(flowContact(fmt.Sprintf("sip:1001@10.0.1.1:507%d", i), i+1), supportsOutbound), 200)
			time.Sleep(time.Second)
		}
		h.crash()
		time.Sleep(time.Second)
		if n, got := len(h.reg.Bindings(h.agent("1001"))), h.known("1001"); n != 2 || got != "sip:1001@10.0.1.1:5071" {
			t.Errorf("%d bindings, routing knows %q", n, got)
		}
		// One of two that went silent leaves the other.
		for _, b := range h.reg.Bindings(h.agent("1001")) {
			if b.Dead || b.Restored {
				t.Errorf("%+v", b)
			}
		}
	})
}

func TestServiceRouteIsTold(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{ServiceRoute: []string{"sip:edge.test;lr", "sip:core.test:5070;lr"}})
		p := h.phone("1001", "10.0.1.1:5060")
		for range 3 { // the last is the quick refresh
			res := p.register("Contact: <sip:1001@10.0.1.1>", "Expires: 100")
			if got := strings.Join(res.Values("Service-Route"), " "); got != "<sip:edge.test;lr> <sip:core.test:5070;lr>" {
				t.Errorf("Service-Route %s", got)
			}
		}
	})
}

func TestOutboundLimitsAreChecked(t *testing.T) {
	for name, l := range map[string]registrar.Limits{
		"route that is no URI": {ServiceRoute: []string{"edge"}},
		"strict route":         {ServiceRoute: []string{"sip:edge.test"}},
		"unknown word":         {Outbound: "sometimes"},
		"hasty timer":          {FlowTimer: time.Second},
	} {
		if l.Validate() == nil {
			t.Errorf("%s: not refused", name)
		}
	}
}
