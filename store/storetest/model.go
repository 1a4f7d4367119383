package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"lamplight/store"
)

// model is the contract as a map.
type model struct {
	records map[store.Key]store.Record
	last    map[store.Key]uint64 // highest revision ever seen of a key
	log     []string
}

// agreesWithModel commits random batches, now and then failing or reopened, and
// compares what the engine has with what it should have.
func agreesWithModel(t *testing.T, m Medium) {
	s := open(t, m)
	t.Cleanup(func() { _ = s.Close() })
	md := model{records: make(map[store.Key]store.Record), last: make(map[store.Key]uint64)}
	rapid.Check(t, func(rt *rapid.T) {
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			switch rapid.IntRange(0, 19).Draw(rt, "step") {
			case 0:
				s = reopen(t, m, s)
			case 1:
				broken := errors.New("broken")
				m.Fail(broken)
				b, _ := md.batch(rt)
				if err := s.Commit(t.Context(), b); len(b.Writes)+len(b.Log) > 0 && err == nil {
					rt.Fatal("commit succeeded while failing")
				}
				m.Fail(nil)
			default:
				md.step(rt, s)
			}
		}
		md.compare(rt, t, s)
	})
}

// batch draws a batch and says whether its conditions hold.
func (md *model) batch(rt *rapid.T) (b store.Batch, holds bool) {
	holds = true
	for range rapid.IntRange(0, 4).Draw(rt, "writes") {
		k := key(rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(rt, "key"))
		w := store.Put(store.Record{Key: k, Data: rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(rt, "data")})
		w.Delete = rapid.IntRange(0, 3).Draw(rt, "delete") == 0
		switch rapid.IntRange(0, 5).Draw(rt, "if") {
		case 0:
			w.If = 0
		case 1:
			w.If = md.last[k]
		case 2, 3:
			w.If = md.records[k].Rev
		}
		holds = holds && (w.If == store.Any || w.If == md.records[k].Rev)
		b.Writes = append(b.Writes, w)
	}
	for range rapid.IntRange(0, 2).Draw(rt, "entries") {
		b.Log = append(b.Log, store.Entry{Entity: fmt.Sprint(rapid.Int().Draw(rt, "entity"))})
	}
	return b, holds
}

// step commits one batch to both.
func (md *model) step(rt *rapid.T, s store.Store) {
	b, holds := md.batch(rt)
	err := s.Commit(rt.Context(), b)
	if !holds {
		if !errors.Is(err, store.ErrConflict) {
			rt.Fatalf("commit: %v, want a conflict", err)
		}
		return
	}
	if err != nil {
		rt.Fatalf("commit: %v", err)
	}
	for _, w := range b.Writes {
		delete(md.records, w.Key)
		if !w.Delete {
			md.records[w.Key] = w.Record
		}
	}
	for _, w := range b.Writes {
		r, ok := md.records[w.Key]
		got, err := s.Get(rt.Context(), w.Key)
		if ok != (err == nil) || !bytes.Equal(got.Data, r.Data) {
			rt.Fatalf("%v reads %+v, %v; want %+v", w.Key, got, err, r)
		}
		if ok && r.Rev == 0 {
			if got.Rev <= md.last[w.Key] {
				rt.Fatalf("%v has revision %d after %d", w.Key, got.Rev, md.last[w.Key])
			}
			md.records[w.Key], md.last[w.Key] = got, got.Rev
		}
	}
	for _, e := range b.Log {
		md.log = append(md.log, e.Entity)
	}
}

// compare looks at everything.
func (md *model) compare(rt *rapid.T, t testing.TB, s store.Store) {
	found := scan(t, s)
	if len(found) != len(md.records) {
		rt.Fatalf("%d records, want %d", len(found), len(md.records))
	}
	for k, want := range md.records {
		if got := found[k]; got.Rev != want.Rev || !bytes.Equal(got.Data, want.Data) {
			rt.Fatalf("%v is %+v, want %+v", k, got, want)
		}
	}
	es := logged(t, s, store.LogQuery{Limit: len(md.log) + 10})
	if len(es) != len(md.log) {
		rt.Fatalf("%d log entries, want %d", len(es), len(md.log))
	}
	for i, e := range es {
		if e.Entity != md.log[i] {
			rt.Fatalf("log entry %d is of %s, want %s", i, e.Entity, md.log[i])
		}
	}
}
