package sim

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"

	"lamplight/store"
)

// medium is what survives a crash. The engine that has it locks around it.
//
// A record that has expired is as good as removed here, at once: the harshest
// reading of the contract, so that nobody comes to rely on a milder one.
type medium struct {
	spaces map[string]map[store.Key]store.Record
	log    []store.Entry // by Seq
	rev    uint64        // last revision given
	seq    uint64        // last number of a log entry given
	writes int           // since the last sweep
}

func newMedium() *medium {
	return &medium{spaces: make(map[string]map[store.Key]store.Record)}
}

func expired(r store.Record, now time.Time) bool {
	return !r.Expires.IsZero() && !r.Expires.After(now)
}

func (m *medium) get(k store.Key, now time.Time) (store.Record, bool) {
	r, ok := m.spaces[k.Space][k]
	if !ok || expired(r, now) {
		return store.Record{}, false
	}
	return r, true
}

// scan is the space ordered by key, so that the same seed sees the same order.
func (m *medium) scan(space string, now time.Time) []store.Record {
	rs := make([]store.Record, 0, len(m.spaces[space]))
	for _, r := range m.spaces[space] {
		if !expired(r, now) {
			rs = append(rs, r)
		}
	}
	slices.SortFunc(rs, func(a, b store.Record) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Key.Key, b.Key.Key))
	})
	return rs
}

// check answers ErrConflict if a condition does not hold.
func (m *medium) check(ws []store.Write, now time.Time) error {
	for i := range ws {
		w := &ws[i]
		if w.If == store.Any {
			continue
		}
		r, _ := m.get(w.Key, now)
		if r.Rev != w.If {
			return fmt.Errorf("%w: %s/%s/%s is at revision %d, not %d", store.ErrConflict,
				w.Domain, w.Space, w.Key.Key, r.Rev, w.If)
		}
	}
	return nil
}

// apply writes a batch that passed check and appends what changed to changes.
func (m *medium) apply(b store.Batch, now time.Time, changes []store.Change) []store.Change {
	for i := range b.Writes {
		w := &b.Writes[i]
		m.writes++
		if w.Delete {
			_, was := m.get(w.Key, now)
			delete(m.spaces[w.Space], w.Key)
			if was {
				m.rev++
				changes = append(changes, store.Change{Record: store.Record{Key: w.Key, Rev: m.rev}, Deleted: true})
			}
			continue
		}
		m.rev++
		r := w.Record
		r.Rev = m.rev
		if !r.Expires.IsZero() {
			r.Expires = r.Expires.Round(0).UTC()
		}
		if m.spaces[w.Space] == nil {
			m.spaces[w.Space] = make(map[store.Key]store.Record)
		}
		m.spaces[w.Space][w.Key] = r
		changes = append(changes, store.Change{Record: r})
	}
	for _, e := range b.Log {
		m.seq++
		e.Seq = m.seq
		if e.Time.IsZero() {
			e.Time = now
		}
		e.Time = e.Time.Round(0).UTC()
		m.log = append(m.log, e)
	}
	return changes
}

// sweep removes what has expired. It does so after as many writes as there are
// records, so that it costs a constant for each write.
func (m *medium) sweep(now time.Time) {
	total := 1024
	for _, rs := range m.spaces {
		total += len(rs)
	}
	if m.writes < total {
		return
	}
	m.writes = 0
	for _, rs := range m.spaces {
		for k, r := range rs {
			if expired(r, now) {
				delete(rs, k)
			}
		}
	}
}

// trimRows is how many of the oldest log entries one commit looks at.
const trimRows = 512

// trim removes those of the oldest log entries that are from before.
func (m *medium) trim(before time.Time) {
	n := min(len(m.log), trimRows)
	old := func(e store.Entry) bool { return e.Time.Before(before) }
	if !slices.ContainsFunc(m.log[:n], old) {
		return
	}
	kept := slices.DeleteFunc(slices.Clone(m.log[:n]), old)
	m.log = append(kept, m.log[n:]...)
}

// query is Store.Log.
func (m *medium) query(q store.LogQuery) []store.Entry {
	limit := q.Limit
	if limit <= 0 {
		limit = store.DefaultLogLimit
	}
	var found []store.Entry
	for i := range m.log {
		e := &m.log[i]
		if q.Newest {
			e = &m.log[len(m.log)-1-i]
		}
		if len(found) == limit {
			break
		}
		if e.Seq > q.After && (q.Before == 0 || e.Seq < q.Before) && (q.Domain == "" || q.Domain == e.Domain) &&
			(q.Until.IsZero() || !e.Time.After(q.Until)) &&
			(q.Kind == "" || q.Kind == e.Kind) && (q.Entity == "" || q.Entity == e.Entity) {
			c := *e
			c.Before, c.After = bytes.Clone(e.Before), bytes.Clone(e.After)
			found = append(found, c)
		}
	}
	return found
}

func cloneRecord(r store.Record) store.Record {
	r.Data = bytes.Clone(r.Data)
	return r
}
