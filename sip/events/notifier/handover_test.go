package notifier

import (
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/lists"
	"lamplight/sip/peers"
)

// A peer that is trusted no more, or for other domains only, is told nothing more,
// whether the configuration changed in flight or over a restart.
func TestPeerThatIsTrustedNoMoreIsToldNothingMore(t *testing.T) {
	narrowed := func(t peers.Table) peers.Table {
		p := t[0]
		p.Domains = []string{"other.test"}
		return peers.Table{p}
	}
	for name, c := range map[string]struct {
		change  func(peers.Table) peers.Table
		restart bool
		reason  string
	}{
		"left out":                     {func(peers.Table) peers.Table { return nil }, false, "deactivated"},
		"other domains":                {narrowed, false, "deactivated"},
		"left out over a restart":      {func(peers.Table) peers.Table { return nil }, true, "deactivated"},
		"other domains over a restart": {narrowed, true, "rejected"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(t *testing.T, r *rig) {
				r.set("101", "talking")
				p := r.phone("192.0.2.200:5060", "pbx", "sip:101@ex.test")
				p.wantState(p.live(), "talking")
				q := r.phone("192.0.2.10:5060", "201", "sip:101@ex.test")
				q.live()
				if r.peers = c.change(r.peers); c.restart {
					r.restart()
					q.notified(200)
				} else {
					r.n.SetPeers(r.peers)
				}
				m := p.notified(200)
				p.wantSub(m, "terminated;reason="+c.reason)
				p.wantState(m, "nothing")
				time.Sleep(2 * time.Second)
				r.set("101", "idle")
				q.wantState(q.notified(200), "idle")
				p.quiet(time.Minute)
				if r.count() != 1 || r.rows() != 1 {
					t.Errorf("%d subscriptions, %d rows", r.count(), r.rows())
				}
			})
		})
	}
}

// A list whose watchers all go while who is on it is read anew holds on to nobody,
// those who left it included.
func TestListThatIsLeftWhileItIsReadHoldsOnToNobody(t *testing.T) {
	bubble(t, nil, func(t *testing.T, r *rig) {
		list := &presentity{agent: presence.AgentID{ID: presence.NewID()}, roll: &roll{stale: true}}
		list.roll.ref = lists.Ref{Domain: r.dom.ID, Team: "nobody-is-in-it"}
		list.roll.known, list.roll.members = true, []member{{uri: "sip:101@ex.test", agent: r.agents["101"], next: -1}}
		list.roll.index()
		r.n.enrol(r.agents["101"], list)
		going := &goingLists{Lists: r.n.lists, list: list}
		r.n.lists = going
		r.n.gather(list)
		if p := r.n.people.find(r.agents["101"]); p != nil {
			t.Errorf("who was on it is kept: %d lists", len(p.lists))
		}
	})
}

// goingLists is lists whose last watcher goes while they are read.
type goingLists struct {
	Lists
	list *presentity
}

func (g *goingLists) Members(r lists.Ref) ([]string, bool) {
	g.list.mu.Lock()
	g.list.gone = true
	g.list.mu.Unlock()
	return g.Lists.Members(r)
}
