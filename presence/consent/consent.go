// Package consent remembers whom an agent, or a supervisor for him, allowed or
// refused to watch him, where the domain's rules leave it to them.
//
// # Guarantees
//
//   - A decision is durable when Decide returns without an error, and readers
//     see it then, not before.
//   - There is one decision for a pair of watcher and watched; a later one takes
//     its place. It outlives restarts and ends with either agent.
//   - At most MaxPerAgent decisions are kept about one agent.
//   - Listeners hear of decisions in the order they were made.
package consent

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/store"
)

// MaxPerAgent bounds the decisions about one agent.
const MaxPerAgent = 10_000

// ErrFull says that MaxPerAgent watchers were decided about.
var ErrFull = errors.New("consent: too many decisions about one agent")

// Watcher is who watches: an agent with whatever device, or a peer by its name.
type Watcher struct {
	Agent presence.AgentID `json:"agent,omitzero"`
	Peer  string           `json:"peer,omitempty"`
}

func (w Watcher) text() string {
	if w.Peer != "" {
		return "peer:" + w.Peer
	}
	return w.Agent.String()
}

// Decision is the answer about one watcher.
type Decision struct {
	Domain presence.DomainID `json:"domain"`
	Of     presence.AgentID  `json:"of"`
	By     Watcher           `json:"by"`
	Allow  bool              `json:"allow"`
	Actor  string            `json:"actor"` // who decided, as in the change log
	Cause  presence.Cause    `json:"cause,omitempty"`
	At     time.Time         `json:"at"`
}

// Consents is safe for concurrent use.
type Consents struct {
	store store.Store
	node  string

	edit      sync.Mutex       // serialises Decide
	listeners []func(Decision) // guarded by edit

	mu  sync.RWMutex
	all map[presence.AgentID]map[Watcher]Decision // by the watched; guarded by mu
}

const (
	space = "watch-consent"
	codec = 1 // JSON
)

// Open reads the decisions. ctx bounds the reading.
func Open(ctx context.Context, st store.Store, d *directory.Directory, node string, log zerolog.Logger) (*Consents, error) {
	c := &Consents{store: st, node: node, all: make(map[presence.AgentID]map[Watcher]Decision)}
	err := st.Scan(ctx, space, func(r store.Record) error {
		var v Decision
		if err := json.Unmarshal(r.Data, &v); err != nil || r.Codec != codec {
			// Who waits is asked for again, which shows nobody anything.
			log.Warn().Err(err).Int("codec", int(r.Codec)).Str("key", r.Key.Key).Msg("stored decision about a watcher left out")
			return nil
		}
		c.putLocked(v)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("consent: read decisions: %w", err)
	}
	d.OnChange(func(e directory.Edit) {
		for _, a := range e.DeleteAgents {
			c.drop(a)
		}
	})
	return c, nil
}

// OnChange calls f after every decision. f must not call Decide.
func (c *Consents) OnChange(f func(Decision)) {
	c.edit.Lock()
	defer c.edit.Unlock()
	c.listeners = append(c.listeners, f)
}

// Verdict is what was decided about a watcher, if anything was.
func (c *Consents) Verdict(of presence.AgentID, w Watcher) (allow, decided bool) {
	c.mu.RLock()
	v, ok := c.all[of][w]
	c.mu.RUnlock()
	return v.Allow, ok
}

// Of lists the decisions about an agent, by their time.
func (c *Consents) Of(of presence.AgentID) []Decision {
	c.mu.RLock()
	defer c.mu.RUnlock()
	out := make([]Decision, 0, len(c.all[of]))
	for _, v := range c.all[of] {
		out = append(out, v)
	}
	slices.SortFunc(out, func(a, b Decision) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.By.text(), b.By.text()))
	})
	return out
}

// Decide keeps a decision and tells the listeners. Deciding what is decided
// already writes nothing.
func (c *Consents) Decide(ctx context.Context, v Decision) error {
	c.edit.Lock()
	defer c.edit.Unlock()
	c.mu.RLock()
	old, known := c.all[v.Of][v.By]
	full := !known && len(c.all[v.Of]) >= MaxPerAgent
	c.mu.RUnlock()
	switch {
	case known && old.Allow == v.Allow:
		return nil
	case full:
		return ErrFull
	}
	if v.At.IsZero() {
		v.At = time.Now().UTC()
	}
	b, err := c.batch(v, known, old)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	// Once queued it commits whatever becomes of ctx, and readers must then see it.
	if err := c.store.Commit(context.WithoutCancel(ctx), b); err != nil {
		return fmt.Errorf("consent: decision about %s: %w", v.Of, err)
	}
	c.mu.Lock()
	c.putLocked(v)
	c.mu.Unlock()
	for _, f := range c.listeners {
		f(v)
	}
	return nil
}

// batch is the row of a decision and its line in the change log.
func (c *Consents) batch(v Decision, known bool, old Decision) (store.Batch, error) {
	after, err := json.Marshal(v)
	if err != nil {
		return store.Batch{}, err
	}
	entry := store.Entry{Domain: v.Domain.String(), Time: v.At, Node: c.node, Actor: v.Actor, Cause: string(v.Cause),
		Kind: "watch-consent", Entity: v.Of.String(), After: after}
	if known {
		if entry.Before, err = json.Marshal(old); err != nil {
			return store.Batch{}, err
		}
	}
	r := store.Record{Key: key(v), Codec: codec, Data: after}
	return store.Batch{Writes: []store.Write{store.Put(r)}, Log: []store.Entry{entry}}, nil
}

func key(v Decision) store.Key {
	return store.Key{Domain: v.Domain.String(), Space: space, Key: v.Of.String() + "/" + v.By.text()}
}

func (c *Consents) putLocked(v Decision) {
	of := c.all[v.Of]
	if of == nil {
		of = make(map[Watcher]Decision)
		c.all[v.Of] = of
	}
	of[v.By] = v
}

// drop forgets what concerns a deleted agent. Nobody waits for it: ids are never
// given again, so what is left after a failure decides nothing.
func (c *Consents) drop(a presence.AgentID) {
	var b store.Batch
	c.mu.Lock()
	for of, list := range c.all {
		for by, v := range list {
			if of == a || by.Agent == a {
				b.Writes = append(b.Writes, store.Delete(key(v)))
				delete(list, by)
			}
		}
		if len(list) == 0 {
			delete(c.all, of)
		}
	}
	c.mu.Unlock()
	if len(b.Writes) > 0 {
		c.store.Submit(b, func(error) {})
	}
}
