package relay

import (
	"context"
	"errors"

	"lamplight/sip/message"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

// question is a request other than INVITE on its way. One goroutine after the other has
// it.
type question struct {
	r       *Relay
	req     *transaction.Request
	uri     string
	first   []message.Header // its Route
	out     *transport.Flow
	way     fork.Way
	shift   uint32 // of CSeq
	referTo string // instead of its own; empty: that
	body    []byte // the same; nil: that
	answers int    // to challenges
}

// maxAnswers bounds the answers to challenges: a proxy's, the server's, and once more
// because a nonce ran out.
const maxAnswers = 3

// way is how the other end is asked, if it may ask who we are.
func (r *Relay) way(req *transaction.Request, out *transport.Flow) (fork.Way, bool) {
	if r.o.Way == nil || req.Method == "ACK" {
		return fork.Way{}, false
	}
	return r.o.Way(req.Message, out)
}

var errNoOther = errors.New("relay: a dialog has one way")

// once is that way and no other.
func once(w fork.Way) func(context.Context) (fork.Way, error) {
	asked := false
	return func(context.Context) (fork.Way, error) {
		if asked {
			return fork.Way{}, errNoOther
		}
		asked = true
		return w, nil
	}
}

// ahead are the credentials for a challenge that is known from before.
func (q *question) ahead() []message.Header {
	if q.way.Ahead == nil {
		return nil
	}
	return q.way.Ahead(q.uri, q.said())
}

// said is the body as it is sent.
func (q *question) said() []byte {
	if q.body != nil {
		return q.body
	}
	return q.req.Body
}

// send sends it with those credentials, and calls done with what came of it in the end.
func (q *question) send(extra []message.Header, done func(*message.Message, error)) {
	b := message.RelayRequest(q.req.Message, q.uri, q.first, q.r.strip(q.req)...)
	ahead(b, q.req.Message, q.shift)
	if q.referTo != "" {
		b.Set(message.ReferTo, q.referTo)
	}
	if q.body != nil {
		b.Body(fork.SDP, q.body)
	}
	for _, h := range extra {
		b.Add(h.Name, h.Value)
	}
	q.r.o.Transactions.Send(q.out, b, func(m *message.Message, err error) {
		if extra := q.asked(m, err); len(extra) > 0 {
			q.r.o.Forker.Go(func() { q.send(extra, done) })
			return
		}
		done(m, err)
	})
}

// asked answers a challenge (RFC 3261 §22); none: it is for the sender. A BYE is sent
// again with the next number (§22.2), for nothing follows it. Anything else has the same
// number again, which is not lower than the one before (§12.2.2): with the next one there
// the sender's own next request would not be higher, and nobody could tell him so.
func (q *question) asked(m *message.Message, err error) []message.Header {
	if err != nil || m.Status != 401 && m.Status != 407 || q.way.Answer == nil || q.answers >= maxAnswers {
		return nil
	}
	q.answers++
	extra := q.way.Answer(m, q.uri, q.said())
	if len(extra) > 0 && q.req.Method == "BYE" {
		q.shift++
	}
	return extra
}
