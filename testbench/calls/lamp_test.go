//go:build testbench

package calls

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/testbench/lab"
	"lamplight/testbench/phones"
)

const (
	rung   = "sip:1001@" + domain
	picker = "sip:1002@" + domain
)

// key is a lamp key of one family, on a phone of its own.
type key struct {
	phones.Model
	phone *siptest.Peer

	mu   sync.Mutex
	lamp phones.Lamp // guarded by mu
	err  error       // guarded by mu
}

// notified answers what the phone is told, and shows it.
func (k *key) notified(m *message.Message) *message.Builder {
	switch m.Method {
	case "NOTIFY", http.MethodOptions:
	default:
		return nil
	}
	if len(m.Body) > 0 {
		k.mu.Lock()
		k.lamp, k.err = k.Read(m.Body, rung)
		k.mu.Unlock()
	}
	return message.NewResponse(m, 200, "")
}

func (k *key) shows(t *testing.T, state string) phones.Lamp {
	t.Helper()
	var l phones.Lamp
	lab.Eventually(t, 5*time.Second, func() error {
		k.mu.Lock()
		defer k.mu.Unlock()
		if l = k.lamp; k.err != nil || l.State != state {
			return fmt.Errorf("the lamp shows %q, want %q (%w)", l.State, state, k.err)
		}
		return nil
	})
	return l
}

// invite calls as the picker's phone does, with credentials.
func (k *key) invite(t *testing.T, uri string, headers ...message.Header) {
	t.Helper()
	sdp := "v=0\r\no=- 1 1 IN IP4 127.0.1.2\r\ns=-\r\nc=IN IP4 127.0.1.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
	build := func() *message.Builder {
		b := k.phone.Request("INVITE", uri, picker, "").Add(message.Contact, "<"+k.phone.Contact("1002")+">").Add(message.UserAgent, k.UserAgent)
		for _, h := range headers {
			b.Add(h.Name, h.Value)
		}
		return b.Body("application/sdp", []byte(sdp))
	}
	k.phone.Send(build())
	no := k.phone.Expect(siptest.Final)
	if no.Status != 401 {
		t.Fatalf("answered %d without credentials", no.Status)
	}
	name, value := k.phone.Authorize(no, "INVITE", uri, "1002", "demo-1002")
	k.phone.Send(build().Add(name, value))
}

// TestLampsTakeCalls: the families whose phones pick up by Replaces read the lamp
// of a colleague who is rung, and take the call by what is in it.
func TestLampsTakeCalls(t *testing.T) {
	s := lab.Start(t, lab.Options{Config: carried(t)})
	for _, m := range phones.Models() {
		if !m.Picks || m.List {
			continue
		}
		t.Run(m.Name, func(t *testing.T) {
			pbx, desk := siptest.NewRealPeer(t, s.SIP), siptest.NewRealPeerFrom(t, "127.0.1.1", s.SIP)
			k := &key{Model: m, phone: siptest.NewRealPeerFrom(t, "127.0.1.2", s.SIP)}
			k.phone.Handle(k.notified)
			desk.Handle(k.notified)
			for user, p := range map[string]*siptest.Peer{"1001": desk, "1002": k.phone} {
				if res := p.Register("sip:"+user+"@"+domain, user, "demo-"+user, 600); res.Status != 200 {
					t.Fatalf("%s registers: %d", user, res.Status)
				}
				defer p.Register("sip:"+user+"@"+domain, user, "demo-"+user, 0)
			}
			id, tag := message.NewCallID(""), message.NewTag()
			if res := k.phone.DoAuth("1002", "demo-1002", func() *message.Builder {
				b := k.phone.Request("SUBSCRIBE", rung, picker, "").Set(message.CallID, id).Set(message.From, "<"+picker+">;tag="+tag).
					Add(message.Contact, "<"+k.phone.Contact("1002")+">").Add(message.Event, m.Event).Add(message.Expires, "600").Add(message.UserAgent, m.UserAgent)
				for line := range strings.Lines(m.Subscribe) {
					name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
					b.Add(message.Name(name), value)
				}
				return b
			}); res.Status != 200 {
				t.Fatalf("SUBSCRIBE answered %d", res.Status)
			}
			k.shows(t, "idle")
			_, inv := call(t, pbx, desk, "1001")
			desk.Respond(inv, 180)
			l := k.shows(t, "ringing")
			if l.Pickup == nil {
				t.Fatal("the lamp does not say by what the call is taken")
			}
			began := time.Now()
			k.invite(t, l.Pickup.URI, message.Header{Name: message.Replaces, Value: message.DialogName{CallID: l.Pickup.CallID, ToTag: l.Pickup.ToTag, FromTag: l.Pickup.FromTag}.String()})
			ok := k.phone.Expect(siptest.Final)
			if ok.Status != 200 {
				t.Fatalf("the pickup is answered %d", ok.Status)
			}
			k.phone.Send(k.phone.InDialog("ACK", ok))
			k.phone.Respond(k.phone.Expect(siptest.Method("BYE")), 200)
			got := k.phone.Expect(siptest.Method("INVITE"))
			k.phone.Respond(got, 200, message.Header{Name: message.Contact, Value: "<" + k.phone.Contact("1002") + ">"})
			talk := pbx.Expect(siptest.Status(200))
			t.Logf("connected %v after the key was pressed", time.Since(began).Round(time.Millisecond))
			pbx.Send(pbx.InDialog("ACK", talk))
			cancel := desk.Expect(siptest.Method("CANCEL"))
			if !strings.Contains(cancel.Get(message.Reason), "Call completed elsewhere") {
				t.Errorf("taken back with %q", cancel.Get(message.Reason))
			}
			desk.Respond(inv, 487)
			s.TeamStatus("1002", "on_a_call", 5*time.Second)
			k.shows(t, "idle")
			hangUp(t, pbx, k.phone, talk)
			s.TeamStatus("1002", "offline", 5*time.Second)
		})
	}
}
