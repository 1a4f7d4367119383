package calls

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"sync/atomic"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/store"
)

const (
	// space is the kind of record a call is stored as.
	space = "call"
	// codec is the version of its encoding.
	codec = 1
)

func (k *kept) rowKey() store.Key {
	h := fnv.New128a()
	h.Write([]byte(k.key()))
	return store.Key{Domain: k.Domain.String(), Space: space, Key: fmt.Sprintf("%x", h.Sum(nil))}
}

// until is when a call ends that nothing more is heard of.
func (k *kept) until(now time.Time) time.Time {
	for _, s := range k.sides() {
		if !s.Leg.Expires.IsZero() {
			return s.Leg.Expires
		}
	}
	return now.Add(k.Cap)
}

// limitLocked ends the call then, unless it is refreshed.
func (c *Call) limitLocked(at time.Time) {
	if c.limit != nil {
		c.limit.Stop()
	}
	c.limit = time.AfterFunc(time.Until(at), func() { c.lost(presence.CauseFactExpired) })
}

// row stores the call as long as it may last.
func (k *kept) row(node string, until time.Time) (store.Write, error) {
	data, err := json.Marshal(k)
	if err != nil {
		return store.Write{}, fmt.Errorf("calls: encode call %s: %w", k.CallID, err)
	}
	return store.Put(store.Record{Key: k.rowKey(), Owner: node, Expires: until, Codec: codec, Data: data}), nil
}

// read is row's inverse.
func (k *kept) read(r store.Record) error {
	if r.Codec != codec {
		return fmt.Errorf("calls: call %s has encoding %d, known is %d", r.Key.Key, r.Codec, codec)
	}
	var got kept
	if err := json.Unmarshal(r.Data, &got); err != nil {
		return fmt.Errorf("calls: decode call %s: %w", r.Key.Key, err)
	}
	*k = got
	return nil
}

// putAllLocked tells the roster of every leg, stores the call with the first, and
// calls then when all of that is durable or has failed.
func (c *Call) putAllLocked(cause presence.Cause, then func()) {
	var writes []store.Write
	until := c.kept.until(time.Now())
	c.limitLocked(until)
	if w, err := c.kept.row(c.t.o.Node, until); err == nil {
		writes = append(writes, w)
	} else {
		c.t.o.Log.Error().Err(err).Str("call_id", c.kept.CallID).Msg("call is not kept over a restart")
	}
	c.eachLocked(cause, func(s *side) roster.Op { return roster.PutLeg{Leg: s.Leg} }, writes, then)
}

// eachLocked applies an operation to every side, the writes with the first, and
// calls then when all is durable or has failed.
func (c *Call) eachLocked(cause presence.Cause, op func(*side) roster.Op, writes []store.Write, then func()) {
	sides := c.kept.sides()
	if len(sides) == 0 {
		then()
		return
	}
	var left atomic.Int32
	left.Store(int32(len(sides)))
	for _, s := range sides {
		c.applyLocked(cause, s, op(s), func() {
			if left.Add(-1) == 0 {
				then()
			}
		}, writes...)
		writes = nil
	}
}

// endLocked ends the legs and forgets the call; then as with putAllLocked.
func (c *Call) endLocked(cause presence.Cause, then func()) {
	c.ended = true
	if c.limit != nil {
		c.limit.Stop()
	}
	c.t.drop(c)
	c.partLocked(cause)
	var writes []store.Write
	if c.answered {
		writes = append(writes, store.Delete(c.kept.rowKey()))
	}
	if len(c.kept.sides()) == 0 && len(writes) > 0 { // of a call that a voicemail took
		c.t.o.Store.Submit(store.Batch{Writes: writes}, func(error) { then() })
		return
	}
	c.eachLocked(cause, func(s *side) roster.Op { return roster.EndLeg{ID: s.Leg.ID} }, writes, then)
}

// applyLocked hands one leg's change to the roster. The order of a call's changes
// is that of the calls to it. done, which may be nil, is called when the change is
// durable or has failed, perhaps at once; it must not lock the call.
func (c *Call) applyLocked(cause presence.Cause, s *side, op roster.Op, done func(), writes ...store.Write) {
	log, id, agent := c.t.o.Log, c.kept.CallID, s.Agent
	ch := roster.Change{Cause: cause, Actor: "system", Ops: []roster.Op{op}, Writes: writes, Later: done == nil}
	c.t.o.Roster.Apply(agent, ch, func(_ *presence.Snapshot, err error) {
		if err != nil && !errors.Is(err, roster.ErrUnknown) && !errors.Is(err, roster.ErrClosed) {
			log.Error().Err(err).Str("call_id", id).Stringer("agent", agent).Msg("leg of a call could not be applied")
		}
		if done != nil {
			done()
		}
	})
}

// restoreAhead is how many legs the roster is told of before it has answered for
// the first.
const restoreAhead = 256

// receipts bounds what is under way and waits for the rest.
type receipts chan struct{}

func newReceipts(most int) receipts { return make(receipts, most) }

func (r receipts) take(ctx context.Context) error {
	select {
	case r <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (r receipts) give() { <-r }

// wait returns when everything that was taken has been given.
func (r receipts) wait(ctx context.Context) error {
	for range cap(r) {
		if err := r.take(ctx); err != nil {
			return err
		}
	}
	return nil
}
