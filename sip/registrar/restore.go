package registrar

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/store"
)

// restoreAhead is how many agents the roster is told of before it has answered
// for the first; deleteAtOnce how many rows one commit removes.
const (
	restoreAhead = 1024
	deleteAtOnce = 1000
)

// restore reads the bindings back and tells the roster. It returns those that
// have to be asked whether they are still there.
func (r *Registrar) restore(ctx context.Context) ([]*Binding, error) {
	now := time.Now()
	var stale []store.Write
	var ask []*Binding
	err := r.o.Store.Scan(ctx, space, func(rec store.Record) error {
		b, err := decode(rec)
		switch {
		case err != nil:
			// Left alone: a newer version may know how to read it.
			r.o.Log.Error().Err(err).Msg("binding left out")
		case !b.Stored.After(now) || b.Transport != udp && !b.Push || !r.allowed(b, now):
			stale = append(stale, store.Delete(rec.Key))
		default:
			r.adopt(b)
			if b.Transport == udp {
				ask = append(ask, b)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("registrar: read bindings: %w", err)
	}
	for len(stale) > 0 {
		n := min(len(stale), deleteAtOnce)
		if err := r.o.Store.Commit(ctx, store.Batch{Writes: stale[:n:n]}); err != nil {
			return nil, fmt.Errorf("registrar: remove ended bindings: %w", err)
		}
		stale = stale[n:]
	}
	return ask, r.tellRoster(ctx)
}

// adopt takes a binding as it was stored. How far beyond the device's own end
// the stored one lies is not known: a refresh that wrote nothing may have used
// all of it.
func (r *Registrar) adopt(b *Binding) {
	b.end = b.Stored
	b.Expires = b.Stored.Add(-r.o.grace(b.Grant))
	b.Restored, b.Dead = true, b.Transport != udp
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

// tellRoster applies every restored binding as a fact.
func (r *Registrar) tellRoster(ctx context.Context) error {
	var mu sync.Mutex
	var failed error
	var pending sync.WaitGroup
	room := make(chan struct{}, restoreAhead)
	for _, s := range r.shards {
		for agent, rec := range s.agents { // nobody else knows the shard yet
			ops := make([]roster.Op, 0, len(rec.bindings))
			for _, b := range rec.bindings {
				ops = append(ops, roster.PutRegistration{Registration: b.registration(r.kind(b))})
			}
			select {
			case room <- struct{}{}:
			case <-ctx.Done():
				pending.Wait()
				return fmt.Errorf("registrar: restore: %w", ctx.Err())
			}
			pending.Add(1)
			r.o.Roster.Apply(agent, roster.Change{Cause: presence.CauseRestart, Actor: "system", Ops: ops}, func(_ *presence.Snapshot, err error) {
				if err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
				}
				<-room
				pending.Done()
			})
		}
	}
	pending.Wait()
	if failed != nil {
		return fmt.Errorf("registrar: restore: %w", failed)
	}
	return nil
}
