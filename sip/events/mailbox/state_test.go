package mailbox

import (
	"encoding/json"
	"hash/maphash"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"lamplight/presence"
)

func summary(t testing.TB, lines ...string) *Summary {
	t.Helper()
	s, err := Parse([]byte(strings.Join(lines, "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	return &s
}

// shown is what phones are shown, on one line.
func shown(st *state) string {
	st.summarise(maphash.MakeSeed())
	return strings.TrimSpace(strings.ReplaceAll(string(st.summary.Append(nil)), "\r\n", " | "))
}

func TestWhoOwnsWhat(t *testing.T) {
	yes, no := "Messages-Waiting: yes", "Messages-Waiting: no"
	for name, c := range map[string]struct {
		words func(st *state)
		want  string
	}{
		"the last word on a class counts": {func(st *state) {
			st.take("a", summary(t, yes, "Voice-Message: 2/0"))
			st.take("b", summary(t, no, "Voice-Message: 0/2"))
		}, "Messages-Waiting: no | Voice-Message: 0/2 (0/0) |"},
		"two servers, two classes": {func(st *state) {
			st.take("a", summary(t, yes, "Voice-Message: 2/0"))
			st.take("b", summary(t, no, "Fax-Message: 0/2"))
		}, "Messages-Waiting: yes | Voice-Message: 2/0 (0/0) | Fax-Message: 0/2 (0/0) |"},
		"a class no longer named is gone": {func(st *state) {
			st.take("a", summary(t, yes, "Voice-Message: 2/0", "Fax-Message: 1/0"))
			st.take("a", summary(t, yes, "Voice-Message: 2/0"))
		}, "Messages-Waiting: yes | Voice-Message: 2/0 (0/0) |"},
		"what ends takes its word with it": {func(st *state) {
			st.take("a", summary(t, yes, "Message-Account: sip:v@x", "Voice-Message: 2/0"))
			st.drop("a")
		}, "Messages-Waiting: no |"},
		"what was taken over does not come back": {func(st *state) {
			st.take("a", summary(t, yes, "Voice-Message: 2/0"))
			st.take("b", summary(t, yes, "Voice-Message: 5/0"))
			st.drop("b")
		}, "Messages-Waiting: no |"},
		"what was taken over ends alone": {func(st *state) {
			st.take("a", summary(t, yes, "Voice-Message: 2/0"))
			st.take("b", summary(t, yes, "Voice-Message: 5/0"))
			st.drop("a")
		}, "Messages-Waiting: yes | Voice-Message: 5/0 (0/0) |"},
		"a word without counts is about everything": {func(st *state) {
			st.take("a", summary(t, yes, "Voice-Message: 2/0"))
			st.take("b", summary(t, no))
		}, "Messages-Waiting: no |"},
		"counts replace a word without": {func(st *state) {
			st.take("b", summary(t, yes))
			st.take("a", summary(t, no, "Voice-Message: 0/2"))
		}, "Messages-Waiting: no | Voice-Message: 0/2 (0/0) |"},
		"yes without new ones stands": {func(st *state) {
			st.take("a", summary(t, yes, "Voice-Message: 0/2"))
		}, "Messages-Waiting: yes | Voice-Message: 0/2 (0/0) |"},
		"no with new ones stands": {func(st *state) {
			st.take("a", summary(t, no, "Voice-Message: 3/2"))
		}, "Messages-Waiting: no | Voice-Message: 3/2 (0/0) |"},
	} {
		t.Run(name, func(t *testing.T) {
			st := newState()
			c.words(st)
			if got := shown(st); got != c.want {
				t.Errorf("shown %q, want %q", got, c.want)
			}
		})
	}
}

// TestStateOutlivesItsRow: whatever is told, the state read back shows the same,
// no owner that ended owns anything, and a copy leaves its original alone.
func TestStateOutlivesItsRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := &box{domain: presence.DomainID{ID: presence.NewID()}, agent: presence.AgentID{ID: presence.NewID()}, aor: "x@ex.test"}
		st := newState()
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			before := shown(st)
			next := st.clone()
			by := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "by")
			if rapid.IntRange(0, 3).Draw(t, "drop") == 0 {
				next.drop(by)
				for _, told := range next.told {
					if told.By == by {
						t.Fatalf("%s ended and owns %+v", by, told)
					}
				}
			} else {
				s := Summary{Waiting: rapid.Bool().Draw(t, "waiting")}
				for c := range rapid.IntRange(0, int(classes)).Draw(t, "classes") {
					s.Counts[c] = &Counts{New: uint32(rapid.IntRange(0, 2).Draw(t, "new"))}
				}
				next.take(by, &s)
			}
			if got := shown(st); got != before {
				t.Fatalf("the original shows %q, was %q", got, before)
			}
			st = next
		}
		w, err := b.write(st)
		if err != nil {
			t.Fatal(err)
		}
		if st.empty() != w.Delete {
			t.Fatalf("empty %v, deleted %v", st.empty(), w.Delete)
		}
		if w.Delete {
			return
		}
		back, again, err := read(w.Record)
		if err != nil || back.agent != b.agent || back.domain != b.domain || back.aor != b.aor {
			t.Fatalf("read %+v, %v", back, err)
		}
		if got, want := shown(again), shown(st); got != want {
			t.Fatalf("read back %q, want %q", got, want)
		}
	})
}

func TestRowsOfAnotherEncodingAreLeftAlone(t *testing.T) {
	b := &box{}
	st := newState()
	st.take("a", summary(t, "Messages-Waiting: yes"))
	w, err := b.write(st)
	if err != nil {
		t.Fatal(err)
	}
	rec := w.Record
	rec.Codec = 9
	if _, _, err := read(rec); err == nil {
		t.Error("another codec was read")
	}
	rec = w.Record
	rec.Data, _ = json.Marshal(row{Told: map[string]told{"smell": {}}})
	if _, _, err := read(rec); err == nil {
		t.Error("an unknown class was read")
	}
}

func TestEntityTags(t *testing.T) {
	p := &publication{ID: 0xabc, Change: 300}
	if id, change, ok := parseTag(p.entityTag()); !ok || id != p.ID || change != p.Change {
		t.Errorf("%s read as %x, %d, %v", p.entityTag(), id, change, ok)
	}
	for _, bad := range []string{"", "m", "-", "m0-1", "m1", "1-1", "m1-", "m-1", "mx-1", "m1-x", "m1-1-1", "m11111111111111111-1"} {
		if id, change, ok := parseTag(bad); ok {
			t.Errorf("%q read as %x, %d", bad, id, change)
		}
	}
}
