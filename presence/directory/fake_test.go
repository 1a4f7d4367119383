package directory

import (
	"context"
	"sync"
	"testing"

	"lamplight/store"
)

// newStore is a store in memory.
func newStore(testing.TB) *memory { return &memory{recs: map[store.Key]store.Record{}} }

type memory struct {
	mu   sync.Mutex
	recs map[store.Key]store.Record
	log  []store.Entry
	// fail, when set, may refuse a batch.
	fail func(store.Batch) error
	seen int
}

func (m *memory) Get(_ context.Context, k store.Key) (store.Record, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.recs[k]; ok {
		return r, nil
	}
	return store.Record{}, store.ErrNotFound
}

func (m *memory) Scan(_ context.Context, space string, f func(store.Record) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, r := range m.recs {
		if k.Space == space {
			if err := f(r); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *memory) Submit(b store.Batch, done func(error)) {
	done(m.Commit(context.Background(), b))
}

func (m *memory) Commit(_ context.Context, b store.Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seen++
	if m.fail != nil {
		if err := m.fail(b); err != nil {
			return err
		}
	}
	for _, w := range b.Writes {
		if w.Delete {
			delete(m.recs, w.Key)
		} else {
			m.recs[w.Key] = w.Record
		}
	}
	m.log = append(m.log, b.Log...)
	return nil
}

func (m *memory) Watch(context.Context, string) <-chan store.Change { return nil }

func (m *memory) Log(_ context.Context, q store.LogQuery) ([]store.Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []store.Entry
	for _, e := range m.log {
		if q.Kind == "" || e.Kind == q.Kind {
			out = append(out, e)
		}
	}
	return out, nil
}

func (m *memory) Healthy() error { return nil }
func (m *memory) Close() error   { return nil }
