package registrar

import (
	"context"
	"slices"
	"sync"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
)

// asker asks restored bindings by OPTIONS (RFC 3261 §11) whether they are still
// there, at a bounded rate. Any final answer will do. It ends when all have
// answered, registered again, or are dead.
type asker struct {
	r *Registrar

	mu      sync.Mutex
	queue   []question // mu; by time
	waiting int        // mu; asked, not yet answered
}

type question struct {
	b  *Binding
	at time.Time
}

func newAsker(r *Registrar, bindings []*Binding) *asker {
	q := &asker{r: r}
	now := time.Now()
	for _, b := range bindings {
		q.queue = append(q.queue, question{b, now})
	}
	return q
}

func (q *asker) run(ctx context.Context) {
	pace := time.NewTicker(max(time.Second/time.Duration(q.r.o.OptionsRate), time.Microsecond))
	defer pace.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-pace.C:
			b, over := q.next(now)
			if over {
				return
			}
			if b != nil {
				q.askOne(ctx, b)
			}
		}
	}
}

// next is the binding to be asked now, if any; over when none will follow.
func (q *asker) next(now time.Time) (b *Binding, over bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.queue) > 0 && !q.queue[0].at.After(now) {
		b = q.queue[0].b
		q.queue = q.queue[1:]
		if q.r.silent(b) {
			q.waiting++
			return b, false
		}
	}
	return nil, len(q.queue) == 0 && q.waiting == 0
}

// silent: the binding has not been heard since the restart.
func (r *Registrar) silent(b *Binding) bool {
	s := r.shard(b.Agent)
	s.mu.Lock()
	defer s.mu.Unlock()
	return !b.gone && b.Restored && !b.Dead
}

func (q *asker) askOne(ctx context.Context, b *Binding) {
	r := q.r
	f, err := r.Flow(ctx, b)
	if err != nil {
		q.answered(b, false)
		return
	}
	host := b.AOR[len(b.AOR)-hostLen(b.AOR):]
	m := message.NewRequest("OPTIONS", b.Contact)
	for _, hop := range b.Path {
		m.Add(message.Route, hop)
	}
	m.Add(message.MaxForwards, "70").
		Add(message.From, "<sip:"+host+">;tag="+message.NewTag()).
		Add(message.To, "<sip:"+b.AOR+">").
		Add(message.CallID, message.NewCallID(host)).
		Add(message.CSeq, "1 OPTIONS").
		Add(message.Contact, "<"+r.o.Transactions.LocalURI(f, "")+">").
		Add(message.Accept, "application/sdp")
	r.o.Transactions.Send(f, m, func(resp *message.Message, err error) {
		// 408 is what a proxy on the Path says of a device that does not answer.
		q.answered(b, err == nil && resp != nil && resp.Status != 408)
	})
}

func hostLen(aor string) int {
	for i := len(aor) - 1; i >= 0; i-- {
		if aor[i] == '@' {
			return len(aor) - i - 1
		}
	}
	return len(aor)
}

func (q *asker) answered(b *Binding, heard bool) {
	r := q.r
	defer func() {
		q.mu.Lock()
		q.waiting--
		q.mu.Unlock()
	}()
	if heard {
		r.shard(b.Agent).enqueue(b.Agent, settled(b, func(nb *Binding) { nb.Restored = false }))
		return
	}
	s := r.shard(b.Agent)
	s.mu.Lock()
	b.missed++
	missed := b.missed
	s.mu.Unlock()
	if missed >= r.o.OptionsTries {
		r.o.Log.Info().Str("aor", b.AOR).Str("contact", b.Contact).Stringer("src", b.Source).Msg("restored binding does not answer, no target any more")
		s.enqueue(b.Agent, settled(b, func(nb *Binding) { nb.Dead = true }))
		return
	}
	q.mu.Lock()
	q.queue = append(q.queue, question{b, time.Now().Add(r.o.OptionsPause)})
	q.mu.Unlock()
}

// settled is what became of a restored binding, unless it was heard meanwhile.
func settled(b *Binding, edit func(*Binding)) func(*record, time.Time) *change {
	return func(rec *record, _ time.Time) *change {
		if b.gone || !slices.Contains(rec.bindings, b) {
			return nil
		}
		c := without(rec, nil, presence.CauseRestart, "system")
		c.replace(b, edit)
		return c
	}
}
