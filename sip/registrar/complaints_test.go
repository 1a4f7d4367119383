package registrar_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/message"
	"lamplight/sip/registrar"
	"lamplight/sip/siptest"
	"lamplight/sip/transport"
)

// What users of other servers met, and must not meet here.

// The extension is down, and the agent is still said to be available.
func TestComplaint19AgentFollowsItsExtension(t *testing.T) {
	for name, down := range map[string]func(h *house, p *phone){
		"connection lost": func(_ *house, p *phone) { p.Close() },
		"unregistered":    func(h *house, p *phone) { wantStatus(h.t, p.register("Contact: *", "Expires: 0"), 200) },
		"device deleted": func(h *house, _ *phone) {
			if err := h.dir.Apply(context.Background(), directory.Edit{DeleteDevices: []presence.DeviceID{h.device("1001")}}); err != nil {
				h.t.Fatal(err)
			}
		},
		"given to a colleague": func(h *house, _ *phone) { h.give("1001", "1002") },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newHouse(t, registrar.Limits{})
				dom, _ := h.dir.Domain(h.domain)
				edited := *dom
				edited.Policy.OnlineBy = presence.OnlineByAnyDevice
				if err := h.dir.Apply(t.Context(), directory.Edit{Domains: []presence.Domain{edited}}); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				team := func() string {
					synctest.Wait()
					s, _ := h.roster.Snapshot(h.agent("1001"))
					return s.Team.Text()
				}
				p := h.stream("1001", "10.0.1.1:40000")
				wantStatus(t, p.register("Contact: <sip:1001@10.0.1.1;transport=tcp>"), 200)
				if got := team(); got != "Available" {
					t.Fatalf("registered: %s", got)
				}
				down(h, p)
				time.Sleep(time.Second)
				if got := team(); got != "Offline" {
					t.Errorf("a second after the extension went down: %s", got)
				}
			})
		})
	}
}

// A closed browser leaves no registration that calls would be sent to.
func TestComplaint20ClosedBrowserLeavesNoRegistration(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{})
		h.allTransports()
		for _, name := range []string{transport.WS, transport.WSS} {
			p := h.over(name, "1001-soft", "10.0.1.1:40001")
			wantStatus(t, p.register("Contact: <sip:x7f@k2.invalid;transport=ws>;expires=600"), 200)
			p.Close()
			time.Sleep(time.Second)
			if h.bound("1001") != "" || h.known("1001") != "" || h.rows() != 0 {
				t.Errorf("%s: left %q, %q, %d rows", name, h.bound("1001"), h.known("1001"), h.rows())
			}
		}
	})
}

// The server says unreachable, the webphone says registered. Whoever we no longer
// reach is told by the end of its connection; by UDP, where there is none, its next
// REGISTER makes it reachable again and not merely answered.
func TestComplaint21BothSidesAgreeOnARegistration(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{NATExpires: time.Hour})
		p := h.phone("1001", "10.0.1.1:5060")
		contact := []string{"Contact: <sip:1001@192.168.0.7:5060>", "Expires: 3600"}
		wantStatus(t, p.register(contact...), 200)
		h.net.SetFaults(siptest.Faults{Loss: 1})
		time.Sleep(5 * time.Minute)
		if got := h.known("1001"); got != "" {
			t.Fatalf("a phone that answers nothing is %q", got)
		}
		h.net.SetFaults(siptest.Faults{})
		p.Handle(func(m *message.Message) *message.Builder { return message.NewResponse(m, 200, "") })
		wantStatus(t, p.register(contact...), 200)
		if got := h.known("1001"); got != "sip:1001@192.168.0.7:5060" {
			t.Errorf("after the refresh of what it thought was there: %q", got)
		}
		// A stream that we give up on is closed: the client sees that.
		h.allTransports()
		ws := h.over(transport.WS, "1001-soft", "10.0.1.2:40001")
		wantStatus(t, ws.register("Contact: <sip:x@y.invalid;transport=ws>"), 200)
		f, err := h.reg.Flow(t.Context(), &h.reg.Bindings(h.agent("1001"))[1])
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		ws.Ended(time.Second)
		time.Sleep(time.Second)
		if got := h.known("1001"); got != "sip:1001@192.168.0.7:5060" {
			t.Errorf("after its stream was closed: %q", got)
		}
	})
}

// Behind one translator two phones name the same private contact. Each removes its
// own, by the contact it registered, wherever its packets seem to come from.
func TestComplaintRemovalBehindNATMatchesTheContact(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{})
		desk, soft := h.phone("1001", "203.0.113.1:1001"), h.phone("1001-soft", "203.0.113.1:1002")
		const same = "Contact: <sip:1001@192.168.1.20:5060>"
		wantStatus(t, desk.register(same), 200)
		wantStatus(t, soft.register(same), 200)
		if got := len(h.reg.Bindings(h.agent("1001"))); got != 2 {
			t.Fatalf("%d bindings of two phones", got)
		}
		// The translator gives the desk phone another port before it says goodbye.
		again := h.phone("1001", "203.0.113.1:2001")
		again.callID, again.seq = desk.callID, desk.seq
		wantStatus(t, again.register(same+";expires=0"), 200)
		left := h.reg.Bindings(h.agent("1001"))
		if len(left) != 1 || left[0].Source != soft.Addr() {
			t.Fatalf("left %+v", left)
		}
		if n := h.rows(); n != 1 {
			t.Errorf("%d rows", n)
		}
		// Nor does the address it comes from name a contact.
		wantStatus(t, soft.register("Contact: <sip:1001@203.0.113.1:1002>;expires=0"), 200)
		if got := h.bound("1001"); got != "sip:1001@192.168.1.20:5060" {
			t.Errorf("removal by the translated address left %q", got)
		}
	})
}

// Registered, but requests go to a stale socket: a phone that connected anew is
// reached by the new connection at once, and the end of the old one, whenever the
// network finds out, takes nothing along.
func TestComplaintStaleSocketIsNotChosen(t *testing.T) {
	for _, name := range []string{transport.TCP, transport.TLS, transport.WS, transport.WSS} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newHouse(t, registrar.Limits{})
				h.allTransports()
				const contact = "Contact: <sip:1001@10.0.1.1:5060;transport=tcp>"
				old := h.over(name, "1001", "10.0.1.1:40001")
				wantStatus(t, old.register(contact), 200)
				fresh := h.over(name, "1001", "10.0.1.1:40002")
				fresh.callID, fresh.seq = old.callID, old.seq
				wantStatus(t, fresh.register(contact), 200)
				reached := func() string {
					t.Helper()
					bs := h.reg.Bindings(h.agent("1001"))
					if len(bs) != 1 {
						t.Fatalf("%d bindings", len(bs))
					}
					f, err := h.reg.Flow(t.Context(), &bs[0])
					if err != nil {
						t.Fatal(err)
					}
					return f.Remote().String()
				}
				if got := reached(); got != "10.0.1.1:40002" {
					t.Errorf("reached by %s", got)
				}
				old.Close()
				time.Sleep(time.Second)
				if got := reached(); got != "10.0.1.1:40002" || h.known("1001") == "" {
					t.Errorf("after the old one ended: by %s, routing knows %q", got, h.known("1001"))
				}
			})
		})
	}
}

// A laptop sleeps, or goes to another network: its connection is dead without a
// word. When it wakes it registers over a new one, and is one contact, reached
// there; when the old one is given up, nothing happens.
func TestComplaintNetworkSwitchKeepsTheWebphoneRegistered(t *testing.T) {
	for name, instance := range map[string]string{
		"same instance":   `;+sip.instance="<urn:uuid:1>";reg-id=1`,
		"a page reloaded": "",
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newHouse(t, registrar.Limits{})
				h.allTransports()
				asleep := h.over(transport.WSS, "1001-soft", "10.0.1.1:40001")
				wantStatus(t, asleep.register("Contact: <sip:aaa@old.invalid;transport=ws>"+instance, supportsOutbound), 200)
				awake := h.over(transport.WSS, "1001-soft", "172.16.0.9:50001") // another address, another Call-ID
				wantStatus(t, awake.register("Contact: <sip:bbb@new.invalid;transport=ws>"+instance, supportsOutbound), 200)
				if instance != "" {
					if got := h.known("1001"); got != "sip:bbb@new.invalid;transport=ws" {
						t.Errorf("awake: routing knows %q", got)
					}
				}
				asleep.Close() // the kernel gives up on the old connection
				time.Sleep(time.Second)
				if got := h.known("1001"); got != "sip:bbb@new.invalid;transport=ws" {
					t.Errorf("after the old connection was given up: %q", got)
				}
				if n := h.rows(); n != 1 {
					t.Errorf("%d rows", n)
				}
			})
		})
	}
}
