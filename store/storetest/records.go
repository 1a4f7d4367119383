package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"lamplight/store"
)

func recordIsReadBack(t *testing.T, m Medium) {
	s := open(t, m)
	soon := time.Now().Add(time.Hour)
	cases := map[string]store.Record{
		"plain":         {Key: store.Key{Domain: "d", Space: "x", Key: "k"}, Data: []byte("data")},
		"everything":    {Key: store.Key{Domain: "d", Space: "x", Key: "all"}, Owner: "node-1", Expires: soon, Codec: 65535, Data: []byte{0, 1, 255}},
		"no domain":     {Key: store.Key{Space: "x", Key: "k"}, Data: []byte("node's own")},
		"no data":       {Key: store.Key{Domain: "d", Space: "x", Key: "empty"}},
		"odd key":       {Key: store.Key{Domain: "d'", Space: "x", Key: "sip:a@b;x=\x00é\xff%_\""}, Data: []byte("odd")},
		"other space":   {Key: store.Key{Domain: "d", Space: "y", Key: "k"}, Data: []byte("y")},
		"far end":       {Key: store.Key{Domain: "d", Space: "x", Key: "far"}, Expires: time.Date(2200, 1, 1, 0, 0, 0, 1, time.UTC), Data: []byte("f")},
		"hundred kB":    {Key: store.Key{Domain: "d", Space: "x", Key: "big"}, Data: bytes.Repeat([]byte("0123456789"), 10_000)},
		"foreign clock": {Key: store.Key{Domain: "d", Space: "x", Key: "tz"}, Expires: soon.In(time.FixedZone("there", 3600)), Data: []byte("z")},
	}
	var b store.Batch
	for _, r := range cases {
		b.Writes = append(b.Writes, store.Put(r))
	}
	commit(t, s, b)
	check := func(s store.Store) {
		t.Helper()
		for name, want := range cases {
			got, err := s.Get(t.Context(), want.Key)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if got.Key != want.Key || got.Owner != want.Owner || got.Codec != want.Codec ||
				!bytes.Equal(got.Data, want.Data) || !got.Expires.Equal(want.Expires) || got.Rev == 0 {
				t.Errorf("%s: got %+v, want %+v", name, got, want)
			}
			if !got.Expires.IsZero() && got.Expires.Location() != time.UTC {
				t.Errorf("%s: expires in %v, want UTC", name, got.Expires.Location())
			}
		}
	}
	check(s)
	check(reopen(t, m, s))
}

func getOfNothing(t *testing.T, m Medium) {
	s := open(t, m)
	gone(t, s, "a")
	commit(t, s, writes(put("a", "1", store.Any)))
	for _, k := range []store.Key{{Domain: "d2", Space: space, Key: "a"}, {Domain: "d1", Space: "other", Key: "a"}, {Domain: "d1", Space: space, Key: "A"}} {
		if _, err := s.Get(t.Context(), k); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("get %v: %v, want ErrNotFound", k, err)
		}
	}
}

func revisionsGrow(t *testing.T, m Medium) {
	s := open(t, m)
	last := uint64(0)
	step := func() {
		t.Helper()
		commit(t, s, writes(put("a", "x", store.Any)))
		r := get(t, s, "a")
		if r.Rev <= last {
			t.Fatalf("revision %d after %d", r.Rev, last)
		}
		last = r.Rev
	}
	step()
	step()
	commit(t, s, writes(store.Delete(key("a"))))
	step()
	s = reopen(t, m, s)
	if r := get(t, s, "a"); r.Rev != last {
		t.Fatalf("revision %d after reopening, was %d", r.Rev, last)
	}
	step()
	commit(t, s, writes(store.Delete(key("a"))))
	s = reopen(t, m, s)
	gone(t, s, "a")
	step()
}

func revisionsOrderKeys(t *testing.T, m Medium) {
	s := open(t, m)
	commit(t, s, writes(put("a", "1", 0), put("b", "1", 0)))
	commit(t, s, writes(put("a", "2", store.Any)))
	a, b := get(t, s, "a"), get(t, s, "b")
	commit(t, s, writes(put("c", "1", 0)))
	if c := get(t, s, "c"); b.Rev >= a.Rev || a.Rev >= c.Rev {
		t.Fatalf("written in the order b, a, c with revisions %d, %d, %d", b.Rev, a.Rev, c.Rev)
	}
}

func scanSpace(t *testing.T, m Medium) {
	s := open(t, m)
	var b store.Batch
	want := make(map[store.Key]string)
	for _, d := range []string{"", "d1", "d2"} {
		for _, in := range []string{space, space + "2", "other"} {
			for _, k := range []string{"a", "b", "c"} {
				r := store.Record{Key: store.Key{Domain: d, Space: in, Key: k}, Data: []byte(d + in + k)}
				b.Writes = append(b.Writes, store.Put(r))
				if in == space {
					want[r.Key] = string(r.Data)
				}
			}
		}
	}
	commit(t, s, b)
	gone := store.Key{Domain: "d2", Space: space, Key: "b"}
	commit(t, s, writes(store.Delete(gone)))
	delete(want, gone)
	got := scan(t, s)
	if len(got) != len(want) {
		t.Fatalf("scan saw %d records, want %d", len(got), len(want))
	}
	for k, data := range want {
		if string(got[k].Data) != data {
			t.Errorf("%v is %q, want %q", k, got[k].Data, data)
		}
	}
	if n := count(t, s, "nothing"); n != 0 {
		t.Errorf("scan of an empty space saw %d records", n)
	}
}

func scanStops(t *testing.T, m Medium) {
	s := open(t, m)
	commit(t, s, writes(put("a", "1", 0), put("b", "1", 0), put("c", "1", 0)))
	enough, seen := errors.New("enough"), 0
	err := s.Scan(t.Context(), space, func(store.Record) error {
		if seen++; seen == 2 {
			return enough
		}
		return nil
	})
	wantErr(t, err, enough)
	if seen != 2 {
		t.Fatalf("saw %d records, want 2", seen)
	}
}

func scanCallback(t *testing.T, m Medium) {
	s := open(t, m)
	commit(t, s, writes(put("a", "1", 0), put("b", "1", 0), put("c", "1", 0)))
	err := s.Scan(t.Context(), space, func(r store.Record) error {
		got, err := s.Get(t.Context(), r.Key)
		if err != nil || got.Rev != r.Rev {
			return fmt.Errorf("get within scan: %+v, %w", got, err)
		}
		r.Data[0] = '!' // it is the caller's
		return s.Commit(t.Context(), store.Batch{Writes: []store.Write{store.Put(store.Record{
			Key: store.Key{Domain: "d1", Space: "seen", Key: r.Key.Key}})}})
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := count(t, s, "seen"); n != 3 {
		t.Fatalf("%d records seen, want 3", n)
	}
	if r := get(t, s, "a"); string(r.Data) != "1" {
		t.Fatalf("record changed to %q by a reader", r.Data)
	}
}

func scanMany(t *testing.T, m Medium) {
	s := open(t, m)
	const n = 2500
	var b store.Batch
	for i := range n {
		r := record(fmt.Sprintf("k%d", i*7919%n), "x")
		r.Domain = fmt.Sprintf("d%d", i%3)
		b.Writes = append(b.Writes, store.Put(r))
	}
	commit(t, s, b)
	if got := len(scan(t, s)); got != n {
		t.Fatalf("scan saw %d records, want %d", got, n)
	}
}

func scanLarge(t *testing.T, m Medium) {
	s := open(t, m)
	data := bytes.Repeat([]byte("large"), 300_000)
	for i := range 9 {
		commit(t, s, writes(store.Put(store.Record{Key: key(fmt.Sprint(i)), Data: data})))
	}
	got := scan(t, s)
	if len(got) != 9 {
		t.Fatalf("scan saw %d records, want 9", len(got))
	}
	for k, r := range got {
		if !bytes.Equal(r.Data, data) {
			t.Errorf("%v: data differ", k)
		}
	}
}

func neverEarly(t *testing.T, m Medium) {
	s := open(t, m)
	end := time.Now().Add(300 * time.Millisecond)
	r := record("a", "1")
	r.Expires = end
	commit(t, s, writes(store.Put(r)))
	for time.Now().Before(end) {
		_, err := s.Get(t.Context(), r.Key)
		_, scanned := scan(t, s)[r.Key]
		if now := time.Now(); now.Before(end) && (err != nil || !scanned) {
			t.Fatalf("%v before its end: get %v, scanned %t", end.Sub(now), err, scanned)
		}
		commit(t, s, writes(put("b", "2", store.Any))) // gives the engine a chance to purge
		time.Sleep(5 * time.Millisecond)
	}
}

func expiredRecord(t *testing.T, m Medium) {
	s := open(t, m)
	r := record("a", "1")
	r.Expires = time.Now().Add(-time.Hour)
	commit(t, s, writes(store.Put(r)))
	if got, err := s.Get(t.Context(), r.Key); err == nil && !got.Expires.Equal(r.Expires) {
		t.Fatalf("expired record reads %+v", got)
	} else if err != nil {
		wantErr(t, err, store.ErrNotFound)
	}
	r.Expires = time.Now().Add(time.Hour)
	commit(t, s, writes(store.Put(r)))
	s = reopen(t, m, s)
	if got := get(t, s, "a"); !got.Expires.Equal(r.Expires) {
		t.Fatalf("renewed record expires %v, want %v", got.Expires, r.Expires)
	}
}
