package events

import (
	"fmt"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// A phone that was given a GRUU names itself by it in a SUBSCRIBE. NOTIFYs go to
// the contact that it has registered, wherever that is now: with the GRUU itself as
// Request-URI a phone does not know itself, and its old address is nobody's.
func TestNotifyToAGRUUReachesThePhoneWhereItIs(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		const gruu = "sip:102@ex.test;gr=urn:uuid:00000000-0000-1000-8000-000a95a0e128"
		register := func(p *siptest.Peer, seq *int, contact string) (temporary string) {
			t.Helper()
			res := p.DoAuth("102", "secret", func() *message.Builder {
				*seq++
				return message.NewRequest("REGISTER", "sip:ex.test").Add(message.MaxForwards, "70").Add(message.From, "<sip:102@ex.test>;tag=1").Add(message.To, "<sip:102@ex.test>").
					Add(message.CallID, "run-1").Add(message.CSeq, fmt.Sprint(*seq, " REGISTER")).
					Add(message.Contact, "<"+contact+`>;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"`).
					Add(message.Supported, "gruu")
			})
			list, err := res.Contacts()
			if res.Status != 200 || err != nil || len(list) != 1 {
				t.Fatalf("%s", res.Raw)
			}
			temporary, _ = list[0].Params.Get("temp-gruu")
			return temporary
		}
		seq := 0
		l := r.lamp("192.0.2.2:5060", "102", "sip:101@ex.test")
		register(l.Peer, &seq, "sip:line1@192.0.2.2:5060")
		l.gruu = gruu
		l.live()
		pbx, version := r.pbx(pbxA, "sip:101@ex.test"), 0
		talk := func(state string) {
			t.Helper()
			pbx.want(200, pbx.info(version, dialog("d", "d", "recipient", state)))
			version++
		}
		talk("confirmed")
		if m := l.shows("<state>confirmed</state>"); m.URI != "sip:line1@192.0.2.2:5060" {
			t.Errorf("NOTIFY %s", m.URI)
		}
		// It wakes in another network and registers; it has not subscribed anew yet.
		moved := siptest.NewPeer(t, r.net, "192.0.2.3:5070", server)
		register(moved, &seq, "sip:line1@192.0.2.3:5070")
		time.Sleep(time.Second)
		talk("terminated")
		m := moved.Expect(siptest.Method("NOTIFY"))
		moved.Respond(m, 200)
		if m.URI != "sip:line1@192.0.2.3:5070" {
			t.Errorf("NOTIFY %s", m.URI)
		}
		r.restart()
		m = moved.Expect(siptest.Method("NOTIFY"))
		moved.Respond(m, 200)
		if m.URI != "sip:line1@192.0.2.3:5070" {
			t.Errorf("after a restart NOTIFY %s", m.URI)
		}
		l.dark(time.Minute)
	})
}

// A GRUU can be watched: it shows what its agent is doing, and of a temporary one
// nobody learns whose it is.
func TestSubscribeToAGRUU(t *testing.T) {
	bubble(t, func(t *testing.T, r *rig) {
		r.gruu = true
		r.restart()
		phone := siptest.NewPeer(t, r.net, "192.0.2.2:5060", server)
		seq := 0
		res := phone.DoAuth("101", "secret", func() *message.Builder {
			seq++
			return message.NewRequest("REGISTER", "sip:ex.test").Add(message.MaxForwards, "70").Add(message.From, "<sip:101@ex.test>;tag=1").Add(message.To, "<sip:101@ex.test>").
				Add(message.CallID, "run-1").Add(message.CSeq, fmt.Sprint(seq, " REGISTER")).Add(message.Supported, "gruu").
				Add(message.Contact, `<sip:line1@192.0.2.2>;+sip.instance="<urn:uuid:1>"`)
		})
		list, err := res.Contacts()
		if err != nil || len(list) != 1 {
			t.Fatalf("%s", res.Raw)
		}
		public, _ := list[0].Params.Get("pub-gruu")
		temporary, _ := list[0].Params.Get("temp-gruu")
		a, b := r.lamp("192.0.2.3:5060", "102", public), r.lamp("192.0.2.4:5060", "102", temporary)
		a.live()
		b.live()
		pbx := r.pbx(pbxA, "sip:101@ex.test")
		pbx.want(200, pbx.info(0, dialog("d", "d", "recipient", "confirmed")))
		a.shows("<state>confirmed</state>", `entity="sip:101@ex.test"`)
		b.shows("<state>confirmed</state>", `entity="sip:tgruu.`)
	})
}
