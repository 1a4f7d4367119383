package registrar

import (
	"context"
	"errors"
	"fmt"
	"time"

	"lamplight/presence"
)

// ErrNoBinding says that the agent has no binding of that id.
var ErrNoBinding = errors.New("registrar: no such binding")

// Remove ends a binding in an administrator's name and waits for the commit. The
// device may register again; watchers of package reg are told that it should.
func (r *Registrar) Remove(ctx context.Context, agent presence.AgentID, id, actor string) error {
	outcome := make(chan error, 1)
	s := r.shard(agent)
	s.mu.Lock()
	if s.agents[agent] == nil {
		s.mu.Unlock()
		return ErrNoBinding
	}
	s.enqueueLocked(agent, job{event: func(rec *record, _ time.Time) *change {
		for _, b := range rec.bindings {
			if b.ID == id {
				c := without(rec, []*Binding{b}, presence.CauseAPI)
				c.actor, c.then = actor, func(err error) { outcome <- err }
				return c
			}
		}
		outcome <- ErrNoBinding
		return nil
	}}, time.Now())
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
		return fmt.Errorf("registrar: remove binding: %w", ctx.Err())
	}
}
