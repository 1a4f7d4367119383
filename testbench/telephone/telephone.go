// Package telephone is a SIP phone with a voice, for tests that call pages: its signalling
// goes over a real socket, it says a tone by RTP, and what it hears is measured by its
// frequency.
package telephone

import (
	"fmt"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/testbench/lab"
	"lamplight/webrtc/media/mediatest"
	"lamplight/webrtc/media/sdp"
)

// Patience bounds everything a phone waits for.
const Patience = 20 * time.Second

// Options of a phone. The zero value is the demo's PBX, which speaks PCMU and a tone of
// 1000 Hz.
type Options struct {
	Host   string      // where its SIP comes from; default 127.0.0.1, whose calls are the PBX's
	Hz     float64     // default 1000
	Codecs []sdp.Codec // default PCMU and telephone-event
}

// Telephone is one phone.
type Telephone struct {
	*siptest.Peer
	*mediatest.Phone
	t   testing.TB
	inv *message.Message // of the call, as the phone knows it: InDialog wants it so
}

// New is a phone of a server. The test's end closes it.
func New(t testing.TB, s *lab.Server, o Options) *Telephone {
	t.Helper()
	if o.Host == "" {
		o.Host = "127.0.0.1"
	}
	if o.Hz == 0 {
		o.Hz = 1000
	}
	v, err := mediatest.NewPhone(mediatest.PhoneOptions{Hz: o.Hz, Codecs: o.Codecs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	p := siptest.NewRealPeerFrom(t, o.Host, s.SIP)
	p.Timeout = Patience
	return &Telephone{Peer: p, Phone: v, t: t}
}

// Desk is the phone on the desk of an agent of the demo.
func Desk(t testing.TB, s *lab.Server, host, number string) *Telephone {
	t.Helper()
	p := New(t, s, Options{Host: host})
	if m := p.Register("sip:"+number+"@demo.lamplight.test", number, "demo-"+number, 600); m.Status != 200 {
		t.Fatalf("the desk phone of %s registers: %d", number, m.Status)
	}
	return p
}

func (p *Telephone) ok(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *Telephone) contact() message.Header {
	return message.Header{Name: message.Contact, Value: "<" + p.Contact("phone") + ">"}
}

// Call begins a call to an agent of the demo.
func (p *Telephone) Call(number string) {
	b := p.Request("INVITE", "sip:"+number+"@demo.lamplight.test", "sip:+4930123@pbx.test", "").Add(message.Contact, p.contact().Value)
	p.Peer.Send(b.Body("application/sdp", p.Offer(sdp.SendRecv)))
}

// Rings waits for a call, and lets it ring.
func (p *Telephone) Rings() *message.Message {
	p.t.Helper()
	inv := p.Expect(siptest.Method("INVITE"))
	p.Respond(inv, 180)
	return inv
}

// Pickup answers an offer of the other side, in a new call or in the one that is.
func (p *Telephone) Pickup(inv *message.Message) {
	p.t.Helper()
	body, err := p.Answer(inv.Body)
	p.ok(err)
	p.Peer.Send(message.NewResponse(inv, 200, "").Add(message.Contact, p.contact().Value).Body("application/sdp", body))
}

// Changed takes the next change of the call that is: held, or going on.
func (p *Telephone) Changed() {
	p.t.Helper()
	p.Pickup(p.Expect(siptest.Method("INVITE")))
}

// Connected takes the answer to a call of its own.
func (p *Telephone) Connected() {
	p.t.Helper()
	res := p.Expect(siptest.Status(200))
	p.ok(p.Accept(res.Body))
	seq, _ := res.CSeq()
	p.Peer.Send(p.InDialog("ACK", res).Set(message.CSeq, fmt.Sprint(seq, " ACK")))
	p.inv = res
}

// HangUp ends a call of its own.
func (p *Telephone) HangUp() {
	p.t.Helper()
	p.Peer.Send(p.InDialog("BYE", p.inv).Set(message.CSeq, "900 BYE"))
	p.Expect(func(m *message.Message) bool {
		_, method := m.CSeq()
		return m.Status == 200 && method == "BYE"
	})
}

// HungUp waits for the other side to end the call.
func (p *Telephone) HungUp() {
	p.t.Helper()
	p.Respond(p.Expect(siptest.Method("BYE")), 200)
}

// Hears waits until the tone is what it hears.
func (p *Telephone) Hears(hz float64) {
	p.t.Helper()
	p.Ear.Forget()
	lab.Eventually(p.t, Patience, func() error { return p.Ear.Recognises(hz) })
}

// Keys waits until these keys were pressed on the other side.
func (p *Telephone) Keys(want string) {
	p.t.Helper()
	lab.Eventually(p.t, Patience, func() error {
		if k := p.Ear.Report().Keys; k != want {
			return fmt.Errorf("keys %q, want %q", k, want)
		}
		return nil
	})
}
