package roster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"lamplight/presence"
	"lamplight/presence/status"
	"lamplight/store"
)

// spaceBoot counts the starts of each node.
const spaceBoot = "boot"

type bootRecord struct {
	Boot  uint32    `json:"boot"`
	First time.Time `json:"first"`
}

// countBoot commits the number of this start, before anything is numbered by it.
func (r *Roster) countBoot(ctx context.Context) error {
	key := store.Key{Space: spaceBoot, Key: r.node}
	b := bootRecord{First: r.opened.UTC()}
	rec, err := r.store.Get(ctx, key)
	switch {
	case err == nil:
		if err := json.Unmarshal(rec.Data, &b); err != nil {
			return fmt.Errorf("roster: boot record of %s: %w", r.node, err)
		}
	case !errors.Is(err, store.ErrNotFound):
		return fmt.Errorf("roster: reading the boot number: %w", err)
	}
	b.Boot++
	w := store.Put(store.Record{Key: key, Codec: 1, Data: encode(b)})
	w.If = rec.Rev
	if err := r.store.Commit(ctx, store.Batch{Writes: []store.Write{w}}); err != nil {
		return fmt.Errorf("roster: committing boot number %d: %w", b.Boot, err)
	}
	r.boot, r.first = b.Boot, b.First
	return nil
}

// restore reads back what was kept. The shards do not run yet.
func (r *Roster) restore(ctx context.Context) error {
	var orphans []store.Write
	err := r.store.Scan(ctx, spaceState, func(rec store.Record) error {
		id, err := presence.ParseID(rec.Key.Key)
		if err != nil {
			return err
		}
		k, err := readState(rec)
		if err != nil {
			return fmt.Errorf("roster: state of agent %s: %w", rec.Key.Key, err)
		}
		agent, ok := r.dir.Agent(presence.AgentID{ID: id})
		if !ok {
			orphans = append(orphans, store.Delete(rec.Key))
			return nil
		}
		s := r.shard(agent.ID)
		a := r.newActor(agent, k, 0)
		s.mu.Lock()
		s.actors[a.id] = a
		s.mu.Unlock()
		s.schedule(a)
		return nil
	})
	if err != nil {
		return fmt.Errorf("roster: reading the agents' state: %w", err)
	}
	if len(orphans) > 0 {
		if err := r.store.Commit(ctx, store.Batch{Writes: orphans}); err != nil {
			return fmt.Errorf("roster: clearing away the state of deleted agents: %w", err)
		}
	}
	return nil
}

// resumed sets a new actor up from what was kept of it.
func (r *Roster) resumed(a *actor, k *kept, now time.Time) {
	p := r.policy(a.domain)
	a.written = *k
	a.facts.Selected = k.selected
	if k.options != nil && k.base == settingsSum(&a.agent.Settings) {
		a.options, a.base = k.options, k.base
		a.facts.Settings = *k.options
	}
	if k.wrapUp != nil && (k.wrapUp.Until.IsZero() || now.Before(k.wrapUp.Until)) {
		a.facts.WrapUp = k.wrapUp
	}
	if sel, ended := status.Expire(k.selected, *p, now); ended {
		a.facts.Selected = sel
	}
	if k.webphone && r.resume > 0 {
		a.facts.Sessions = []presence.Session{{
			ID: resumeID, State: presence.SessionClosed, Mic: presence.MicGranted, MicProven: true,
			// So that the grace ends when the time to resume does.
			Closed: r.opened.Add(r.resume - p.LabelGrace()),
		}}
	}
	ev := status.Evaluate(a.facts, *p, now)
	team, own, byRestart := a.resumedViews(k, ev, *p, now)
	a.show(r.boot, now, ev, team, own)
	switch want := a.want(); {
	case r.resume > 0 && (byRestart || len(a.facts.Sessions) > 0):
		a.hold = k
	case !want.same(&a.written):
		a.retry = now // time has passed while nobody was there to write it
	}
}

// resumedViews are the kept ones where the label is still the same. Where it is
// not, either time was over meanwhile, or the restart itself is why.
func (a *actor) resumedViews(k *kept, ev presence.Evaluation, p presence.Policy, now time.Time) (team, own presence.View, byRestart bool) {
	prev := &presence.Snapshot{Team: k.team, Own: k.own, Selected: k.selected, WrapUp: k.wrapUp}
	prev.Chosen = ev.Chosen
	if name, custom := k.selected.Status.Custom(); custom {
		prev.Chosen = presence.Label{Status: presence.StatusCustom, Custom: name}
	}
	view := func(was presence.View, is presence.Label) presence.View {
		if was.Label == is {
			return was
		}
		v := presence.View{Label: is, Since: now, Cause: status.CauseOf(prev, ev, a.facts, p, now, was.Label, is)}
		switch v.Cause {
		case presence.CauseWrapUpExpired:
			v.Since = k.wrapUp.Until
		case presence.CauseCustomExpired:
			v.Since = a.facts.Selected.At
		default:
			v.Cause = presence.CauseRestart
			byRestart = true
		}
		return v
	}
	team, own = view(k.team, ev.Team), view(k.own, ev.Own)
	return team, own, byRestart
}
