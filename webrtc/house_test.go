package webrtc

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/presence/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house plays roster, directory and tickets around a Server. Like the real
// roster it applies changes on a goroutine of its own and tells watchers there.
type house struct {
	policy presence.Policy
	agents []*presence.Agent
	device *presence.Device // of the first agent

	mu      sync.Mutex
	facts   map[presence.AgentID]*presence.Facts
	snaps   map[presence.AgentID]*presence.Snapshot
	causes  []presence.Cause
	tickets map[string]Subject
	watcher func(*presence.Snapshot)
	fail    int // so many changes to refuse
	version uint64

	work chan func()
	done chan struct{}
}

var errNoDisk = errors.New("no space left on device")

func newHouse(t testing.TB, agents int) *house {
	h := &house{
		facts: map[presence.AgentID]*presence.Facts{}, snaps: map[presence.AgentID]*presence.Snapshot{},
		tickets: map[string]Subject{}, work: make(chan func(), 4096), done: make(chan struct{}),
	}
	for i := range agents {
		a := &presence.Agent{
			ID: presence.AgentID{ID: presence.NewID()}, Domain: presence.DomainID{ID: presence.NewID()},
			Number: string(rune('0' + i%10)),
		}
		a.Settings.Options.Webphone = true
		h.agents = append(h.agents, a)
		h.facts[a.ID] = &presence.Facts{
			Settings: a.Settings, Selected: presence.Selection{Status: presence.SelectAvailable},
		}
	}
	h.device = &presence.Device{ID: presence.DeviceID{ID: presence.NewID()}, Kind: presence.KindWebphone}
	go func() {
		defer close(h.done)
		for f := range h.work {
			f()
		}
	}()
	t.Cleanup(func() { close(h.work); <-h.done })
	return h
}

// ticket makes a ticket for the first agent.
func (h *house) ticket(name string) string { return h.ticketFor(h.agents[0].ID, name) }

func (h *house) ticketFor(a presence.AgentID, name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tickets[name] = Subject{Agent: a, Session: "login-1"}
	return name
}

func (h *house) Redeem(ticket string) (Subject, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	s, ok := h.tickets[ticket]
	delete(h.tickets, ticket)
	return s, ok
}

func (h *house) Agent(id presence.AgentID) (*presence.Agent, bool) {
	for _, a := range h.agents {
		if a.ID == id {
			return a, true
		}
	}
	return nil, false
}

func (h *house) Domain(presence.DomainID) (*presence.Domain, bool) {
	return &presence.Domain{Policy: h.policy}, true
}

func (h *house) DevicesOf(a presence.AgentID, _ time.Time) []*presence.Device {
	if a == h.agents[0].ID {
		return []*presence.Device{h.device}
	}
	return nil
}

func (h *house) Watch(f func(*presence.Snapshot)) func() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.watcher = f
	return func() { h.mu.Lock(); defer h.mu.Unlock(); h.watcher = nil }
}

func (h *house) Snapshot(a presence.AgentID) (*presence.Snapshot, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.evaluate(a), true
}

// evaluate is the agent's state now, by the real rules; mu is held.
func (h *house) evaluate(a presence.AgentID) *presence.Snapshot {
	f := h.facts[a]
	f.Sessions = slices.DeleteFunc(f.Sessions, func(s presence.Session) bool { // their grace is over
		return s.State == presence.SessionClosed && time.Since(s.Closed) >= h.policy.LabelGrace()
	})
	s := &presence.Snapshot{Agent: a, Version: h.version, Selected: f.Selected, Sessions: slices.Clone(f.Sessions)}
	s.Evaluation = status.Evaluate(*f, h.policy, time.Now())
	return s
}

func (h *house) Apply(a presence.AgentID, c roster.Change, done func(*presence.Snapshot, error)) {
	h.work <- func() { h.apply(a, c, done) }
}

func (h *house) apply(a presence.AgentID, c roster.Change, done func(*presence.Snapshot, error)) {
	h.mu.Lock()
	if h.fail > 0 {
		h.fail--
		h.mu.Unlock()
		done(nil, errNoDisk)
		return
	}
	f := h.facts[a]
	for _, op := range c.Ops {
		id, put := "", []presence.Session(nil)
		switch op := op.(type) {
		case roster.PutSession:
			id, put = op.ID, []presence.Session{op.Session}
		case roster.DropSession:
			id = op.ID
		case roster.Logout:
			f.Sessions = nil
		}
		f.Sessions = slices.DeleteFunc(f.Sessions, func(s presence.Session) bool { return s.ID == id })
		f.Sessions = append(f.Sessions, put...)
	}
	h.version++
	h.causes = append(h.causes, c.Cause)
	snap, watcher := h.evaluate(a), h.watcher
	h.mu.Unlock()
	if watcher != nil {
		watcher(snap)
	}
	if done != nil {
		done(snap, nil)
	}
}

// sessions are the facts of the first agent's webphones.
func (h *house) sessions() []presence.Session {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.evaluate(h.agents[0].ID).Sessions
}

// target: a call would ring the first agent's webphone.
func (h *house) target() bool {
	s, _ := h.Snapshot(h.agents[0].ID)
	return slices.ContainsFunc(s.Devices, func(d presence.DeviceState) bool {
		return d.Kind == presence.KindWebphone && d.Enabled && d.Reachable
	})
}

// label is what the team sees of the first agent.
func (h *house) label() presence.Status {
	s, _ := h.Snapshot(h.agents[0].ID)
	return s.Evaluation.Team.Status
}

func (h *house) lastCause() presence.Cause {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.causes) == 0 {
		return ""
	}
	return h.causes[len(h.causes)-1]
}
