package trunk

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
)

// run asks the trunk's hops until ctx ends.
func (l *line) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		case <-timer.C:
		}
		timer.Reset(l.turn(ctx))
	}
}

// turn asks every hop whose time has come, and says how long to wait for the next.
func (l *line) turn(ctx context.Context) time.Duration {
	_ = l.find(ctx) // Info says why
	now := time.Now()
	wait := l.conf.Every
	var ask []*hop
	l.mu.Lock()
	for _, h := range l.hops {
		switch {
		case h.asking:
			continue
		case h.due.After(now):
			wait = min(wait, h.due.Sub(now))
			continue
		}
		h.asking = true
		h.due = now.Add(jitter(l.conf.Every))
		ask = append(ask, h)
	}
	l.mu.Unlock()
	for _, h := range ask {
		l.ask(ctx, h)
	}
	return wait
}

// jitter spreads questions: a quarter more or less.
func jitter(d time.Duration) time.Duration {
	return d*3/4 + time.Duration(rand.Int64N(int64(d/2)+1)) //nolint:gosec // no secret
}

// ask sends one OPTIONS (RFC 3261 §11.1).
func (l *line) ask(ctx context.Context, h *hop) {
	f, err := l.flow(ctx, h) // a failure has been noted there
	if err != nil {
		l.mu.Lock()
		h.asking = false
		h.due = time.Now().Add(jitter(l.again()))
		l.mu.Unlock()
		return
	}
	tx := l.t.o.Transactions
	branch, asked := message.NewBranch(), time.Now()
	contact := tx.LocalURI(f, "")
	raw := message.NewRequest("OPTIONS", "sip:"+l.conf.Host).Add(message.Via, tx.Via(f, branch)).
		Add(message.MaxForwards, "70").
		Add(message.From, "<"+contact+">;tag="+message.NewTag()).
		Add(message.To, "<sip:"+l.conf.Host+">").
		Add(message.CallID, message.NewCallID("")).
		Add(message.CSeq, "1 OPTIONS").
		Add(message.Contact, "<"+contact+">").
		Add(message.Accept, "application/sdp").Bytes()
	tx.SendRawWithin(f, branch, raw, askTime, func(m *message.Message, err error) {
		if l.answered(h, m, err, time.Since(asked)) {
			select {
			case l.wake <- struct{}{}:
			default:
			}
		}
	})
}

// again is how long a hop that did not answer is left alone.
func (l *line) again() time.Duration { return max(l.conf.Every/3, time.Second) }

// answered takes what came of an OPTIONS. Any answer is a sign of life, whatever the
// trunk thinks of OPTIONS, but for 503, which takes no calls either. On true it is
// to be asked again soon. It must not block.
func (l *line) answered(h *hop, m *message.Message, err error, trip time.Duration) bool {
	l.mu.Lock()
	h.asking = false
	l.mu.Unlock()
	var why string
	switch {
	case err == nil && m.Status != 503 && m.Status != 408:
		l.alive(h, trip)
		return false
	case err == nil:
		why = "OPTIONS is answered " + message.Phrase(m.Status)
		l.obey(h, m.Get(message.RetryAfter))
	case errors.Is(err, transaction.ErrClosed), errors.Is(err, transaction.ErrOverload): // not the trunk's doing
		return false
	default:
		why = "no answer to OPTIONS within " + seconds(askTime)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	h.missed++
	if h.missed >= l.conf.Tries {
		l.downLocked(h, why)
	}
	h.due = time.Now().Add(jitter(l.again()))
	return true
}
