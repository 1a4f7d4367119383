package publisher

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/store"
)

const (
	// space is the kind of record a publication at an upstream is stored as.
	space = "upstream-publication"
	// codec is the version of the encoding below.
	codec = 1

	// Tags of so long are written together, so many at once at most.
	gather   = 5 * time.Millisecond
	maxBatch = 500
)

// row is a publication as stored. It outlives the publication upstream, for the
// version of its documents, and ends with the agent.
type row struct {
	Entity  string    `json:"entity"`
	Tag     string    `json:"tag,omitempty"`
	Until   time.Time `json:"until,omitzero"`
	Version uint32    `json:"version,omitempty"`
	Firsts  uint32    `json:"firsts,omitempty"`
	Told    []rowTold `json:"told,omitempty"`
}

// rowTold is a dialog the upstream was told of.
type rowTold struct {
	ID        string `json:"id"`
	CallID    string `json:"call_id,omitempty"`
	LocalTag  string `json:"local_tag,omitempty"`
	RemoteTag string `json:"remote_tag,omitempty"`
	Direction string `json:"direction,omitempty"`
}

func (u *upstream) key(p *publication) store.Key {
	return store.Key{Domain: p.domain.String(), Space: space, Key: u.identity + "/" + p.id.kind.event() + "/" + p.id.agent.String()}
}

// saveLocked has the publication stored as it stands.
func (u *upstream) saveLocked(p *publication) {
	r := row{Entity: p.entity, Tag: p.tag, Until: p.until.UTC(), Version: p.version, Firsts: p.firsts}
	if p.tag == "" {
		r.Until = time.Time{}
	}
	for i := range p.told {
		d := &p.told[i]
		r.Told = append(r.Told, rowTold{d.ID, d.CallID, d.LocalTag, d.RemoteTag, d.Direction})
	}
	data, err := json.Marshal(&r)
	if err != nil { // strings and numbers: it cannot fail
		u.p.log.Error().Err(err).Str("entity", p.entity).Msg("publication could not be encoded")
		return
	}
	version := p.version
	u.p.ledger.put(store.Put(store.Record{Key: u.key(p), Owner: u.p.o.Node, Codec: codec, Data: data}), func() {
		u.mu.Lock()
		p.durable = max(p.durable, version)
		u.mu.Unlock()
	})
}

// branchKey reads the key of the branches, made at the first start.
func branchKey(ctx context.Context, st store.Store) ([]byte, error) {
	k := store.Key{Space: "upstream", Key: "branch-key"}
	rec, err := st.Get(ctx, k)
	if err == nil && len(rec.Data) >= 16 {
		return rec.Data, nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("publisher: read key: %w", err)
	}
	key := make([]byte, 32)
	rand.Read(key)
	if err := st.Commit(ctx, store.Batch{Writes: []store.Write{store.Put(store.Record{Key: k, Codec: codec, Data: key})}}); err != nil {
		return nil, fmt.Errorf("publisher: store key: %w", err)
	}
	return key, nil
}

// restore reads what was published before the restart.
func (p *Publisher) restore(ctx context.Context) error {
	by := make(map[string]*upstream)
	for _, u := range p.all() {
		by[u.identity] = u
	}
	count, foreign := 0, 0
	err := p.o.Store.Scan(ctx, space, func(rec store.Record) error {
		identity, rest, _ := strings.Cut(rec.Key.Key, "/")
		u := by[identity]
		if u == nil { // out of the configuration: what it has of us expires there
			foreign++
			p.ledger.put(store.Delete(rec.Key), nil)
			return nil
		}
		if err := u.restoreOne(rec, rest); err != nil {
			p.noise.Warn().Err(err).Msg("stored publication left out")
			p.ledger.put(store.Delete(rec.Key), nil)
			return nil
		}
		count++
		return nil
	})
	if err != nil {
		return fmt.Errorf("publisher: read publications: %w", err)
	}
	if count+foreign > 0 {
		p.log.Info().Int("publications", count).Int("of_former_upstreams", foreign).Msg("publications at upstreams reloaded")
	}
	return nil
}

// restoreOne takes in one row; rest of its key is event/agent.
func (u *upstream) restoreOne(rec store.Record, rest string) error {
	event, agent, _ := strings.Cut(rest, "/")
	id, err := presence.ParseID(agent)
	if err != nil || event != Dialog && event != Presence || rec.Codec != codec {
		return fmt.Errorf("publication %q, codec %d: unreadable", rec.Key.Key, rec.Codec)
	}
	dom, err := presence.ParseID(rec.Domain)
	if err != nil {
		return fmt.Errorf("publication %q: %w", rec.Key.Key, err)
	}
	var r row
	if err := json.Unmarshal(rec.Data, &r); err != nil {
		return fmt.Errorf("publication %q: %w", rec.Key.Key, err)
	}
	p := u.openLocked(pubID{presence.AgentID{ID: id}, kindOf(event)}, presence.DomainID{ID: dom})
	p.entity, p.firsts = r.Entity, r.Firsts
	if r.Tag != "" {
		u.taggedLocked(p, r.Tag, r.Until)
	}
	// Documents that were sent and not stored go up to here; see maxAhead.
	p.version = max(p.version, r.Version+maxAhead+1)
	p.durable = p.version
	p.shaky = true // the row may be older than what the upstream has
	p.over = p.id.kind == dialogs && p.tag != "" && len(r.Told) == 0
	for _, d := range r.Told {
		p.told = append(p.told, presence.DialogState{ID: d.ID, CallID: d.CallID, LocalTag: d.LocalTag, RemoteTag: d.RemoteTag, Direction: d.Direction})
	}
	return nil
}

// ledger writes rows behind the upstreams' backs: the newest of each key, many
// in one batch.
type ledger struct {
	store store.Store
	log   zerolog.Logger
	some  chan struct{} // capacity 1

	mu    sync.Mutex
	dirty map[store.Key]entry // guarded by mu; one a publication at most
}

type entry struct {
	write  store.Write
	stored func() // may be nil
}

func newLedger(st store.Store, log zerolog.Logger) *ledger {
	return &ledger{
		store: st, log: log.Sample(&zerolog.BurstSampler{Burst: 1, Period: time.Second}),
		some: make(chan struct{}, 1), dirty: make(map[store.Key]entry),
	}
}

// put has the write done soon, unless a newer one of its key takes its place.
func (l *ledger) put(w store.Write, stored func()) {
	l.mu.Lock()
	l.dirty[w.Key] = entry{w, stored}
	l.mu.Unlock()
	select {
	case l.some <- struct{}{}:
	default:
	}
}

// run writes until ctx ends.
func (l *ledger) run(ctx context.Context) {
	wait := time.NewTimer(time.Hour)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.some:
		}
		pause := gather
		for pause > 0 {
			wait.Reset(pause)
			select {
			case <-ctx.Done():
				return
			case <-wait.C:
			}
			pause = 0
			if err := l.flush(); err != nil {
				l.log.Error().Err(err).Msg("entity tags of upstreams not stored, trying on")
				pause = time.Second
			}
		}
	}
}

// flush writes what is waiting. It is called by one goroutine at a time.
func (l *ledger) flush() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for {
		batch := l.take()
		if len(batch) == 0 {
			return nil
		}
		var b store.Batch
		for _, e := range batch {
			b.Writes = append(b.Writes, e.write)
		}
		if err := l.store.Commit(ctx, b); err != nil {
			l.giveBack(batch)
			return err
		}
		for _, e := range batch {
			if e.stored != nil {
				e.stored()
			}
		}
	}
}

func (l *ledger) take() (batch []entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, e := range l.dirty {
		if len(batch) == maxBatch {
			break
		}
		batch = append(batch, e)
		delete(l.dirty, k)
	}
	return batch
}

// giveBack keeps what was not written, where nothing newer came.
func (l *ledger) giveBack(batch []entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range batch {
		if _, newer := l.dirty[e.write.Key]; !newer {
			l.dirty[e.write.Key] = e
		}
	}
}
