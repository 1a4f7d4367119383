package fork

import (
	"cmp"
	"errors"
	"sync"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
)

// maxDatagram is what a request other than INVITE may take over UDP (RFC 3428 §8):
// what is longer goes over streams only.
const maxDatagram = 1300

// asking is a request other than INVITE on its way to several places.
type asking struct {
	f   *Forker
	req *transaction.Request

	mu   sync.Mutex
	left int              // who may still answer; guarded by mu, as all below
	over bool             // the answer was given
	best *message.Message // of the refusals
	text int              // the refusal of places that could not be sent it
}

// Ask passes a request other than INVITE on to all the targets at once. The first
// 2xx is the answer; if there is none, the best refusal once all have answered (RFC
// 3261 §16.7). Where nobody says anything, nothing is said: who asked has given up
// at the same time (RFC 4320 §4.2). Strip names headers that are not passed on.
func (f *Forker) Ask(req *transaction.Request, targets []Target, strip []message.Name) {
	mark := f.loopMark(req.Message)
	switch {
	case looped(req.Message, mark):
		req.Reply(482)
		return
	case len(targets) == 0:
		req.Reply(480)
		return
	}
	a := &asking{f: f, req: req, left: len(targets)}
	for _, t := range targets {
		f.Go(func() { a.send(&t, mark, strip) })
	}
}

// send sends it to one place.
func (a *asking) send(t *Target, mark string, strip []message.Name) {
	w, err := t.way(a.f.life)
	if err != nil {
		a.failed(430)
		return
	}
	flow, route := w.Flow, t.Route
	if w.Route != nil {
		route = w.Route
	}
	first := make([]message.Header, len(route))
	for i, r := range route {
		first[i] = message.Header{Name: message.Route, Value: r}
	}
	b := message.RelayRequest(a.req.Message, cmp.Or(w.URI, t.URI), first, strip...)
	for _, h := range t.Headers {
		b.Add(h.Name, h.Value)
	}
	branch := message.NewBranch() + mark
	raw := b.Via(a.f.o.Transactions.Via(flow, branch)).Bytes()
	if !flow.Reliable() && len(raw) > maxDatagram {
		a.failed(513)
		return
	}
	a.f.o.Transactions.SendRaw(flow, branch, raw, a.got)
}

// got takes the final response of one place.
func (a *asking) got(m *message.Message, err error) {
	switch {
	case err != nil && errors.Is(err, transaction.ErrTimeout):
		a.failed(0)
	case err != nil:
		a.failed(430)
	default:
		a.answered(m)
	}
}

func (a *asking) answered(m *message.Message) {
	a.mu.Lock()
	a.left--
	good := m.Status < 300 && !a.over
	if good {
		a.over = true
	} else if m.Status >= 300 && (a.best == nil || rank(&branch{status: m.Status}) < rank(&branch{status: a.best.Status})) {
		a.best = m
	}
	a.mu.Unlock()
	if good {
		a.req.Respond(message.RelayResponse(m))
		return
	}
	a.refuse()
}

// failed: that place says nothing; status is why, 0 for silence.
func (a *asking) failed(status int) {
	a.mu.Lock()
	a.left--
	a.text = max(a.text, status)
	a.mu.Unlock()
	a.refuse()
}

// refuse answers if everybody has.
func (a *asking) refuse() {
	a.mu.Lock()
	last := a.left == 0 && !a.over
	a.over = a.over || last
	best, status := a.best, a.text
	a.mu.Unlock()
	switch {
	case !last:
	case best != nil && best.Status != 503: // RFC 3261 §16.7: not our own next hop's matter
		a.req.Respond(message.RelayResponse(best))
	case best != nil || status == 430:
		a.req.Reply(480)
	case status > 0:
		a.req.Reply(status)
	}
}
