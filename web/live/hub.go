// Package live keeps the newest change of every agent for those who follow the
// live stream, and nothing older.
//
// # Guarantees
//
//   - Changes are numbered; the number of the hub only grows.
//   - A follower that asks what is newer than its position gets, in order, each
//     agent that changed since, once, in its newest state. So a slow follower
//     skips what is outdated, and no follower has a queue.
//   - The same question resumes a broken stream, as long as the position is one
//     of this hub's life and not older than the removals it remembers.
//
// Memory is bounded by the number of agents and of remembered removals.
package live

import (
	"container/list"
	"slices"
	"sync"

	"lamplight/presence"
)

// Update is the newest state of one agent, or its removal.
type Update struct {
	Seq   uint64
	Agent presence.AgentID
	// Domain is zero for the removal of an agent of whom nothing was heard.
	Domain presence.DomainID
	// Snapshot is nil for a removal.
	Snapshot *presence.Snapshot
	// left are the teams the agent was seen in before, but is not in now, with
	// the number of the change that took it out.
	left map[string]uint64

	once [2]sync.Once
	text [2][]byte
}

// Leaves reports whether a follower of the team at pos has to be told that the
// agent is no longer in it.
func (u *Update) Leaves(team string, pos uint64) bool { return u.left[team] > pos }

// Text is the rendering of the update, made by render once for each audience:
// what everybody sees, and what those see who see all.
func (u *Update) Text(all bool, render func(s *presence.Snapshot, all bool) []byte) []byte {
	i := 0
	if all {
		i = 1
	}
	u.once[i].Do(func() { u.text[i] = render(u.Snapshot, all) })
	return u.text[i]
}

// Options of a Hub. The zero value is useful.
type Options struct {
	// Removals remembered for those who resume; default 4096.
	Removals int
}

// Hub is safe for concurrent use.
type Hub struct {
	removals int

	mu     sync.Mutex
	seq    uint64                             // guarded by mu
	agents map[presence.AgentID]*list.Element // guarded by mu
	order  *list.List                         // guarded by mu; of *Update, newest at the back
	gone   *list.List                         // guarded by mu; removals among order, oldest first
	floor  uint64                             // guarded by mu; positions below cannot be resumed
	wake   chan struct{}                      // guarded by mu; closed at the next change, nil if nobody waits
}

// New makes an empty hub.
func New(o Options) *Hub {
	if o.Removals <= 0 {
		o.Removals = 4096
	}
	return &Hub{
		removals: o.Removals, agents: make(map[presence.AgentID]*list.Element),
		order: list.New(), gone: list.New(),
	}
}

// Note takes in a published snapshot. It never blocks. A snapshot not newer than
// the one known is left out, as are bare addresses of record.
func (h *Hub) Note(s *presence.Snapshot) {
	h.note(s, s.Version)
}

// Touch is Note of a snapshot that may have the number of the one known: what
// the directory says of the agent has changed, not what the agent does.
func (h *Hub) Touch(s *presence.Snapshot) {
	h.note(s, s.Version+1)
}

func (h *Hub) note(s *presence.Snapshot, than uint64) {
	if s.Bare {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	u := &Update{Agent: s.Agent, Domain: s.Domain, Snapshot: s}
	if e, ok := h.agents[s.Agent]; ok {
		old := e.Value.(*Update)
		if old.Snapshot != nil {
			if old.Snapshot.Version >= than {
				return
			}
			u.left = left(old, s, h.seq+1)
		}
	}
	h.putLocked(u)
}

// Remove takes an agent out who is no more.
func (h *Hub) Remove(a presence.AgentID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	u := &Update{Agent: a}
	if e, ok := h.agents[a]; ok {
		u.Domain = e.Value.(*Update).Domain
	}
	h.putLocked(u)
	h.gone.PushBack(a)
	for h.gone.Len() > h.removals {
		h.forgetLocked(h.gone.Remove(h.gone.Front()).(presence.AgentID))
	}
}

// Restart sends every follower back to a snapshot: too much has changed to tell
// one by one.
func (h *Hub) Restart() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	h.floor = h.seq
	clear(h.agents)
	h.order.Init()
	h.gone.Init()
	h.wakeLocked()
}

// forgetLocked drops the removal of a: who has not seen it cannot resume.
func (h *Hub) forgetLocked(a presence.AgentID) {
	e, ok := h.agents[a]
	if !ok || e.Value.(*Update).Snapshot != nil {
		return // came back meanwhile
	}
	h.floor = max(h.floor, e.Value.(*Update).Seq)
	h.order.Remove(e)
	delete(h.agents, a)
}

func (h *Hub) putLocked(u *Update) {
	h.seq++
	u.Seq = h.seq
	if e, ok := h.agents[u.Agent]; ok {
		e.Value = u
		h.order.MoveToBack(e)
	} else {
		h.agents[u.Agent] = h.order.PushBack(u)
	}
	h.wakeLocked()
}

func (h *Hub) wakeLocked() {
	if h.wake != nil {
		close(h.wake)
		h.wake = nil
	}
}

// Position is the number of the newest change.
func (h *Hub) Position() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.seq
}

// Since appends to dst every update newer than pos, oldest first. It reports
// false when pos is not one to resume from: a snapshot is needed.
func (h *Hub) Since(pos uint64, dst []*Update) ([]*Update, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if pos < h.floor || pos > h.seq {
		return dst, false
	}
	e := h.order.Back()
	for e != nil && e.Value.(*Update).Seq > pos {
		e = e.Prev()
	}
	if e == nil {
		e = h.order.Front()
	} else {
		e = e.Next()
	}
	for ; e != nil; e = e.Next() {
		dst = append(dst, e.Value.(*Update))
	}
	return dst, true
}

// Changed is closed once there is an update newer than pos; it may be closed
// already.
func (h *Hub) Changed(pos uint64) <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.seq > pos {
		c := make(chan struct{})
		close(c)
		return c
	}
	if h.wake == nil {
		h.wake = make(chan struct{})
	}
	return h.wake
}

// left is which teams the agent was in at some time and is not in now; seq is
// the number of this change.
func left(old *Update, now *presence.Snapshot, seq uint64) map[string]uint64 {
	if old.left == nil && slices.Equal(old.Snapshot.Teams, now.Teams) {
		return nil
	}
	l := make(map[string]uint64)
	for t, at := range old.left {
		if !slices.Contains(now.Teams, t) {
			l[t] = at
		}
	}
	for _, t := range old.Snapshot.Teams {
		if !slices.Contains(now.Teams, t) {
			l[t] = seq
		}
	}
	return l
}
