package notifier

import (
	"context"
	"fmt"
	"time"

	"lamplight/presence"
	"lamplight/store"
)

// reload reads the stored subscriptions. Every one owes a NOTIFY, which is full
// state under a higher number than any before.
func (n *Notifier) reload(ctx context.Context) ([]*presentity, error) {
	texts := make(map[string]string) // entities: many watchers share one
	intern := func(b []byte) string {
		s, ok := texts[string(b)]
		if !ok {
			s = string(b)
			texts[s] = s
		}
		return s
	}
	now := stampOf(time.Now())
	var watched []*presentity
	count, lost := 0, 0
	err := n.store.Scan(ctx, space, func(r store.Record) error {
		if r.Domain != "" || stampOf(r.Expires) <= now {
			return nil
		}
		s, agent, err := n.fromRecord(r, intern)
		if err != nil || !s.startNumbers(n.boot) {
			n.log.Warn().Err(err).Str("key", r.Key.Key).Msg("stored subscription left out")
			lost++
			return nil
		}
		count++
		n.standAgain(s, agent)
		if p := n.restore(s, agent, now); p != nil {
			watched = append(watched, p)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("notifier: read subscriptions: %w", err)
	}
	if count+lost > 0 {
		n.log.Info().Int("subscriptions", count).Int("unreadable", lost).Msg("subscriptions reloaded")
	}
	return watched, nil
}

// restore puts a reloaded subscription in its places; it returns the presentity
// if it is the first there.
func (n *Notifier) restore(s *subscription, agent presence.AgentID, now stamp) *presentity {
	// Whether the watcher refreshed without a row is not known, also where the
	// stored time has not come yet: it is held until the padded expiry, and told
	// one period at most.
	s.until = max(s.until, min(s.stored-min(n.grace, s.stored), now+stamp(s.period)))
	p := n.people.open(agent)
	defer p.mu.Unlock()
	s.pres = p
	s.owed = true
	p.enlistLocked(s)
	p.addLocked(s)
	n.joinedLocked(s)
	n.tags.add(s)
	n.counts.restore(s.owner)
	if s.telling != nil {
		n.counts.takeList(n, s.owner, true)
	}
	n.metrics.subscriptions(n.packages[s.pkg].Name(), 1)
	n.scheduleLocked(s)
	if len(p.subs) == 1 {
		return p
	}
	return nil
}

// patience is how long the paced start waits for a socket.
const patience = 30 * time.Second

// reaches reports whether there is a socket to reach a datagram watcher by; a
// presentity without one needs none.
func (n *Notifier) reaches(ctx context.Context, p *presentity) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.subs {
		if s.transport == overUDP {
			_, err := n.flows.Flow(ctx, transportName(overUDP), s.remote)
			return err == nil
		}
	}
	return true
}

// resume tells restored watchers the state, so many NOTIFYs a second: lamps are
// right again without any phone doing anything, and the phones' answers do not
// come all at once.
func (n *Notifier) resume(ctx context.Context, watched []*presentity) {
	const step = 20 * time.Millisecond
	share := max(1, n.restartRate*int(step/time.Millisecond)/1000)
	t := time.NewTicker(step)
	defer t.Stop()
	begun := time.Now()
	ready, reviewed := false, false
	for len(watched) > 0 {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		// Sockets may be opened after us; what is told before would come back
		// all at once.
		if ready = ready || time.Since(begun) > patience || n.reaches(ctx, watched[0]); !ready {
			continue
		}
		if !reviewed { // who may watch no more is told so
			reviewed = true
			for _, p := range watched {
				n.reviewOne(p)
			}
		}
		for left := share; left > 0 && len(watched) > 0; watched = watched[1:] {
			p := watched[0]
			p.mu.Lock()
			left -= len(p.subs)
			p.mu.Unlock()
			n.mark(p)
		}
	}
}
