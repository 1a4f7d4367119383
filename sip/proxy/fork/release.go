package fork

import (
	"slices"
	"strconv"

	"lamplight/sip/message"
)

// releaseLocked ends the dialog of a 2xx that nobody waits for: ACK, then BYE
// (RFC 3261 §16.7 step 5 would pass it on, but a caller that has its answer, or
// has given up, may not know what to do with another).
func (b *branch) releaseLocked(m *message.Message, why message.Header) {
	contacts, err := m.Contacts()
	if err != nil || len(contacts) == 0 {
		return // it cannot be reached
	}
	target := contacts[0].URI
	// The route set as seen from here: what was recorded behind us, reversed
	// (RFC 3261 §12.1.2).
	var routes []string
	for _, r := range m.Values(message.RecordRoute) {
		if slices.Contains(b.own, r) {
			break
		}
		routes = append(routes, r)
	}
	slices.Reverse(routes)
	seq, _ := m.CSeq()
	inDialog := func(method string, seq uint32) *message.Builder {
		req := message.NewRequest(method, target)
		for _, r := range routes {
			req.Add(message.Route, r)
		}
		return req.Add(message.MaxForwards, "70").Add(message.From, m.Get(message.From)).Add(message.To, m.Get(message.To)).
			Add(message.CallID, m.CallID()).Add(message.CSeq, strconv.Itoa(int(seq))+" "+method)
	}
	t := b.call.f.o.Transactions
	ack := inDialog("ACK", seq).Via(t.Via(b.flow, message.NewBranch()))
	_ = b.flow.Send(ack.Bytes()) // it is sent again with each 2xx that comes again
	if b.tag == m.ToTag() || b.call.plan.InDialog {
		return
	}
	b.tag = m.ToTag()
	bye := inDialog("BYE", seq+1).Add(why.Name, why.Value)
	t.Send(b.flow, bye, func(*message.Message, error) {})
}

// hangUpLocked releases who has answered, whom the caller does not hear of.
func (c *Call) hangUpLocked(m *message.Message, why message.Header) {
	c.released = true
	c.winner.tag = "" // it is to be sent a BYE
	c.winner.releaseLocked(m, why)
}
