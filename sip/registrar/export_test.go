package registrar

import (
	"context"

	"lamplight/store"
)

// StoreForTest commits rows of bindings.
func StoreForTest(ctx context.Context, st store.Store, bs []*Binding) error {
	var batch store.Batch
	for _, b := range bs {
		w, err := b.row("node-1")
		if err != nil {
			return err
		}
		batch.Writes = append(batch.Writes, w)
	}
	return st.Commit(ctx, batch)
}

// AskForTest has so many bindings asked at once, as if none had been heard for
// long, and forgets every other question that is due.
func (r *Registrar) AskForTest(n int) {
	var list []*Binding
	for _, s := range r.shards {
		s.mu.Lock()
		for _, rec := range s.agents {
			for _, b := range rec.bindings {
				if len(list) < n {
					b.missed = 1
					list = append(list, b)
				}
			}
		}
		s.mu.Unlock()
	}
	q := r.ask
	q.mu.Lock()
	for i := range q.slots {
		clear(q.slots[i])
		q.slots[i] = q.slots[i][:0]
	}
	q.placed, q.ready, q.next = 0, list, 0
	q.mu.Unlock()
	q.kick()
}

// AnsweredForTest is how many bindings have been asked and answered.
func (r *Registrar) AnsweredForTest() (n int) {
	for _, s := range r.shards {
		s.mu.Lock()
		for _, rec := range s.agents {
			for _, b := range rec.bindings {
				if b.trip > 0 && b.missed == 0 && !b.Restored {
					n++
				}
			}
		}
		s.mu.Unlock()
	}
	return n
}

// RateForTest changes the rate of questions.
func (r *Registrar) RateForTest(n int) {
	r.ask.mu.Lock()
	defer r.ask.mu.Unlock()
	r.o.QualifyRate = n
}

// ClockForTest is how many bytes the asker's clock and queue hold.
func (r *Registrar) ClockForTest() int {
	q := r.ask
	q.mu.Lock()
	defer q.mu.Unlock()
	n := cap(q.slots)*24 + cap(q.ready)*8
	for _, s := range q.slots {
		n += cap(s) * 8
	}
	return n
}
