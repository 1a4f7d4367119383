package compositor

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/events/dialoginfo"
)

func TestEntityTags(t *testing.T) {
	p := &publication{ID: 0xabc, Change: 300}
	id, change, ok := parseTag(p.entityTag())
	if !ok || id != p.ID || change != p.Change {
		t.Errorf("%s read as %x, %d, %v", p.entityTag(), id, change, ok)
	}
	for _, bad := range []string{"", "-", "0-1", "1", "1-", "-1", "x-1", "1-x", "1-1-1", "11111111111111111-1"} {
		if id, change, ok := parseTag(bad); ok {
			t.Errorf("%q read as %x, %d", bad, id, change)
		}
	}
}

func TestMemoryOfEndedDialogsIsBounded(t *testing.T) {
	st := &state{pubs: map[uint64]*publication{}}
	p := &publication{ID: 1, Peer: "a", Legs: map[key]presence.Leg{}}
	st.pubs[1] = p
	now := time.Now()
	for i := range 1000 {
		doc := &dialoginfo.Document{Version: uint32(i), Partial: true, Dialogs: []dialoginfo.Dialog{{ID: "d", CallID: fmt.Sprint(i), State: dialoginfo.Terminated}}}
		st.take(p, told{doc, "", now, time.Minute})
	}
	if len(st.ended) != maxEnded {
		t.Errorf("%d remembered", len(st.ended))
	}
	st.take(p, told{&dialoginfo.Document{Version: 1000, Dialogs: []dialoginfo.Dialog{{ID: "d", CallID: "x", State: dialoginfo.Terminated}}}, "", now.Add(time.Hour), time.Minute})
	if len(st.ended) != 1 {
		t.Errorf("%d remembered after their time", len(st.ended))
	}
}

// legs is a roster reduced to the legs it would have.
type legs map[string]presence.Leg

func (l legs) apply(t *rapid.T, ops []roster.Op) {
	for _, op := range ops {
		switch o := op.(type) {
		case roster.PutLeg:
			l[o.ID] = o.Leg
		case roster.EndLeg:
			delete(l, o.ID)
		default:
			t.Fatalf("operation %T", op)
		}
	}
}

// TestRosterAlwaysHasTheLegsOfThePublications: whatever peers publish, in
// whatever order, the roster's legs are exactly those that publications own, none
// is owned twice, and when the last publication is gone so is the last leg.
func TestRosterAlwaysHasTheLegsOfThePublications(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		st, have, now := &state{pubs: map[uint64]*publication{}}, legs{}, time.Unix(1_800_000_000, 0)
		for step := range rapid.IntRange(1, 40).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "seconds")) * time.Second)
			st = st.clone()
			id := uint64(rapid.IntRange(1, 4).Draw(t, "publication"))
			pub := st.pubs[id]
			if pub != nil && rapid.IntRange(0, 5).Draw(t, "drop") == 0 {
				have.apply(t, st.drop(pub))
				continue
			}
			if pub == nil {
				peer := []string{"a", "a", "b", "watch"}[id-1]
				pub = &publication{ID: id, Peer: peer, Observer: peer == "watch", Legs: map[key]presence.Leg{}}
				st.pubs[id] = pub
			}
			doc := &dialoginfo.Document{Version: pub.Version + uint32(step), Partial: rapid.Bool().Draw(t, "partial")}
			for range rapid.IntRange(0, 3).Draw(t, "dialogs") {
				doc.Dialogs = append(doc.Dialogs, dialoginfo.Dialog{
					ID: rapid.SampledFrom([]string{"d", "e"}).Draw(t, "id"), CallID: rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "call"),
					State: dialoginfo.State(rapid.IntRange(0, 4).Draw(t, "state")), Initiator: rapid.Bool().Draw(t, "initiator"), HasDirection: true,
				})
			}
			have.apply(t, st.take(pub, told{doc, "", now, 32 * time.Second}))
			compare(t, st, have)
		}
		for _, pub := range st.pubs {
			have.apply(t, st.drop(pub))
		}
		if len(have) != 0 {
			t.Fatalf("legs without a publication: %v", have)
		}
	})
}

func compare(t *rapid.T, st *state, have legs) {
	owned := map[string]bool{}
	for _, pub := range st.pubs {
		for k, leg := range pub.Legs {
			if owned[leg.ID] {
				t.Fatalf("%v is owned twice", k)
			}
			owned[leg.ID] = true
			if got, ok := have[leg.ID]; !ok || got != leg {
				t.Fatalf("roster has %+v of %+v", got, leg)
			}
		}
	}
	if len(owned) != len(have) {
		t.Fatalf("%d legs owned, %d in the roster", len(owned), len(have))
	}
}

// TestCloneIsDeep: a change that does not commit is dropped, so the state before
// it must not have moved with it.
func TestCloneIsDeep(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	st := &state{pubs: map[uint64]*publication{1: {ID: 1, Peer: "a", Legs: map[key]presence.Leg{}}}}
	doc := func(s dialoginfo.State) *dialoginfo.Document {
		return &dialoginfo.Document{Dialogs: []dialoginfo.Dialog{{ID: "d", CallID: "1", State: s}}}
	}
	st.take(st.pubs[1], told{doc(dialoginfo.Early), "", now, time.Minute})
	leg := st.pubs[1].Legs[key{"d", "1"}]
	next := st.clone()
	next.take(next.pubs[1], told{doc(dialoginfo.Confirmed), "", now, time.Minute})
	next.take(next.pubs[1], told{doc(dialoginfo.Terminated), "", now, time.Minute})
	next.drop(next.pubs[1])
	if len(st.pubs) != 1 || len(st.ended) != 0 || st.pubs[1].Legs[key{"d", "1"}] != leg {
		t.Errorf("the original changed: %+v", st)
	}
}
