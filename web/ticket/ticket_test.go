package ticket

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
)

func someone(session string) Subject {
	return Subject{Agent: presence.AgentID{ID: presence.NewID()}, Session: session}
}

func issue(t *testing.T, ts *Tickets, s Subject) string {
	t.Helper()
	ticket, _, err := ts.Issue(s)
	if err != nil {
		t.Fatal(err)
	}
	return ticket
}

func TestRedeemOnce(t *testing.T) {
	ts, who := New(Options{}), someone("s1")
	ticket := issue(t, ts, who)
	if got, ok := ts.Redeem(ticket); !ok || got != who {
		t.Fatalf("got %v %v, want %v", got, ok, who)
	}
	if _, ok := ts.Redeem(ticket); ok {
		t.Error("the ticket was good twice")
	}
	if _, ok := ts.Redeem("made up"); ok {
		t.Error("a ticket nobody issued was good")
	}
}

func TestRedeemOnceAmongMany(t *testing.T) {
	ts := New(Options{})
	ticket := issue(t, ts, someone("s1"))
	var good atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if _, ok := ts.Redeem(ticket); ok {
				good.Add(1)
			}
		})
	}
	wg.Wait()
	if n := good.Load(); n != 1 {
		t.Errorf("redeemed %d times", n)
	}
}

func TestTicketEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts := New(Options{})
		early, late := issue(t, ts, someone("s1")), issue(t, ts, someone("s1"))
		time.Sleep(29 * time.Second)
		if _, ok := ts.Redeem(early); !ok {
			t.Error("not good after 29 s")
		}
		time.Sleep(2 * time.Second)
		if _, ok := ts.Redeem(late); ok {
			t.Error("still good after 31 s")
		}
	})
}

func TestRevoke(t *testing.T) {
	ts := New(Options{})
	mine, other := issue(t, ts, someone("s1")), issue(t, ts, someone("s2"))
	ts.Revoke("s1")
	if _, ok := ts.Redeem(mine); ok {
		t.Error("a revoked ticket was good")
	}
	if _, ok := ts.Redeem(other); !ok {
		t.Error("another session's ticket was revoked too")
	}
}

func TestBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts := New(Options{Max: 2})
		issue(t, ts, someone("s"))
		issue(t, ts, someone("s"))
		if _, _, err := ts.Issue(someone("s")); !errors.Is(err, ErrFull) {
			t.Fatalf("got %v, want ErrFull", err)
		}
		time.Sleep(31 * time.Second)
		issue(t, ts, someone("s")) // the old ones made room
	})
}

// A page that asks again and again takes the room of its own agent alone: the oldest of
// its tickets is good no longer, and all others get theirs.
func TestOneAgentCannotTakeTheRoomOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ts, greedy := New(Options{Max: 4, PerAgent: 2}), someone("s1")
		other := issue(t, ts, someone("s2"))
		first := issue(t, ts, greedy)
		var last [2]string
		for i := range 1000 {
			last[i%2] = issue(t, ts, greedy)
		}
		if _, ok := ts.Redeem(first); ok {
			t.Error("a ticket beyond the bound is good")
		}
		for _, ticket := range append(last[:], other, issue(t, ts, someone("s3"))) {
			if _, ok := ts.Redeem(ticket); !ok {
				t.Error("a ticket within the bound is not good")
			}
		}
		// Redeemed, run out and revoked ones leave nothing behind.
		issue(t, ts, greedy)
		ts.Revoke("s1")
		issue(t, ts, greedy)
		time.Sleep(31 * time.Second)
		for range 4 {
			issue(t, ts, someone("s4"))
		}
		if len(ts.waiting) != 4 || len(ts.of) != 4 {
			t.Errorf("%d tickets of %d agents", len(ts.waiting), len(ts.of))
		}
	})
}
