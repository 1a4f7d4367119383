//go:build testbench

package browser

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/testbench/lab"
	"lamplight/webrtc/media/mediatest"
	"lamplight/webrtc/media/sdp"
)

// speaking is a telephone with another tone than the rest.
func speaking(t *testing.T, s *lab.Server, host string, hz float64) *telephone {
	t.Helper()
	v, err := mediatest.NewPhone(mediatest.PhoneOptions{Hz: hz})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	p := siptest.NewRealPeerFrom(t, host, s.SIP)
	p.Timeout = patience
	return &telephone{Peer: p, Phone: v, t: t}
}

// in is the telephone for a subtest: what it waits for in vain, fails there.
func (p *telephone) in(t *testing.T) *telephone {
	c := *p
	c.t = t
	return &c
}

// dials calls as the desk phone of an agent.
func (p *telephone) dials(own, number string) {
	p.t.Helper()
	uri := "sip:" + number + "@demo.lamplight.test"
	b := func() *message.Builder {
		return p.Request("INVITE", uri, "sip:"+own+"@demo.lamplight.test", "").Add(message.Contact, p.contact().Value).
			Body("application/sdp", p.Offer(sdp.SendRecv))
	}
	first := b()
	p.Peer.Send(first)
	res := p.finally()
	name, value := p.Authorize(res, "INVITE", uri, own, "demo-"+own)
	p.Peer.Send(b().Add(name, value))
}

// takes answers the INVITE of a call, and knows it from now on.
func (p *telephone) takes(inv *message.Message) {
	p.t.Helper()
	body, err := p.Answer(inv.Body)
	p.ok(err)
	b := message.NewResponse(inv, 200, "").Add(message.Contact, p.contact().Value).Body("application/sdp", body)
	p.Peer.Send(b)
	res, err := message.Parse(b.Bytes())
	p.ok(err)
	p.inv = siptest.WithToTag(inv, res.Get(message.To))
	p.Expect(siptest.Method("ACK"))
}

// agrees answers a change of the call it has.
func (p *telephone) agrees() {
	p.t.Helper()
	p.answer(p.Expect(siptest.Method("INVITE")))
	p.Expect(siptest.Method("ACK"))
}

// within sends a request within the call; the other side's 2xx is returned.
func (p *telephone) within(method string, extra ...message.Header) *message.Message {
	p.t.Helper()
	b := p.InDialog(method, p.inv).Add(message.Contact, p.contact().Value)
	for _, h := range extra {
		b.Add(h.Name, h.Value)
	}
	return p.succeeds(b)
}

// succeeds sends a request until its final answer, which is a 2xx.
func (p *telephone) succeeds(b *message.Builder) *message.Message {
	p.t.Helper()
	m := p.Do(b)
	if m.Status >= 300 {
		p.t.Fatalf("the answer is\n%s", m.Raw)
	}
	return m
}

// changes has the call go on this way: the way that the phone wants to.
func (p *telephone) changes(way sdp.Direction) {
	p.t.Helper()
	b := p.InDialog("INVITE", p.inv).Add(message.Contact, p.contact().Value).Body("application/sdp", p.Offer(way))
	p.accepts(p.succeeds(b), p.inv)
}

// accepts takes the answer to an INVITE of its own, in the dialog that seen made.
func (p *telephone) accepts(res, seen *message.Message) {
	p.t.Helper()
	p.ok(p.Accept(res.Body))
	seq, _ := res.CSeq()
	p.Peer.Send(p.InDialog("ACK", seen).Set(message.CSeq, fmt.Sprint(seq, " ACK")))
}

// referred takes what the page asks of it, and calls there as a phone does. Whoever is
// called has the INVITE now.
func (p *telephone) referred() *message.Builder {
	p.t.Helper()
	refer := p.Expect(siptest.Method("REFER"))
	p.Respond(refer, 202, p.contact())
	to, err := message.ParseNameAddr(refer.Get(message.ReferTo))
	p.ok(err)
	u, err := message.ParseURI(to.URI)
	p.ok(err)
	headers, err := url.ParseQuery(u.Headers)
	p.ok(err)
	u.Headers = ""
	b := p.Request("INVITE", u.String(), "sip:+4930123@pbx.test", "").Add(message.Contact, p.contact().Value).
		Add(message.ReferredBy, refer.Get(message.ReferredBy))
	if r := headers.Get("Replaces"); r != "" {
		b.Add(message.Replaces, r)
	}
	b.Body("application/sdp", p.Offer(sdp.SendRecv))
	p.Peer.Send(b)
	return b
}

// reached tells the page how a call went that it asked for.
func (p *telephone) reached(status string) {
	p.t.Helper()
	p.succeeds(p.InDialog("NOTIFY", p.inv).Add(message.Contact, p.contact().Value).Add(message.Event, "refer").
		Add(message.SubscriptionState, "terminated;reason=noresource").Body("message/sipfrag", []byte("SIP/2.0 "+status+"\r\n")))
}

// finally waits for the final answer to an INVITE.
func (p *telephone) finally() *message.Message {
	p.t.Helper()
	return p.Expect(func(m *message.Message) bool {
		_, method := m.CSeq()
		return m.Status >= 200 && method == "INVITE"
	})
}

// hushes has its RTP end, which knows of no BYE.
func (p *telephone) hushes() { _ = p.Offer(sdp.Inactive) }

// ends hangs its call up.
func (p *telephone) ends() {
	p.t.Helper()
	p.within("BYE")
}

// With presses a button of the page's call with somebody, of several calls.
func (p *Page) With(who, id string) {
	p.t.Helper()
	lab.Eventually(p.t, patience, func() error {
		if got := p.Eval(fmt.Sprintf(`(() => {
			const call = [...document.querySelectorAll('[data-testid=phone-call]')].find(c => c.textContent.includes(%q))
			const button = call?.querySelector('[data-testid=%s]')
			button?.click()
			return button ? '' : call?.textContent ?? 'no call with %s'
		})()`, who, id, who)); got != "" {
			return fmt.Errorf("no button %s: %s", id, got)
		}
		return nil
	})
}

// SaysOf waits until the page's call with somebody is as said.
func (p *Page) SaysOf(who, want string) {
	p.t.Helper()
	lab.Eventually(p.t, patience, func() error {
		got := p.Eval(fmt.Sprintf(`[...document.querySelectorAll('[data-testid=phone-call]')].map(c => c.textContent).find(c => c.includes(%q)) ?? ''`, who))
		if !strings.Contains(got, want) {
			return fmt.Errorf("of %s the page says %q, want %q", who, got, want)
		}
		return nil
	})
}
