package consent

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/store"
	"lamplight/store/sim"
)

type bench struct {
	t   *testing.T
	st  *sim.Store
	dir *directory.Directory
	c   *Consents
	dom presence.DomainID
	a   [3]presence.AgentID
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, st: sim.New(sim.Options{}), dom: presence.DomainID{ID: presence.NewID()}}
	t.Cleanup(func() { b.st.Close() })
	b.open()
	e := directory.Edit{Domains: []presence.Domain{{ID: b.dom, Names: []string{"ex.test"}, Realm: "ex.test"}}}
	for i := range b.a {
		b.a[i] = presence.AgentID{ID: presence.NewID()}
		e.Agents = append(e.Agents, presence.Agent{ID: b.a[i], Domain: b.dom, Number: fmt.Sprint(100 + i)})
	}
	if err := b.dir.Apply(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) open() {
	b.t.Helper()
	var err error
	if b.dir, err = directory.Open(b.t.Context(), b.st); err != nil {
		b.t.Fatal(err)
	}
	if b.c, err = Open(b.t.Context(), b.st, b.dir, "node-1", zerolog.Nop()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) decide(of, by int, allow bool) error {
	return b.c.Decide(context.Background(), Decision{Domain: b.dom, Of: b.a[of], By: Watcher{Agent: b.a[by]}, Allow: allow, Actor: "agent:100"})
}

func (b *bench) want(of, by int, allow, decided bool) {
	b.t.Helper()
	if gotAllow, gotDecided := b.c.Verdict(b.a[of], Watcher{Agent: b.a[by]}); gotAllow != allow || gotDecided != decided {
		b.t.Errorf("%d about %d: %v, %v", of, by, gotAllow, gotDecided)
	}
}

func (b *bench) rows() (n int) {
	b.st.Scan(context.Background(), space, func(store.Record) error { n++; return nil })
	return n
}

func TestDecisionsOutliveARestart(t *testing.T) {
	b := newBench(t)
	b.want(0, 1, false, false)
	for _, allow := range []bool{true, false} {
		if err := b.decide(0, 1, allow); err != nil {
			t.Fatal(err)
		}
		b.want(0, 1, allow, true)
	}
	peer := Watcher{Peer: "pbx"}
	if err := b.c.Decide(t.Context(), Decision{Domain: b.dom, Of: b.a[0], By: peer, Allow: true, Actor: "token:x"}); err != nil {
		t.Fatal(err)
	}
	b.st.Crash()
	st, err := b.st.Reopen(sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b.st = st
	b.open()
	b.want(0, 1, false, true)
	b.want(1, 0, false, false) // it is not mutual
	if allow, decided := b.c.Verdict(b.a[0], peer); !allow || !decided {
		t.Error("the decision about the peer is gone")
	}
	if list := b.c.Of(b.a[0]); len(list) != 2 || list[0].Actor != "agent:100" || list[0].At.IsZero() {
		t.Errorf("decisions %+v", list)
	}
}

func TestFailedWriteDecidesNothing(t *testing.T) {
	b := newBench(t)
	told := 0
	b.c.OnChange(func(Decision) { told++ })
	b.st.FailNext(1)
	if err := b.decide(0, 1, true); err == nil {
		t.Fatal("no error")
	}
	b.want(0, 1, false, false)
	b.decide(0, 1, true)
	b.decide(0, 1, true) // nothing new
	if told != 1 || b.rows() != 1 {
		t.Errorf("told %d times, %d rows", told, b.rows())
	}
}

func TestDecisionThatNobodyWaitsForAnyMore(t *testing.T) {
	b := newBench(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.c.Decide(ctx, Decision{Domain: b.dom, Of: b.a[0], By: Watcher{Agent: b.a[1]}, Allow: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	b.want(0, 1, false, false)
	if b.rows() != 0 {
		t.Error("it was stored, but readers do not see it")
	}
}

func TestDecisionsEndWithEitherAgent(t *testing.T) {
	b := newBench(t)
	b.decide(0, 1, true)
	b.decide(1, 2, true)
	b.decide(2, 0, true)
	if err := b.dir.Apply(t.Context(), directory.Edit{DeleteAgents: []presence.AgentID{b.a[1]}}); err != nil {
		t.Fatal(err)
	}
	b.want(0, 1, false, false)
	b.want(1, 2, false, false)
	b.want(2, 0, true, true)
	if err := b.st.Commit(t.Context(), store.Batch{}); err != nil { // the deletion is before it
		t.Fatal(err)
	}
	if n := b.rows(); n != 1 {
		t.Errorf("%d rows left", n)
	}
}

func TestDecisionsAboutOneAgentAreBounded(t *testing.T) {
	b := newBench(t)
	for i := range MaxPerAgent {
		b.c.putLocked(Decision{Of: b.a[0], By: Watcher{Peer: fmt.Sprint(i)}})
	}
	if err := b.decide(0, 1, true); !errors.Is(err, ErrFull) {
		t.Errorf("got %v", err)
	}
	if err := b.c.Decide(t.Context(), Decision{Of: b.a[0], By: Watcher{Peer: "7"}, Allow: true}); err != nil {
		t.Errorf("a change of mind: %v", err)
	}
}
