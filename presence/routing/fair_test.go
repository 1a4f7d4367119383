package routing

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"lamplight/presence"
)

// shift is a group at work: calls come, members talk, refuse and rest.
type shift struct {
	c       GroupCall
	busy    []time.Time // until then
	offered []int
	passed  []int // how often in a row a free member was passed over
	worst   int
	r       *rand.Rand
}

func newShift(s presence.Strategy, members int, seed uint64) *shift {
	w := &shift{
		c:    GroupCall{Kind: presence.CallRegular, Group: presence.Group{Number: "600", Strategy: s}, At: t0},
		busy: make([]time.Time, members), offered: make([]int, members), passed: make([]int, members),
		r: rand.New(rand.NewPCG(seed, 7)),
	}
	for i := range members {
		w.c.Members = append(w.c.Members, Candidate{
			Agent: presence.AgentID{ID: presence.ID{byte(i + 1)}}, Number: fmt.Sprint(i), Level: 1, Free: true, Idle: t0.Add(-time.Duration(w.r.IntN(600)) * time.Second),
		})
	}
	return w
}

// call offers one call to the first of its order; taken says whether he takes it,
// and for how long he talks then.
func (w *shift) call(taken func(i int) (bool, time.Duration)) (first int) {
	for i := range w.c.Members {
		m := &w.c.Members[i]
		if free := !w.c.At.Before(w.busy[i]); free && !m.Free {
			m.Free, m.Idle = true, w.busy[i]
		}
	}
	d := DecideGroup(w.c)
	if !d.Allow {
		return -1
	}
	first = -1
	for i := range w.c.Members {
		m := &w.c.Members[i]
		switch {
		case m.Number == d.Steps[0].Targets[0].ID:
			first, w.passed[i] = i, 0
		case m.Free && !w.c.At.Before(m.Rest):
			w.passed[i]++
			w.worst = max(w.worst, w.passed[i])
		}
	}
	m := &w.c.Members[first]
	w.offered[first]++
	w.c.Last = m.Agent
	if ok, talk := taken(first); ok {
		m.Free, m.Calls, m.Rest = false, m.Calls+1, time.Time{}
		w.busy[first] = w.c.At.Add(talk)
	} else {
		m.Rest = w.c.At.Add(w.c.Group.RestTime())
	}
	return first
}

// Of members who are free, nobody is passed over more often than there are others.
func TestNobodyOfAGroupStarves(t *testing.T) {
	for _, s := range []presence.Strategy{presence.RoundRobin, presence.LongestIdle, presence.Skills} {
		for seed := range uint64(20) {
			w := newShift(s, 7, seed)
			for range 2000 {
				w.call(func(int) (bool, time.Duration) {
					return w.r.IntN(10) > 0, time.Duration(20+w.r.IntN(200)) * time.Second
				})
				w.c.At = w.c.At.Add(time.Duration(1+w.r.IntN(60)) * time.Second)
			}
			// Whoever rests is free again at once when rested, so one more than the others.
			if limit := 2 * len(w.c.Members); w.worst > limit {
				t.Errorf("%s, seed %d: a free member was passed over %d times in a row", s, seed, w.worst)
			}
			for i, n := range w.offered {
				if n < 2000/7/2 {
					t.Errorf("%s, seed %d: member %d was offered %d of 2000 calls", s, seed, i, n)
				}
			}
		}
	}
}

// Who takes each call has as many as the others, give or take one.
func TestCallsAreSharedOut(t *testing.T) {
	for _, s := range []presence.Strategy{presence.RoundRobin, presence.LongestIdle, presence.FewestCalls} {
		w := newShift(s, 5, 1)
		for n := range 503 {
			w.call(func(int) (bool, time.Duration) { return true, time.Second })
			w.c.At = w.c.At.Add(10 * time.Second)
			low, high := w.c.Members[0].Calls, 0
			for i := range w.c.Members {
				low, high = min(low, w.c.Members[i].Calls), max(high, w.c.Members[i].Calls)
			}
			if high-low > 1 {
				t.Fatalf("%s: after %d calls one has had %d and another %d", s, n+1, high, low)
			}
		}
	}
}

// A member who never answers costs a caller one offer at most each rest, and is
// asked again after it: neither again and again, nor never.
func TestWhoNeverAnswersIsSkippedAndAskedAgain(t *testing.T) {
	for _, s := range []presence.Strategy{presence.RoundRobin, presence.LongestIdle, presence.FewestCalls, presence.Sequential, presence.Skills} {
		w := newShift(s, 3, 2)
		w.c.Members[0].Idle = t0.Add(-time.Hour) // the first to be asked, each time
		var asked []time.Time
		for range 600 {
			first := w.call(func(i int) (bool, time.Duration) { return i != 0, 500 * time.Millisecond })
			if first == 0 {
				asked = append(asked, w.c.At)
			}
			w.c.At = w.c.At.Add(time.Second)
		}
		if len(asked) < 10 || len(asked) > 20 {
			t.Errorf("%s: asked %d times in 10 minutes, with a rest of 30 s", s, len(asked))
		}
		for i := 1; i < len(asked); i++ {
			if d := asked[i].Sub(asked[i-1]); d < 30*time.Second {
				t.Errorf("%s: asked again after %s", s, d)
			}
		}
	}
}
