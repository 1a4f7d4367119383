package proxy_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// dialog is what one end knows of a call: the 2xx that it got, or the INVITE that
// it answered with the To of its answer.
type dialog struct {
	p    *siptest.Peer
	seen *message.Message
	seq  int
}

// send sends a request of the dialog.
func (d *dialog) send(method string, headers ...message.Header) {
	d.seq++
	b := d.p.InDialog(method, d.seen).Set(message.CSeq, fmt.Sprint(100+d.seq, " ", method))
	if method == "INVITE" || method == "REFER" || method == "UPDATE" {
		b.Add(message.Contact, "<"+d.p.Contact("phone")+">")
	}
	for _, h := range headers {
		b.Add(h.Name, h.Value)
	}
	d.p.Send(b)
}

// takes answers what the other end sends.
func (d *dialog) takes(method string, status int) *message.Message {
	m := d.p.Expect(func(m *message.Message) bool { return m.Method == method && m.CallID() == d.seen.CallID() })
	d.p.Respond(m, status)
	return m
}

// gets expects the final response to a method.
func (d *dialog) gets(t *testing.T, method string, status int) {
	t.Helper()
	m := d.p.Expect(func(m *message.Message) bool {
		_, of := m.CSeq()
		return m.Status >= 200 && of == method && m.CallID() == d.seen.CallID()
	})
	if m.Status != status {
		t.Errorf("%s answered %d, want %d", method, m.Status, status)
	}
}

// name is the dialog as the other end is told to replace it.
func (d *dialog) name() message.DialogName {
	local, remote := d.seen.FromTag(), d.seen.ToTag()
	if d.seen.IsRequest() {
		local, remote = remote, local
	}
	return message.DialogName{CallID: d.seen.CallID(), ToTag: remote, FromTag: local}
}

// talk has one phone call and the other answer; of each what it knows.
func (s *switchboard) talk(from *siptest.Peer, invite func() *message.Message, to *siptest.Peer) (caller, callee *dialog) {
	s.t.Helper()
	sent := invite()
	inv := to.Expect(func(m *message.Message) bool { return m.Method == "INVITE" && m.CallID() == sent.CallID() })
	answers(to, inv)
	ok := from.Expect(func(m *message.Message) bool { return m.Status == 200 && m.CallID() == sent.CallID() })
	sendACK(from, ok)
	to.Expect(func(m *message.Message) bool { return m.Method == "ACK" && m.CallID() == sent.CallID() })
	return &dialog{p: from, seen: ok}, &dialog{p: to, seen: siptest.WithToTag(inv, ok.Get(message.To))}
}

// hold puts the other end on hold.
func (d *dialog) hold(t *testing.T, other *dialog) {
	t.Helper()
	d.seq++
	b := d.p.InDialog("INVITE", d.seen).Set(message.CSeq, fmt.Sprint(100+d.seq, " INVITE")).Add(message.Contact, "<"+d.p.Contact("phone")+">")
	d.p.Send(b.Body("application/sdp", []byte("v=0\r\no=- 1 2 IN IP4 10.0.0.21\r\ns=-\r\nc=IN IP4 10.0.0.21\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=sendonly\r\n")))
	other.takes("INVITE", 200)
	d.gets(t, "INVITE", 200)
	synctest.Wait()
}

// ends hangs up.
func (d *dialog) ends(t *testing.T, other *dialog) {
	t.Helper()
	d.send("BYE")
	other.takes("BYE", 200)
	d.gets(t, "BYE", 200)
}

// transfers asks the other end to call.
func (d *dialog) transfers(t *testing.T, other *dialog, to string) (asked string) {
	t.Helper()
	d.send("REFER", message.Header{Name: message.ReferTo, Value: to}, message.Header{Name: message.ReferredBy, Value: "<sip:1001@demo.test>"})
	m := other.takes("REFER", 202)
	d.gets(t, "REFER", 202)
	other.send("NOTIFY", message.Header{Name: message.Event, Value: "refer"}, message.Header{Name: message.SubscriptionState, Value: "active;expires=60"})
	d.takes("NOTIFY", 200)
	other.gets(t, "NOTIFY", 200)
	return m.Get(message.ReferTo)
}

func referredBy() message.Header {
	return message.Header{Name: message.ReferredBy, Value: "<sip:1001@demo.test>"}
}

// outsideCall is a call of the PBX to an agent.
func (s *switchboard) outsideCall(p *siptest.Peer, uri string, headers ...message.Header) func() *message.Message {
	return func() *message.Message { return ring(p, uri, outside, headers...) }
}

// agentCall is a call of an agent's phone.
func (s *switchboard) agentCall(p *siptest.Peer, number, uri string, headers ...message.Header) func() *message.Message {
	return func() *message.Message { return s.dials(p, number, uri, headers...) }
}
