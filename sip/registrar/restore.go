package registrar

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/store"
)

// restoreAhead is how many agents the roster is told of before it has answered
// for the first: fewer than what one of its shards, or the store, lets wait.
// writeAtOnce is how many rows one commit changes.
const (
	restoreAhead = 1024
	writeAtOnce  = 1000
)

// restore reads the bindings back and tells the roster. It returns those that
// have to be asked whether they are still there.
func (r *Registrar) restore(ctx context.Context) ([]*Binding, error) {
	now := time.Now()
	var rows []store.Write
	var ask, moved []*Binding
	err := r.o.Store.Scan(ctx, space, func(rec store.Record) error {
		b, at := r.readBack(rec, now)
		switch {
		case b == nil:
		case at == (place{}):
			rows = append(rows, store.Delete(rec.Key))
		case at.agent != b.Agent || at.aor != b.AOR:
			moved = append(moved, b.at(at))
		default:
			r.adopt(b)
			ask = append(ask, b)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("registrar: read bindings: %w", err)
	}
	// Those of devices that changed hands while we were down, or just before.
	for _, b := range moved {
		if rec := r.shard(b.Agent).agents[b.Agent]; rec != nil && replaced(rec, b) {
			rows = append(rows, store.Delete(b.key()))
			continue
		}
		w, err := b.row(r.o.Node)
		if err != nil {
			return nil, err
		}
		rows = append(rows, w)
		r.adopt(b)
		ask = append(ask, b)
	}
	for len(rows) > 0 {
		n := min(len(rows), writeAtOnce)
		if err := r.o.Store.Commit(ctx, store.Batch{Writes: rows[:n:n]}); err != nil {
			return nil, fmt.Errorf("registrar: write bindings that ended or moved: %w", err)
		}
		rows = rows[n:]
	}
	ask = slices.DeleteFunc(ask, func(b *Binding) bool { return b.Transport != udp })
	return ask, r.tellRoster(ctx)
}

// readBack reads a row: nil if it cannot be read, no place if it holds no more.
func (r *Registrar) readBack(rec store.Record, now time.Time) (b *Binding, at place) {
	b, err := decode(rec)
	if err != nil {
		// Left alone: a newer version may know how to read it.
		r.o.Log.Error().Err(err).Msg("binding left out")
		return nil, place{}
	}
	if !b.Stored.After(now) || b.Transport != udp && !b.Push {
		return b, place{}
	}
	at, ok := r.home(b, now)
	if !ok {
		return b, place{}
	}
	return b, at
}

// adopt takes a binding as it was stored. How far beyond the device's own end
// the stored one lies is not known: a refresh that wrote nothing may have used
// all of it.
func (r *Registrar) adopt(b *Binding) {
	b.end = b.Stored
	b.Expires = b.Stored.Add(-r.limits().grace(b.Grant))
	// A mobile that can be woken is taken to be asleep until it is heard.
	b.Restored, b.Dead = true, b.Transport != udp || b.Push
	s := r.shard(b.Agent)
	s.mu.Lock()
	defer s.mu.Unlock()
	rec := s.agents[b.Agent]
	if rec == nil {
		rec = &record{}
		s.agents[b.Agent] = rec
	}
	rec.bindings = append(rec.bindings, b)
	s.scheduleLocked(b)
}

// restorePause is how long an agent waits whom roster or store had no room for.
const restorePause = 50 * time.Millisecond

// tellRoster applies every restored binding as a fact, again and again where
// there was no room for it. Any other failure is that of the start.
func (r *Registrar) tellRoster(ctx context.Context) error {
	var agents []presence.AgentID
	for _, s := range r.shards {
		for agent, rec := range s.agents { // nobody else knows the shard yet
			if !rec.bindings[0].unheld() {
				agents = append(agents, agent)
			}
		}
	}
	for {
		crowded, err := r.tell(ctx, agents)
		switch {
		case err != nil:
			return fmt.Errorf("registrar: restore: %w", err)
		case len(crowded) == 0:
			return nil
		}
		agents = crowded
		select {
		case <-time.After(restorePause):
		case <-ctx.Done():
			return fmt.Errorf("registrar: restore: %w", ctx.Err())
		}
	}
}

// tell applies the bindings of these agents and waits. It returns those there
// was no room for, and the first other failure.
func (r *Registrar) tell(ctx context.Context, agents []presence.AgentID) (crowded []presence.AgentID, failed error) {
	var mu sync.Mutex // guards the results
	var pending sync.WaitGroup
	room := make(chan struct{}, restoreAhead)
	for _, agent := range agents {
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			pending.Wait()
			return nil, ctx.Err()
		}
		pending.Add(1)
		c := roster.Change{Cause: presence.CauseRestart, Actor: "system", Ops: r.restoreOps(agent)}
		r.o.Roster.Apply(agent, c, func(_ *presence.Snapshot, err error) {
			mu.Lock()
			switch {
			case errors.Is(err, store.ErrFull) || errors.Is(err, roster.ErrBusy):
				crowded = append(crowded, agent)
			case failed == nil:
				failed = err
			}
			mu.Unlock()
			<-room
			pending.Done()
		})
	}
	pending.Wait()
	return crowded, failed
}

func (r *Registrar) restoreOps(agent presence.AgentID) []roster.Op {
	bindings := r.shard(agent).agents[agent].bindings
	ops := make([]roster.Op, 0, len(bindings))
	for _, b := range bindings {
		if !b.first(bindings) {
			continue
		}
		ops = append(ops, roster.PutRegistration{Registration: b.registration(r.kind(b))})
	}
	return ops
}
