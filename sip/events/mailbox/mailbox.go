package mailbox

import (
	"context"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/events/clock"
	"lamplight/sip/events/worklist"
	"lamplight/sip/peers"
	"lamplight/store"
)

// Mailboxes is safe for concurrent use.
type Mailboxes struct {
	o                                      Options
	minExpires, maxExpires, defaultExpires int // seconds

	peers    atomic.Pointer[peers.Table]
	onChange atomic.Pointer[func(presence.AgentID)]
	seed     maphash.Seed // of the numbers of summaries
	work     *worklist.List[func()]
	metrics  *metrics

	mu    sync.RWMutex
	boxes map[presence.AgentID]*box // mu guards it
	tags  map[uint64]*box           // by publication; mu guards it
	// clock rings for publications that may have expired.
	clock *clock.Clock[uint64]

	running sync.WaitGroup
	cancel  context.CancelFunc
}

// Open reads the mailboxes. ctx bounds the reading.
func Open(ctx context.Context, o Options, t peers.Table) (*Mailboxes, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	m := &Mailboxes{
		o: o, minExpires: seconds(o.MinExpires), maxExpires: seconds(o.MaxExpires), defaultExpires: seconds(o.DefaultExpires),
		seed: maphash.MakeSeed(), work: worklist.New[func()](), metrics: newMetrics(o.Metrics),
		boxes: make(map[presence.AgentID]*box), tags: make(map[uint64]*box), clock: clock.New[uint64](),
	}
	m.peers.Store(&t)
	if err := m.reload(ctx); err != nil {
		return nil, err
	}
	life, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	m.running.Go(func() { m.work.Work(func(f func()) { f() }) })
	m.running.Go(func() { m.clock.Run(life, m.expire) })
	o.Directory.OnChange(func(e directory.Edit) {
		if life.Err() == nil {
			m.adopted(e.Agents)
		}
		for _, id := range e.DeleteAgents {
			if b := m.find(id); b != nil && life.Err() == nil {
				m.enqueue(b, job{apply: forget, done: m.logged(b)})
			}
		}
	})
	return m, nil
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// reload reads what is stored. Publications that expired meanwhile end at the
// first tick of the clock.
func (m *Mailboxes) reload(ctx context.Context) error {
	var bare []*box
	err := m.o.Store.Scan(ctx, space, func(rec store.Record) error {
		b, st, err := read(rec)
		if err != nil {
			m.o.Log.Warn().Err(err).Msg("stored mailbox left out")
			return nil
		}
		st.summarise(m.seed)
		b.now.Store(st)
		m.boxes[b.agent] = b
		for id, p := range st.pubs {
			m.tags[id] = b
			m.clock.Set(id, p.Expires.Unix())
		}
		if _, known := m.o.Directory.Agent(b.agent); !known && b.aor == "" { // deleted while we were away
			m.enqueue(b, job{apply: forget, done: m.logged(b)})
		} else if b.aor != "" {
			bare = append(bare, b)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("mailbox: read: %w", err)
	}
	m.metrics.mailboxes.Set(float64(len(m.boxes)))
	for _, b := range bare { // agents made while we were away
		if dom, ok := m.o.Directory.Domain(b.domain); ok {
			user, _, _ := strings.Cut(b.aor, "@")
			if agent, still := m.Owner(dom, user); still == "" {
				m.adopt(b, agent)
			}
		}
	}
	return nil
}

// OnChange has f called when what phones are shown of a mailbox has changed. f
// must not block.
func (m *Mailboxes) OnChange(f func(of presence.AgentID)) { m.onChange.Store(&f) }

// SetPeers replaces the table of trusted peers.
func (m *Mailboxes) SetPeers(t peers.Table) { m.peers.Store(&t) }

func (m *Mailboxes) find(of presence.AgentID) *box {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.boxes[of]
}

// Number is made of what phones are shown of a mailbox: as long as it is the same
// so is that.
func (m *Mailboxes) Number(of presence.AgentID) uint64 {
	if b := m.find(of); b != nil {
		return b.now.Load().number
	}
	return 0
}

// Append appends what phones are shown of a mailbox; of one that nobody told of,
// that it is empty: some phones that are refused this ask again without a pause.
func (m *Mailboxes) Append(dst []byte, of presence.AgentID) []byte {
	if b := m.find(of); b != nil {
		return b.now.Load().summary.Append(dst)
	}
	return (&Summary{}).Append(dst)
}

// Drain waits until every change taken is answered, or ctx ends.
func (m *Mailboxes) Drain(ctx context.Context) error {
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for m.busy() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
	return nil
}

func (m *Mailboxes) busy() bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	for _, b := range m.boxes {
		b.mu.Lock()
		busy := b.busy
		b.mu.Unlock()
		if busy {
			return true
		}
	}
	return false
}

// Close ends the goroutines. What is stored stays.
func (m *Mailboxes) Close() error {
	m.cancel()
	m.work.Close()
	m.running.Wait()
	return nil
}
