package registrar

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// asker asks bindings over UDP by OPTIONS whether their device is there (RFC 3261
// §11): those that a restart restored, and of the living ones those that
// Limits.Qualify chooses. One goroutine and one clock, however many they are.
//
// A binding has a place on the clock at which somebody looks at it. Any sign of
// life meanwhile costs nothing: whoever looks finds it and moves the place on. So
// the refresh of a registration does not know of any of this.
type asker struct {
	r    *Registrar
	wake chan struct{} // something to do after idleness

	mu      sync.Mutex
	slots   [][]*Binding // mu; by the tick at which they are looked at
	turned  int64        // mu; the last tick whose slot was emptied
	placed  int          // mu; bindings in slots
	ready   []*Binding   // mu; due, in order, from next on
	next    int          // mu
	open    int          // mu; asked, not yet answered
	began   time.Time    // of tick 0
	credit  float64      // questions that the rate allows now; of run alone
	counted time.Time    // when credit was last reckoned; of run alone
}

const (
	askTick     = 250 * time.Millisecond // of the clock
	askPace     = 20 * time.Millisecond  // between two handfuls of questions
	maxInterval = 10 * time.Minute
	// lookMost bounds what one turn looks at, for most of it turns out to be alive.
	lookMost = 10_000
)

func newAsker(r *Registrar, restored []*Binding) *asker {
	now := time.Now()
	restored = slices.DeleteFunc(restored, func(b *Binding) bool { return !r.qualified(b) })
	longest := jitterMost(max(r.o.QualifyInterval, r.o.QualifyPause))
	return &asker{
		r: r, wake: make(chan struct{}, 1), began: now, counted: now,
		slots: make([][]*Binding, int(longest/askTick)+3), ready: restored,
	}
}

// jitter spreads what would else happen to all at once: a quarter more or less.
func jitter(d time.Duration) time.Duration {
	return jitterLeast(d) + time.Duration(rand.Int64N(int64(d)/2+1))
}

func jitterLeast(d time.Duration) time.Duration { return d * 3 / 4 }
func jitterMost(d time.Duration) time.Duration  { return d * 5 / 4 }

func (q *asker) tick(t time.Time) int64 { return int64(t.Sub(q.began) / askTick) }

// watch begins to qualify a binding that is new, or a changed copy of another.
func (q *asker) watch(b *Binding) {
	if q.r.qualified(b) {
		q.place(b, time.Now().Add(jitter(q.r.o.QualifyInterval)))
	}
}

// place has the binding looked at then. A binding has one place at most.
func (q *asker) place(b *Binding, at time.Time) {
	q.mu.Lock()
	tick := min(max(q.tick(at), q.turned+1), q.turned+int64(len(q.slots))-1)
	i := tick % int64(len(q.slots))
	q.slots[i] = append(q.slots[i], b)
	q.placed++
	q.mu.Unlock()
	q.kick()
}

func (q *asker) kick() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// run is the asker's goroutine. It stands still while nobody is to be asked.
func (q *asker) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		q.turn(time.Now())
		q.askSome(ctx, time.Now())
		wait := q.pause()
		if wait == 0 {
			select {
			case <-ctx.Done():
				return
			case <-q.wake:
				wait = askTick
			}
		}
		timer.Reset(wait)
	}
}

// turn moves what is due by now from the clock to those that are ready.
func (q *asker) turn(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	due := q.tick(now)
	if due-q.turned > int64(len(q.slots)) { // the machine slept
		q.turned = due - int64(len(q.slots))
	}
	for q.turned < due {
		q.turned++
		slot := &q.slots[q.turned%int64(len(q.slots))]
		q.ready = append(q.ready, *slot...)
		q.placed -= len(*slot)
		clear(*slot)
		*slot = (*slot)[:0]
	}
}

// pause is how long there is nothing to do; zero: until something is placed.
func (q *asker) pause() time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.next < len(q.ready):
		return askPace
	case q.placed > 0:
		return askTick
	}
	return 0
}

// askSome looks at those that are ready and asks who is silent, as many as rate
// and open questions leave room for.
func (q *asker) askSome(ctx context.Context, now time.Time) {
	rate := float64(q.r.o.QualifyRate)
	q.credit = min(q.credit+rate*now.Sub(q.counted).Seconds(), max(rate/10, 1))
	q.counted = now
	for range lookMost {
		if q.credit < 1 {
			return
		}
		b := q.take()
		if b == nil {
			return
		}
		if q.look(ctx, b, now) {
			q.credit--
		}
	}
}

// take is the next one that is ready, if there is room for one more question.
func (q *asker) take() *Binding {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.open >= q.r.o.QualifyOpen {
		return nil
	}
	if q.next == len(q.ready) {
		q.ready, q.next = nil, 0
		return nil
	}
	b := q.ready[q.next]
	q.ready[q.next] = nil
	q.next++
	return b
}
