package registrar

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/quirks"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

// qualified reports whether the binding's device is to be asked from now on. Who
// registered through a proxy on the Path is that proxy's to keep reachable, and
// a mobile that may be put to sleep at any time is asked wherever it is.
func (r *Registrar) qualified(b *Binding) bool {
	switch {
	case b.Transport != udp || r.phones.Load().Find(b.UserAgent).Quirks.Has(quirks.NoOptions):
		return false
	case b.Restored:
		return true
	case b.Dead || r.o.Qualify == QualifyOff:
		return false
	case r.o.Qualify == QualifyAll || b.Push:
		return true
	}
	return len(b.Path) == 0 && b.translated()
}

// SetPhones replaces the table of phones, for what registers from now on.
func (r *Registrar) SetPhones(t quirks.Table) { r.phones.Store(&t) }

// translated: the binding was made from another address than its contact names;
// a name that is no address cannot be told from one.
func (b *Binding) translated() bool {
	host, err := netip.ParseAddr(b.uri().Host)
	return err != nil || host.Unmap() != b.Source.Addr().Unmap()
}

// heardLocked is when the device last gave a sign of life: a REGISTER, or anything
// else that came from where it registered, be it a keep-alive: what shares an address and port counts as
// one device. What comes from a proxy on the Path says nothing of the device
// behind it.
func (b *Binding) heardLocked(now time.Time) time.Time {
	if b.Restored {
		return time.Time{} // not since the restart
	}
	at := b.Expires.Add(-b.Grant)
	if at.After(now) { // restored, and answered OPTIONS, but has not registered since
		at = time.Time{}
	}
	if b.flow != nil && len(b.Path) == 0 {
		if seen := b.flow.Seen(); seen.After(at) {
			return seen
		}
	}
	return at
}

// look asks the binding's device if it has been silent for long enough; else it
// is looked at again when it will have been.
func (q *asker) look(ctx context.Context, b *Binding, now time.Time) (asked bool) {
	s := q.r.shard(b.Agent)
	s.mu.Lock()
	if b.gone || b.Dead && !b.Restored {
		s.mu.Unlock()
		return false
	}
	if b.missed == 0 {
		if heard := b.heardLocked(now); now.Sub(heard) < jitterLeast(q.r.o.QualifyInterval) {
			s.mu.Unlock()
			q.r.count.qualify.postponed.Inc()
			q.place(b, heard.Add(jitter(q.r.o.QualifyInterval)))
			return false
		}
	}
	flow := *b // what Flow reads may change once unlocked
	s.mu.Unlock()
	f, err := q.r.Flow(ctx, &flow)
	if err != nil {
		q.later(b) // our socket is missing, not the device
		return false
	}
	q.ask(b, f)
	return true
}

// later looks again after a pause, with nothing learnt.
func (q *asker) later(b *Binding) { q.place(b, time.Now().Add(jitter(q.r.o.QualifyPause))) }

func (q *asker) ask(b *Binding, f *transport.Flow) {
	q.mu.Lock()
	q.open++
	q.mu.Unlock()
	q.r.count.qualify.asked.Inc()
	branch, asked := message.NewBranch(), time.Now()
	tx := q.r.o.Transactions
	tx.SendRawWithin(f, branch, question(b, tx.Via(f, branch), tx.LocalURI(f, "")), q.r.o.QualifyTimeout, func(resp *message.Message, err error) {
		q.answered(b, f, asked, resp, err)
	})
}

// question is the OPTIONS (RFC 3261 §11.1).
func question(b *Binding, via, contact string) []byte {
	host := b.AOR[strings.LastIndexByte(b.AOR, '@')+1:]
	m := message.NewRequest("OPTIONS", b.Bare()).Add(message.Via, via)
	for _, hop := range b.Path {
		m.Add(message.Route, hop)
	}
	return m.Add(message.MaxForwards, "70").
		Add(message.From, "<sip:"+host+">;tag="+message.NewTag()).
		Add(message.To, "<sip:"+b.AOR+">").
		Add(message.CallID, message.NewCallID(host)).
		Add(message.CSeq, "1 OPTIONS").
		Add(message.Contact, "<"+contact+">").
		Add(message.Accept, "application/sdp").Bytes()
}

// answered is what a question came to. Any final answer comes from a device that
// is there, whatever it thinks of OPTIONS, but for two that a proxy gives in its
// place: 408, and 430 for a flow that has ended (RFC 5626 §5.3). It must not
// block.
func (q *asker) answered(b *Binding, f *transport.Flow, asked time.Time, resp *message.Message, err error) {
	q.mu.Lock()
	q.open--
	q.mu.Unlock()
	switch {
	case err == nil && resp.Status != 408 && (resp.Status != 430 || len(b.Path) == 0):
		q.alive(b, f, time.Since(asked))
	case err == nil || errors.Is(err, transaction.ErrTimeout):
		q.silent(b, asked)
	case errors.Is(err, transaction.ErrClosed):
	default: // too much else is under way, or our socket went: not the device's doing
		q.later(b)
	}
}

// alive takes note of an answer.
func (q *asker) alive(b *Binding, f *transport.Flow, trip time.Duration) {
	q.r.count.qualify.answered.Inc()
	q.r.count.qualify.trip.Observe(trip.Seconds())
	s := q.r.shard(b.Agent)
	s.mu.Lock()
	b.missed = 0
	b.trip = smooth(b.trip, trip)
	restored, gone := b.Restored, b.gone
	s.mu.Unlock()
	switch {
	case gone:
	case restored:
		s.enqueue(b.Agent, q.r.backAgain(b, f))
	default:
		q.place(b, time.Now().Add(jitter(q.r.o.QualifyInterval)))
	}
}

// smooth is the estimate of RFC 6298 §2, in µs. A question that had to be sent
// twice counts as long as it took.
func smooth(have uint32, trip time.Duration) uint32 {
	now := uint32(max(trip.Microseconds(), 1))
	if have == 0 {
		return now
	}
	return uint32((7*uint64(have) + uint64(now)) / 8)
}

// silent takes note of a question without answer.
func (q *asker) silent(b *Binding, asked time.Time) {
	q.r.count.qualify.silent.Inc()
	s := q.r.shard(b.Agent)
	s.mu.Lock()
	switch {
	case b.gone:
		s.mu.Unlock()
		return
	case b.heardLocked(time.Now()).After(asked):
		b.missed = 0
	default:
		b.missed++
	}
	missed := int(b.missed)
	s.mu.Unlock()
	if missed < q.r.o.QualifyTries {
		q.later(b)
		return
	}
	s.enqueue(b.Agent, q.r.dead(b, asked))
}

// backAgain: a restored binding's device is there.
func (r *Registrar) backAgain(b *Binding, f *transport.Flow) func(*record, time.Time) *change {
	return func(rec *record, _ time.Time) *change {
		if b.gone || !slices.Contains(rec.bindings, b) {
			return nil
		}
		c := without(rec, nil, presence.CauseRestart)
		c.replace(b, func(nb *Binding) { nb.Restored, nb.Dead, nb.flow = false, false, f })
		c.then = func(err error) {
			if err != nil {
				r.ask.later(b)
			}
		}
		return c
	}
}

// dead ends the binding of a device that does not answer, unless it was heard
// meanwhile. One that a push can wake is kept, as asleep.
func (r *Registrar) dead(b *Binding, asked time.Time) func(*record, time.Time) *change {
	return func(rec *record, now time.Time) *change {
		if b.gone || !slices.Contains(rec.bindings, b) {
			return nil
		}
		if b.heardLocked(now).After(asked) {
			b.missed = 0
			r.ask.later(b)
			return nil
		}
		if b.Push {
			return r.asleep(rec, b)
		}
		c := without(rec, []*Binding{b}, presence.CauseFactExpired)
		again := r.orExpire(c.drop)
		c.then = func(err error) {
			if again(err); err != nil {
				r.ask.later(b) // it may be heard before its end is committed
				return
			}
			r.count.qualify.dead.Inc()
			what := "phone does not answer OPTIONS any more, unregistered"
			if b.trip == 0 {
				what = "phone never answered OPTIONS, unregistered; one that works all the same needs the quirk no_options"
			}
			r.o.Log.Info().Str("aor", b.AOR).Str("contact", b.Bare()).Stringer("src", b.Source).Str("user_agent", b.UserAgent).Msg(what)
		}
		return c
	}
}

// asleep: only a push reaches the device now.
func (r *Registrar) asleep(rec *record, b *Binding) *change {
	if b.Dead {
		return nil
	}
	c := without(rec, nil, presence.CauseFactExpired)
	c.replace(b, func(nb *Binding) { nb.Dead, nb.Restored, nb.flow = true, false, nil })
	c.then = func(err error) {
		if err != nil {
			r.ask.later(b)
		}
	}
	return c
}
