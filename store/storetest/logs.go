package storetest

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"lamplight/store"
)

func logReadBack(t *testing.T, m Medium) {
	s := open(t, m)
	at := time.Now()
	in := []store.Entry{
		{Domain: "d1", Time: at, Node: "n", Actor: "agent:1001", Cause: "select", Kind: "status", Entity: "a1", Before: []byte(`{"a":1}`), After: []byte(`{"a":2}`)},
		{Domain: "d2", Time: at.Add(time.Nanosecond), Kind: "decision", Entity: "c1", After: []byte(`[]`)},
		{Time: at.Add(-time.Hour)},
	}
	commit(t, s, store.Batch{Log: slices.Clone(in)})
	check := func(s store.Store) {
		t.Helper()
		got := logged(t, s, store.LogQuery{})
		if len(got) != len(in) {
			t.Fatalf("%d entries, want %d", len(got), len(in))
		}
		for i, w := range in {
			g := got[i]
			if g.Seq == 0 || i > 0 && g.Seq <= got[i-1].Seq {
				t.Errorf("entry %d has seq %d", i, g.Seq)
			}
			if !g.Time.Equal(w.Time) || !bytes.Equal(g.Before, w.Before) || !bytes.Equal(g.After, w.After) ||
				(g.Before == nil) != (w.Before == nil) || g.Domain != w.Domain || g.Node != w.Node ||
				g.Actor != w.Actor || g.Cause != w.Cause || g.Kind != w.Kind || g.Entity != w.Entity {
				t.Errorf("entry %d is %+v, want %+v", i, g, w)
			}
		}
	}
	check(s)
	check(reopen(t, m, s))
}

func logQueries(t *testing.T, m Medium) {
	s := open(t, m)
	var b store.Batch
	since := time.Now()
	for i := range 24 {
		b.Log = append(b.Log, store.Entry{
			Time: since.Add(time.Duration(i) * time.Second), Domain: fmt.Sprintf("d%d", i%2), Kind: fmt.Sprintf("k%d", i%3), Entity: fmt.Sprintf("e%d", i%4), Node: fmt.Sprint(i),
		})
	}
	commit(t, s, b)
	all := logged(t, s, store.LogQuery{})
	if len(all) != 24 {
		t.Fatalf("%d entries, want 24", len(all))
	}
	for name, q := range map[string]store.LogQuery{
		"all":                {},
		"newest":             {Newest: true},
		"limit":              {Limit: 5},
		"newest limit":       {Newest: true, Limit: 5},
		"after":              {After: all[10].Seq},
		"after all":          {After: all[23].Seq},
		"far after":          {After: store.Any},
		"newest after":       {After: all[20].Seq, Newest: true},
		"before":             {Before: all[10].Seq},
		"before the first":   {Before: all[0].Seq},
		"far before":         {Before: store.Any},
		"newest before":      {Before: all[10].Seq, Entity: "e1", Newest: true, Limit: 2},
		"between":            {After: all[3].Seq, Before: all[9].Seq},
		"domain":             {Domain: "d1"},
		"kind":               {Kind: "k2"},
		"entity":             {Entity: "e3"},
		"domain and kind":    {Domain: "d1", Kind: "k1"},
		"kind and entity":    {Kind: "k1", Entity: "e1", Newest: true},
		"all three":          {Domain: "d1", Kind: "k1", Entity: "e1", After: all[2].Seq, Limit: 1},
		"until":              {Until: all[7].Time},
		"until one's last":   {Until: all[20].Time.Add(time.Nanosecond), Entity: "e1", Newest: true, Limit: 1},
		"until before all":   {Until: all[0].Time.Add(-time.Nanosecond)},
		"no such domain":     {Domain: "dx"},
		"contradicting":      {Domain: "d0", Entity: "e1"},
		"entity after limit": {Entity: "e2", After: all[2].Seq, Limit: 2, Newest: true},
	} {
		want := filter(all, q)
		got := logged(t, s, q)
		same := func(a, b store.Entry) bool { return a.Seq == b.Seq && a.Node == b.Node }
		if !slices.EqualFunc(got, want, same) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

// filter is what a LogQuery means, said in the plainest way.
func filter(all []store.Entry, q store.LogQuery) (found []store.Entry) {
	for _, e := range all {
		if (q.Domain == "" || e.Domain == q.Domain) && (q.Kind == "" || e.Kind == q.Kind) &&
			(q.Entity == "" || e.Entity == q.Entity) && e.Seq > q.After &&
			(q.Before == 0 || e.Seq < q.Before) && (q.Until.IsZero() || !e.Time.After(q.Until)) {
			found = append(found, e)
		}
	}
	if q.Newest {
		slices.Reverse(found)
	}
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	return found
}

func logReopen(t *testing.T, m Medium) {
	s := open(t, m)
	commit(t, s, store.Batch{Log: []store.Entry{{Entity: "1"}, {Entity: "2"}}})
	last := logged(t, s, store.LogQuery{Newest: true, Limit: 1})[0].Seq
	s = reopen(t, m, s)
	commit(t, s, store.Batch{Log: []store.Entry{{Entity: "3"}}})
	es := logged(t, s, store.LogQuery{After: last})
	if len(es) != 1 || es[0].Entity != "3" {
		t.Fatalf("after reopening the log goes on with %+v", es)
	}
}

func logBounded(t *testing.T, m Medium) {
	s := open(t, m)
	commit(t, s, store.Batch{Log: make([]store.Entry, store.DefaultLogLimit+1)})
	if n := len(logged(t, s, store.LogQuery{})); n != store.DefaultLogLimit {
		t.Fatalf("%d entries, want %d", n, store.DefaultLogLimit)
	}
	if n := len(logged(t, s, store.LogQuery{Limit: store.DefaultLogLimit * 2})); n != store.DefaultLogLimit+1 {
		t.Fatalf("%d entries, want %d", n, store.DefaultLogLimit+1)
	}
}

func logTime(t *testing.T, m Medium) {
	s := open(t, m)
	before := time.Now()
	commit(t, s, store.Batch{Log: []store.Entry{{Entity: "1"}}})
	if at := logged(t, s, store.LogQuery{})[0].Time; at.Before(before) || at.After(time.Now()) {
		t.Fatalf("an entry without time got %v", at)
	}
}

// logTrimmed writes more old entries than an engine removes at one time, and
// young ones behind and among them.
func logTrimmed(t *testing.T, m Medium) {
	keep := time.Hour
	s := m.Open(t, Limits{KeepLog: keep})
	old, young := time.Now().Add(-2*keep), time.Now().Add(-keep/2)
	var b store.Batch
	for i := range 2000 {
		e := store.Entry{Time: old, Entity: "old"}
		if i == 700 || i == 1999 {
			e = store.Entry{Time: young, Entity: "young"}
		}
		b.Log = append(b.Log, e)
	}
	commit(t, s, b)
	var left []store.Entry
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		commit(t, s, store.Batch{Writes: []store.Write{put("work", "", store.Any)}})
		if left = logged(t, s, store.LogQuery{}); len(left) <= 2 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("%d entries are left after 20 s", len(left))
		}
	}
	if len(left) != 2 || left[0].Entity != "young" || left[1].Seq != 2000 {
		t.Fatalf("left are %+v", left)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, m)
	commit(t, s, store.Batch{Log: []store.Entry{{Entity: "next"}}})
	if es := logged(t, s, store.LogQuery{}); len(es) != 3 || es[2].Seq <= 2000 {
		t.Fatalf("after reopening the log is %+v", es)
	}
}
