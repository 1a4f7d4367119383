package roster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lamplight/presence"
	"lamplight/store"
)

// Errors of Past, matched by errors.Is.
var (
	// ErrBeforeAgent: the agent was made later.
	ErrBeforeAgent = errors.New("roster: before the agent was made")
	// ErrForgotten: the change log does not reach back that far.
	ErrForgotten = errors.New("roster: beyond what the change log keeps")
)

// Labels are what an agent showed at one moment.
type Labels struct {
	Team presence.Label `json:"team"`
	Own  presence.Label `json:"own"`
}

// Past is what an agent showed at a moment of the past, as the change log has
// it. Every entry about a status has the labels before and after it, so that the
// nearest entry on either side of the moment is enough, however long ago that
// is: there are no snapshots in the log.
//
// While a server was down its agents showed what they did when it went. Agents
// that were deleted are known as long as their entries are kept; one nothing
// was ever heard of is known only while the directory has it.
func (r *Roster) Past(ctx context.Context, dom presence.DomainID, id presence.AgentID, at time.Time) (Labels, error) {
	if at.Before(r.birth(id)) {
		return Labels{}, ErrBeforeAgent
	}
	// Read before the log: what changes meanwhile is in the log then.
	now, known := r.Snapshot(id)
	q := store.LogQuery{Domain: dom.String(), Kind: kindStatus, Entity: id.String(), Limit: 1}
	last := q
	last.Until, last.Newest = at, true
	switch e, err := r.oneEntry(ctx, last); {
	case err != nil:
		return Labels{}, err
	case e != nil:
		return readLabels(e.After)
	}
	if err := r.reaches(ctx, at); err != nil {
		return Labels{}, err
	}
	e, err := r.oneEntry(ctx, q)
	switch {
	case err != nil:
		return Labels{}, err
	case e != nil:
		return readLabels(e.Before)
	case !known:
		return Labels{}, ErrUnknown
	}
	return Labels{Team: now.Team.Label, Own: now.Own.Label}, nil
}

// reaches is ErrForgotten if entries from after the moment have been removed
// from the log: the first one that is left is then younger, and not the first
// there was.
func (r *Roster) reaches(ctx context.Context, at time.Time) error {
	first, err := r.oneEntry(ctx, store.LogQuery{Limit: 1})
	if err == nil && first != nil && first.Seq > 1 && first.Time.After(at) {
		err = ErrForgotten
	}
	return err
}

// oneEntry is the first entry the query selects, nil if there is none.
func (r *Roster) oneEntry(ctx context.Context, q store.LogQuery) (*store.Entry, error) {
	es, err := r.store.Log(ctx, q)
	if err != nil {
		return nil, fmt.Errorf("roster: reading what was shown: %w", err)
	}
	if len(es) == 0 {
		return nil, nil
	}
	return &es[0], nil
}

func readLabels(data []byte) (l Labels, err error) {
	if err = json.Unmarshal(data, &l); err != nil {
		err = fmt.Errorf("roster: reading what was shown: %w", err)
	}
	return l, err
}
