package live

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"lamplight/presence"
)

func agent(n byte) presence.AgentID { return presence.AgentID{ID: presence.ID{15: n}} }

func snap(n byte, version uint64, teams ...string) *presence.Snapshot {
	return &presence.Snapshot{Agent: agent(n), Version: version, Teams: teams}
}

// told is what a follower at pos is told, as agent:version, "-" for a removal.
func told(t *testing.T, h *Hub, pos uint64) []string {
	t.Helper()
	list, ok := h.Since(pos, nil)
	if !ok {
		t.Fatalf("position %d cannot be resumed", pos)
	}
	out := []string{}
	for i, u := range list {
		if u.Seq <= pos || i > 0 && u.Seq <= list[i-1].Seq {
			t.Errorf("number %d is out of order", u.Seq)
		}
		if u.Snapshot == nil {
			out = append(out, fmt.Sprintf("%d:-", u.Agent.ID[15]))
		} else {
			out = append(out, fmt.Sprintf("%d:%d", u.Agent.ID[15], u.Snapshot.Version))
		}
	}
	return out
}

func TestSlowFollowerGetsTheNewestOnly(t *testing.T) {
	h := New(Options{})
	h.Note(snap(1, 1))
	h.Note(snap(2, 1))
	pos := h.Position()
	for v := uint64(2); v <= 1000; v++ {
		h.Note(snap(1, v))
	}
	h.Note(snap(3, 1))
	if got := told(t, h, pos); !slices.Equal(got, []string{"1:1000", "3:1"}) {
		t.Errorf("got %v", got)
	}
	if got := told(t, h, 0); !slices.Equal(got, []string{"2:1", "1:1000", "3:1"}) {
		t.Errorf("from the beginning: got %v", got)
	}
	if got := told(t, h, h.Position()); len(got) != 0 {
		t.Errorf("nothing is new, got %v", got)
	}
}

func TestOlderSnapshotIsLeftOut(t *testing.T) {
	h := New(Options{})
	h.Note(snap(1, 7))
	h.Note(snap(1, 6))
	h.Note(snap(1, 7))
	if got := told(t, h, 0); !slices.Equal(got, []string{"1:7"}) || h.Position() != 1 {
		t.Errorf("got %v at %d", got, h.Position())
	}
}

func TestBareAddressIsLeftOut(t *testing.T) {
	h := New(Options{})
	s := snap(1, 1)
	s.Bare = true
	h.Note(s)
	if h.Position() != 0 {
		t.Error("a bare address of record was noted")
	}
}

func TestRemoval(t *testing.T) {
	h := New(Options{Removals: 2})
	h.Note(snap(1, 1))
	pos := h.Position()
	h.Remove(agent(1))
	if got := told(t, h, pos); !slices.Equal(got, []string{"1:-"}) {
		t.Errorf("got %v", got)
	}
	h.Remove(agent(2))
	h.Remove(agent(3)) // the removal of 1 is forgotten
	if _, ok := h.Since(pos, nil); ok {
		t.Error("a follower who missed a forgotten removal could resume")
	}
	if got := told(t, h, pos+1); !slices.Equal(got, []string{"2:-", "3:-"}) {
		t.Errorf("got %v", got)
	}
	if _, ok := h.Since(h.Position()+1, nil); ok {
		t.Error("resumed from the future")
	}
}

func TestLeftTeams(t *testing.T) {
	h := New(Options{})
	h.Note(snap(1, 1, "sales", "night"))
	h.Note(snap(1, 2, "support"))
	h.Note(snap(1, 3, "support", "night"))
	h.Note(snap(1, 4, "support", "night"))
	list, _ := h.Since(0, nil)
	u := list[0]
	for name, c := range map[string]struct {
		team string
		pos  uint64
		want bool
	}{
		"left since":      {"sales", 1, true},
		"told already":    {"sales", 2, false},
		"told long ago":   {"sales", 3, false},
		"came back":       {"night", 1, false},
		"is in it":        {"support", 0, false},
		"never was in it": {"board", 0, false},
	} {
		if u.Leaves(c.team, c.pos) != c.want {
			t.Errorf("%s: leaves %s after %d is not %v", name, c.team, c.pos, c.want)
		}
	}
}

func TestChanged(t *testing.T) {
	h := New(Options{})
	c := h.Changed(0)
	select {
	case <-c:
		t.Fatal("closed before any change")
	default:
	}
	h.Note(snap(1, 1))
	<-c
	<-h.Changed(0) // there is something newer already
	select {
	case <-h.Changed(h.Position()):
		t.Fatal("closed though nothing is newer")
	default:
	}
}

func TestTextIsMadeOncePerAudience(t *testing.T) {
	u := &Update{Snapshot: snap(1, 1)}
	n := 0
	render := func(_ *presence.Snapshot, all bool) []byte { n++; return fmt.Append(nil, all) }
	for range 3 {
		if string(u.Text(true, render)) != "true" || string(u.Text(false, render)) != "false" {
			t.Error("the wrong text")
		}
	}
	if n != 2 {
		t.Errorf("rendered %d times, want 2", n)
	}
}

// Whatever happens in whatever order, a follower who asks now and then ends up
// with exactly the newest state of everybody.
func TestFollowersConverge(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	h := New(Options{Removals: 8})
	truth := map[presence.AgentID]uint64{}
	type follower struct {
		pos  uint64
		sees map[presence.AgentID]uint64
	}
	fs := make([]*follower, 5)
	for i := range fs {
		fs[i] = &follower{sees: map[presence.AgentID]uint64{}}
	}
	ask := func(f *follower) {
		list, ok := h.Since(f.pos, nil)
		if !ok { // snapshot
			f.pos, f.sees = h.Position(), map[presence.AgentID]uint64{}
			for a, v := range truth {
				f.sees[a] = v
			}
			return
		}
		for _, u := range list {
			f.pos = u.Seq
			if u.Snapshot == nil {
				delete(f.sees, u.Agent)
			} else {
				f.sees[u.Agent] = u.Snapshot.Version
			}
		}
	}
	for v := uint64(1); v <= 20_000; v++ {
		n := byte(r.IntN(40))
		if r.IntN(10) == 0 {
			h.Remove(agent(n))
			delete(truth, agent(n))
		} else {
			h.Note(snap(n, v))
			truth[agent(n)] = v
		}
		if r.IntN(6) == 0 {
			ask(fs[r.IntN(len(fs))])
		}
	}
	for i, f := range fs {
		ask(f)
		if fmt.Sprint(f.sees) != fmt.Sprint(truth) {
			t.Errorf("follower %d sees %v, want %v", i, f.sees, truth)
		}
	}
	if len(h.agents) > 40+8 || h.order.Len() != len(h.agents) || h.gone.Len() > 8 {
		t.Errorf("grew beyond its bounds: %d agents, %d in order, %d removals", len(h.agents), h.order.Len(), h.gone.Len())
	}
}
