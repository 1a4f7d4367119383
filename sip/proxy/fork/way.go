package fork

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

// Way is one of several ways to a target, as the servers of a trunk (RFC 3263 §4.3)
// or the flows of a phone (RFC 5626 §5.3). The next is tried when this one
//
//   - is lost or answers 430, or its flow ends before it said anything;
//   - is a server's (Server), and answers 503, or says nothing at all until Timer B
//     or for as long as Silence. It is then taken back, and only if there is a next.
//
// Who has rung is never left for another: a call rings once at each target.
type Way struct {
	Name string // for events; empty: it has none
	Flow *transport.Flow
	// URI and Route are used instead of the target's, if they are set.
	URI    string
	Route  []string
	Server bool
	// Silence is how long it may say nothing; zero: as long as Timer B lets it.
	Silence time.Duration
	// Told is told what is learnt of the way: the first response, a 503 or 430, or
	// without a response that it was lost (503) or silent (408). It must not block;
	// nil: nobody.
	Told func(status int, res *message.Message)
	// Ahead gives credentials before anybody asks, for a challenge that is known from
	// before; nil: none.
	Ahead func(uri string, body []byte) []message.Header
	// Answer gives the credentials for a challenge (RFC 3261 §22) to a request with
	// that Request-URI and body; none: the challenge goes to the caller. nil: it has none.
	Answer func(res *message.Message, uri string, body []byte) []message.Header
}

const (
	// maxWays bounds how many ways to one target are tried.
	maxWays = 16
	// maxAnswers bounds the answers to challenges on one way: a proxy's, the server's,
	// and once more because a nonce ran out.
	maxAnswers = 3
)

var errNoWay = errors.New("fork: target without a flow")

// way finds the first or the next way to it.
func (t *Target) way(ctx context.Context) (w Way, err error) {
	if t.Flow != nil && t.Next == nil {
		return Way{Flow: t.Flow}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	switch {
	case t.Next != nil:
		return t.Next(ctx)
	case t.Reach == nil:
		return w, errNoWay
	}
	w.Flow, err = t.Reach(ctx)
	return w, err
}

// heardLocked notes that somebody is there.
func (b *branch) heardLocked(m *message.Message) {
	if !b.heard && b.way.Told != nil && m.Status != 503 && m.Status != 430 { // of those lostLocked tells
		b.way.Told(m.Status, m)
	}
	b.heard, b.rang = true, b.rang || m.Status > 100 && m.Status < 200
	if b.quiet != nil {
		b.quiet.Stop()
	}
}

// quietTooLong is Way.Silence.
func (b *branch) quietTooLong() {
	c := b.call
	c.mu.Lock()
	defer c.mu.Unlock()
	if b.heard || b.ended || b.quit || b.lost > 0 || c.over {
		return
	}
	if b.way.Told != nil {
		b.way.Told(408, nil)
	}
	b.seekLocked()
}

// lostLocked takes a refusal, or that there will be none. On true the branch goes
// on another way, or the same with credentials, or will soon.
func (b *branch) lostLocked(status int, m *message.Message, err error) bool {
	if b.way.Told != nil && !b.ended && (m == nil || status == 503 || status == 430) {
		b.way.Told(status, m)
	}
	if b.ended || b.quit || b.call.over || b.target.Next == nil {
		return false
	}
	if status == 401 || status == 407 {
		return b.answerLocked(m)
	}
	switch {
	case b.none, b.rang:
		return false
	case m == nil && b.heard: // it may ring yet, and cannot be told not to
		return false
	case errors.Is(err, transaction.ErrClosed), errors.Is(err, transaction.ErrOverload): // not the way's doing
		return false
	case (status == 408 || status == 503 && m != nil) && !b.way.Server:
		return false
	case m != nil && status != 430 && status != 503:
		return false
	}
	b.lost, b.lostRes = status, m
	b.seekLocked()
	return true
}

// seekLocked looks for another way.
func (b *branch) seekLocked() {
	if b.seeking || b.none {
		return
	}
	b.seeking = true
	b.call.f.Go(b.seek)
}

func (b *branch) seek() {
	err := errNoWay
	var w Way
	if b.ways+1 < maxWays {
		w, err = b.target.way(b.call.f.life)
	}
	c := b.call
	c.mu.Lock()
	b.seeking = false
	var next *branch
	switch {
	case err != nil:
		b.none = true
		if b.lost > 0 {
			b.endLocked(b.lost, b.lostRes)
		}
	case b.ended || b.quit || c.over || b.lost == 0 && b.heard:
		// Nobody needs it any more.
		if b.lost > 0 {
			b.endLocked(b.lost, b.lostRes)
		}
	default:
		next = b.replaceLocked(w)
		next.ways++
	}
	c.mu.Unlock()
	if next != nil {
		next.start()
		return
	}
	c.advance()
}

// replaceLocked has another branch stand for this one, which is taken back if it
// has not ended.
func (b *branch) replaceLocked(w Way) *branch {
	c := b.call
	status := b.lost
	if status == 0 {
		status = 408
	}
	c.tellLocked(b, Moved, status, b.lostRes)
	next := &branch{
		call: c, target: b.target, until: b.until, way: w, found: true, ways: b.ways, shift: b.shift,
		breadth: b.breadth, depth: b.depth, group: b.group,
	}
	c.branches = append(c.branches, next)
	if b.lost == 0 {
		b.takeBackLocked(message.Header{})
	}
	b.ended, b.replaced = true, true
	b.stopLocked()
	return next
}

// answerLocked sends the INVITE again with the credentials that are asked for. It
// is one more request of the dialog's numbers (RFC 3261 §22.2), so from here on
// those there are ahead of the caller's: see shifted. Within a dialog nobody could be
// told so: there it has the same number again, which is not lower (§12.2.2).
func (b *branch) answerLocked(m *message.Message) bool {
	if b.way.Answer == nil || b.answers >= maxAnswers {
		return false
	}
	extra := b.way.Answer(m, b.uri(), b.call.req.Body)
	if len(extra) == 0 {
		return false
	}
	b.lost, b.lostRes = m.Status, m
	next := b.replaceLocked(b.way)
	next.answers, next.extra, next.shift = b.answers+1, extra, b.shift
	if !b.call.plan.InDialog {
		next.shift++
	}
	b.call.f.Go(next.start)
	return true
}

// shiftParam is the parameter of our route that says how far the numbers of CSeq
// are ahead behind it.
const shiftParam = "cseq"

// shifted notes that in the route by which the caller reaches the called.
func shifted(routes []string, shift uint32) []string {
	if shift == 0 || len(routes) == 0 {
		return routes
	}
	out := append([]string(nil), routes...)
	out[0] = strings.TrimSuffix(out[0], ">") + ";" + shiftParam + "=" + strconv.Itoa(int(shift)) + ">"
	return out
}

// ShiftOf reads it of a route's URI.
func ShiftOf(uri string) uint32 {
	u, err := message.ParseURI(uri)
	if err != nil {
		return 0
	}
	v, _ := u.Params.Get(shiftParam)
	n, err := strconv.ParseUint(v, 10, 8)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// relayed starts the copy of a response with the caller's own number.
func (b *branch) relayed(m *message.Message) *message.Builder {
	r, _ := b.judged(m)
	return r
}

// judged is relayed, and what Media says of it.
func (b *branch) judged(m *message.Message) (r *message.Builder, status int) {
	r = message.RelayResponse(m)
	Unshift(r, m, b.shift)
	return r, Describe(r, b.call.plan.Media, m, b.target.ID)
}

// Unshift gives a response the number that who asked knows it by.
func Unshift(r *message.Builder, m *message.Message, shift uint32) {
	if n, method := m.CSeq(); shift > 0 && n > shift {
		r.Set(message.CSeq, strconv.Itoa(int(n-shift))+" "+method)
	}
}
