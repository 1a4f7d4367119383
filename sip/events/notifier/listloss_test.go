package notifier

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

func TestListOutlivesARestart(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.team("sales", "101", "102")
		r.list("", "desk", "101")
		team := r.board("192.0.2.10:5060", "201", "sip:team-sales@ex.test")
		team.begin()
		for len(team.order) < 2 {
			team.next()
		}
		desk := r.board("192.0.2.11:5060", "201", "sip:list-desk@ex.test")
		desk.begin()
		for range 3 {
			r.set("102", "ringing")
			team.next()
			r.set("102", "idle")
			team.next()
		}
		before := team.version
		r.restart()
		for _, b := range []*board{team, desk} {
			b.begun = false
			m := b.next()
			if !b.full {
				t.Fatal("the first NOTIFY after a restart is not full state")
			}
			b.wantSub(m, "active")
		}
		if team.version <= before {
			t.Errorf("version %d after %d", team.version, before)
		}
		for len(team.order) < 2 {
			team.next()
		}
		r.set("102", "talking")
		team.next()
		team.told(1)
		team.want("101=Offline 102=talking")
	})
}

// A restart in the middle of a long list's parts: it begins anew.
func TestRestartInTheMiddleOfAList(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.crowd("big", 30)
		b := r.board("192.0.2.10:5060", "201", "sip:team-big@ex.test")
		b.begin()
		b.next()
		last := b.version
		r.restart()
		b.begun = false
		b.next()
		for !b.full { // what was under way before the crash
			b.begun = false
			b.next()
		}
		if b.version <= last {
			t.Errorf("version %d after %d", b.version, last)
		}
		for len(b.order) < 30 {
			b.next()
		}
		b.quiet(time.Second)
	})
}

// The list is gone when the server is back.
func TestListRemovedBeforeARestart(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.list("", "desk", "101")
		b := r.board("192.0.2.10:5060", "201", "sip:list-desk@ex.test")
		b.begin()
		r.net.SetFaults(siptest.Faults{Loss: 1}) // the watcher cannot be told
		if err := r.lists.Delete(t.Context(), "test", r.domain(), presence.AgentID{}, "desk"); err != nil {
			t.Fatal(err)
		}
		r.restart()
		time.Sleep(time.Second)
		r.net.SetFaults(siptest.Faults{})
		b.begun = false
		for r.count() > 0 || b.quietly(time.Second) {
			b.begun = false
			b.wantSub(b.next(), "terminated;reason=noresource")
		}
		r.nobodyWatched()
	})
}

func TestLostPartIsToldAgain(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.team("sales", "101", "102")
		b := r.board("192.0.2.10:5060", "201", "sip:team-sales@ex.test")
		b.begin()
		for len(b.order) < 2 {
			b.next()
		}
		r.set("101", "ringing")
		b.Expect(siptest.Method("NOTIFY")) // and never an answer
		r.set("102", "talking")
		time.Sleep(40 * time.Second)
		b.version++ // the phone saw nothing of it
		for b.shows["101"] != "ringing" || b.shows["102"] != "talking" {
			b.next()
			if b.full {
				t.Fatal("full state for one lost NOTIFY")
			}
		}
		b.quiet(time.Minute)
	})
}

func TestLostFirstPartIsFullAgain(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.crowd("big", 5)
		b := r.board("192.0.2.10:5060", "201", "sip:team-big@ex.test")
		b.wantStatus(b.subscribe(), 200)
		b.Expect(siptest.Method("NOTIFY")) // and never an answer
		b.next()
		if !b.full {
			t.Fatal("what follows a lost first part is not full state")
		}
		for len(b.order) < 5 {
			b.next()
		}
		b.quiet(time.Minute)
	})
}

func TestRefusedPartIsToldAgain(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		r.team("sales", "101")
		b := r.board("192.0.2.10:5060", "201", "sip:team-sales@ex.test")
		b.begin()
		r.set("101", "ringing")
		b.notified(500, message.Header{Name: message.RetryAfter, Value: "7"})
		b.version++
		m := b.await(10 * time.Second)
		b.take(m)
		b.want("101=ringing")
		r.set("101", "talking")
		b.notified(481)
		b.quiet(time.Minute)
		r.nobodyWatched()
	})
}

// 500 members over a network that loses, doubles and mixes up, with changes in
// the middle, members that leave and a restart: in the end the board is right.
func TestFiveHundredMembersOverABadNetwork(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		const members = 500
		r.crowd("big", members)
		p := r.board("192.0.2.10:5060", "201", "sip:team-big@ex.test")
		p.wantStatus(p.subscribe(), 200)
		r.net.SetFaults(siptest.Faults{Seed: 7, Loss: 0.2, Duplicate: 0.1, Reorder: 0.1, Jitter: 5 * time.Millisecond})
		show := newLossy(p)
		show.until(100)
		for i := range 50 {
			r.set(fmt.Sprint(5000+7*i), "ringing")
		}
		show.until(200)
		r.restart()
		show.until(300)
		for i := range 10 {
			r.leave(fmt.Sprint(5000 + 50*i))
		}
		for i := range 50 {
			r.set(fmt.Sprint(5000+7*i+1), "talking")
		}
		for show.idle(33 * time.Second) {
		}
		wrong := 0
		for i := range members {
			user, want := fmt.Sprint(5000+i), "idle"
			switch {
			case i%50 == 0:
				want = ""
			case i%7 == 0 && i < 350:
				want = "ringing"
			case i%7 == 1 && i < 351:
				want = "talking"
			}
			if got := p.shows[user]; got != want {
				if wrong++; wrong < 5 {
					t.Errorf("%s shows %q, want %q", user, got, want)
				}
			}
		}
		if p.largest > listPacket {
			t.Errorf("a NOTIFY of %d bytes", p.largest)
		}
		t.Logf("%d NOTIFYs, the largest of %d bytes", p.count, p.largest)
	})
}

// lossy takes in what arrives, whatever was lost before: it answers everything,
// drops old versions, and asks anew when one is missing (RFC 4662 §5.2).
type lossy struct{ *board }

func newLossy(b *board) *lossy { return &lossy{b} }

// idle takes the next NOTIFY, and reports whether there was one in the time.
func (l *lossy) idle(d time.Duration) bool {
	deadline := time.Now().Add(d)
	for l.Pending() == 0 {
		if time.Now().After(deadline) {
			return false
		}
		time.Sleep(10 * time.Millisecond)
	}
	m := l.notified(200)
	root := string(m.Body)
	_, rest, _ := strings.Cut(root, "<list ")
	_, rest, _ = strings.Cut(rest, `version="`)
	text, _, _ := strings.Cut(rest, `"`)
	var v uint32
	fmt.Sscan(text, &v)
	full := strings.Contains(root, `fullState="true"`)
	switch {
	case l.begun && v <= l.version:
		l.t.Errorf("version %d after %d", v, l.version)
		return true
	case l.begun && v > l.version+1 && !full:
		l.begun = false // one is missing: nothing counts until full state comes
		l.wantStatus(l.subscribe(), 200)
		return true
	case !l.begun && !full:
		return true
	}
	l.begun = l.begun && v == l.version+1
	l.take(m)
	return true
}

func (l *lossy) until(members int) {
	for len(l.order) < members && l.idle(time.Minute) {
	}
}

// Many boards on lists that change, members come and go, in a bad network and
// over a restart: once a minute has brought nothing new every board shows the
// truth.
func TestManyBoardsOverABadNetwork(t *testing.T) {
	bubble(t, func(o *Options) { o.Workers = 4; o.ListsPerWatcher = 100 }, func(t *testing.T, r *rig) {
		const members, boards = 40, 40
		r.crowd("big", members)
		r.list("", "some", "5001", "5002", "5003", "999")
		r.net.SetFaults(siptest.Faults{Seed: 11, Loss: 0.2, Duplicate: 0.1, Reorder: 0.2, Jitter: 10 * time.Millisecond})
		all := make([]*lossy, boards)
		var watching sync.WaitGroup
		for i := range all {
			uri := []string{"sip:team-big@ex.test", "sip:list-some@ex.test"}[i%4/3]
			all[i] = newLossy(r.board(fmt.Sprintf("192.0.2.%d:5060", 10+i), "201", uri))
			watching.Go(func() {
				all[i].wantStatus(all[i].subscribe(), 200)
				for all[i].idle(time.Minute) {
				}
			})
		}
		rng := rand.New(rand.NewPCG(11, 2))
		want := map[string]string{"999": "nothing"}
		for i := range members {
			want[fmt.Sprint(5000+i)] = "idle"
		}
		gone := map[string]bool{}
		for step := range 300 {
			user := fmt.Sprint(5000 + rng.IntN(members))
			switch {
			case step == 150:
				r.restart()
			case step%30 == 7:
				r.leave(user)
				gone[user] = true
			case step%30 == 20:
				for back := range gone {
					r.team("big", back)
					delete(gone, back)
					break
				}
			default:
				want[user] = fmt.Sprint("state-", step)
				r.set(user, want[user])
			}
			time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
		}
		watching.Wait()
		for i, b := range all {
			expect := map[string]string{}
			for user, state := range want {
				team := user != "999" && !gone[user]
				some := user == "999" || user == "5001" || user == "5002" || user == "5003"
				if b.uri == "sip:team-big@ex.test" && team || b.uri != "sip:team-big@ex.test" && some {
					expect[user] = state
				}
			}
			if !maps.Equal(b.shows, expect) {
				t.Errorf("board %d of %s shows %v, want %v", i, b.uri, b.shows, expect)
			}
		}
	})
}
