package transaction

import (
	"sync/atomic"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/transport"
)

// Request is a request that wants an answer. Its top Via bears received and
// rport already.
type Request struct {
	*message.Message
	Flow *transport.Flow
	At   time.Time // when it was read

	layer  *Layer
	key    key       // of the replay cache; zero: not in it
	invite *inviteTx // of an INVITE
	final  atomic.Bool
}

// Respond sends a response. Any number of provisional ones, one final one: what
// comes after that is dropped and counted. Responses go where RFC 3581 and RFC
// 3261 §18.2.2 send them. An ACK is never answered.
func (r *Request) Respond(b *message.Builder) {
	if r.Method == "ACK" {
		return
	}
	status := b.Status()
	if status >= 200 {
		if r.final.Swap(true) {
			r.layer.metric.drop("second_final")
			return
		}
	} else if r.final.Load() {
		r.layer.metric.drop("late_provisional")
		return
	}
	r.layer.metric.answer(r.Method, status)
	if r.invite != nil {
		r.invite.respond(status, b.Bytes())
		return
	}
	to, raw := responseFlow(r), b.Bytes()
	if !r.key.zero() {
		r.layer.replay.answer(r.key, raw, to, status >= 200)
	}
	if err := to.Send(raw); err != nil {
		r.layer.log.Debug().Err(err).Str("call_id", r.CallID()).Str("method", r.Method).
			Str("src", r.Flow.Sender()).Str("transport", r.Flow.Transport()).Msg("SIP response not sent")
	}
}

// Again sends a final response of an INVITE once more, past the transaction: a
// proxy passes on each 2xx that comes again (RFC 6026 §7.1).
func (r *Request) Again(b *message.Builder) {
	to := responseFlow(r)
	if tx := r.invite; tx != nil { // see Return
		tx.mu.Lock()
		to = tx.to
		tx.mu.Unlock()
	}
	_ = to.Send(b.Bytes()) // if it is lost, another one follows
}

// Reply answers with a status, its default phrase and a few headers.
func (r *Request) Reply(status int, extra ...message.Header) {
	b := message.NewResponse(r.Message, status, "")
	for _, h := range extra {
		b.Add(h.Name, h.Value)
	}
	r.Respond(b)
}

// Answered reports whether the final response was given.
func (r *Request) Answered() bool { return r.final.Load() }

// OnCancel sets what to do when the caller cancels an INVITE before its final
// response; 487 follows by itself if f does not answer. If the CANCEL has come
// already, f is called at once. f is called on the goroutine that read the CANCEL, and must not block.
func (r *Request) OnCancel(f func()) {
	if r.invite != nil {
		r.invite.onCancel(f)
	}
}

// CancelReasons are the Reason values of the CANCEL (RFC 3326), once it has come.
func (r *Request) CancelReasons() []string {
	if r.invite == nil {
		return nil
	}
	r.invite.mu.Lock()
	defer r.invite.mu.Unlock()
	return r.invite.reasons
}

// refuse answers what Validate found, without entering any table: the same
// request gets the same answer each time.
func (r *Request) refuse(p *message.Problem) {
	b := message.NewResponse(r.Message, p.Status, p.Phrase)
	for _, h := range p.Extra {
		b.Add(h.Name, h.Value)
	}
	r.Respond(b)
}
