package publisher

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/sip/digest"
	"lamplight/sip/resolve"
	"lamplight/sip/transport"
	"lamplight/store"
)

// upstream is one presence server: what it has of us, what is to be sent, and
// whether it answers. Its goroutine, run, renders and sends.
type upstream struct {
	p        *Publisher
	identity string
	log      zerolog.Logger
	wake     chan struct{} // capacity 1: there may be something to send
	firsts   uint32        // of a publication that was never stored

	mu         sync.Mutex
	conf       Upstream                   // mu guards it and the fields below
	pubs       map[pubID]*publication     // what there is or is to be
	lanes      [background + 1]fifo       // by lane
	turns      int                        // of the urgent lane in a row
	clock      clock                      // refreshes and retries
	flying     int                        // PUBLISHes on their way
	paced      time.Time                  // when the rate is used up to
	alive      int                        // publications with a tag
	outage     outage                     // whether it answers
	doubt      doubt                      // whether it remembers
	minExpires [kinds]int                 // seconds it asked for by 423
	creds      *digest.Responder          // for its challenges; replaced with the configuration
	covered    map[presence.DomainID]bool // domains looked up
	draining   bool
	ended      bool      // it has been left
	leaveBy    time.Time // set: out of the configuration, and when it is given up
	moved      bool      // try another way to it
	dead       bool      // nothing was heard on the way it has

	// Of run alone.
	flow    *transport.Flow
	targets []resolve.Target
}

// newUpstream makes one. firsts is the same after every restart for those we
// start with, so that what was on its way at a crash is asked for again in the
// same transaction; of one that comes later it is random, because it may have
// been there before.
func newUpstream(p *Publisher, conf Upstream, firsts uint32) *upstream {
	u := &upstream{
		p: p, identity: conf.identity(), firsts: firsts, log: p.log.With().Str("upstream", conf.Name).Logger(),
		wake: make(chan struct{}, 1), conf: conf.withDefaults(), pubs: make(map[pubID]*publication),
		creds: digest.NewResponder(conf.User, conf.Password, ""), covered: make(map[presence.DomainID]bool),
	}
	u.outage.since = time.Now()
	u.doubt.asked = time.Now()
	p.metrics.up.WithLabelValues(conf.Name).Set(1)
	return u
}

func (u *upstream) called() string {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.conf.Name
}

func (u *upstream) kick() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// configure takes over all of a configuration but where the upstream is.
func (u *upstream) configure(conf Upstream) {
	u.mu.Lock()
	if conf.User != u.conf.User || conf.Password != u.conf.Password {
		u.creds = digest.NewResponder(conf.User, conf.Password, "")
		u.outage.over()
		u.outage.obey = time.Time{}
		for _, p := range u.pubs {
			p.tries = 0
		}
	}
	u.moved = u.moved || conf.Server.Transport == transport.TLS // whom it trusts may differ
	u.conf = conf.withDefaults()
	u.mu.Unlock()
	u.markAll()
}

// leave takes everything back, then ends run.
func (u *upstream) leave() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.leaveBy = time.Now().Add(30 * time.Second)
	for _, p := range u.pubs {
		p.gone = true
		u.markLocked(p, urgent)
	}
	u.kick()
}

// stay takes back leave, unless it is too late.
func (u *upstream) stay() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.ended {
		return false
	}
	u.leaveBy = time.Time{}
	return true
}

func (u *upstream) drain() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.draining = true
}

// busy reports whether an answer is waited for.
func (u *upstream) busy() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.flying > 0
}

// openLocked finds a publication, made if need be.
func (u *upstream) openLocked(id pubID, dom presence.DomainID) *publication {
	p := u.pubs[id]
	if p == nil {
		// Versions of what was sent in an earlier life and never stored are below.
		base := max(u.p.o.Roster.Boot()%(1<<17)<<14, u.p.versions.Load())
		p = &publication{id: id, domain: dom, version: base, durable: base, firsts: u.firsts, place: -1}
		u.pubs[id] = p
	}
	return p
}

// coversLocked reports whether agents of the domain are told.
func (u *upstream) coversLocked(id presence.DomainID) bool {
	yes, known := u.covered[id]
	if !known {
		d, ok := u.p.o.Directory.Domain(id)
		yes = ok && u.conf.covers(d)
		u.covered[id] = yes
	}
	return yes
}

// note marks what a snapshot may have changed.
func (u *upstream) note(s *presence.Snapshot) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.leaveBy.IsZero() && u.coversLocked(s.Domain) {
		u.noteLocked(s, urgent)
	}
}

func (u *upstream) noteLocked(s *presence.Snapshot, l lane) {
	now := time.Now()
	for k := range kinds {
		if !u.conf.wants(k) {
			continue
		}
		id := pubID{s.Agent, k}
		if k == dialogs && u.pubs[id] == nil && len(s.Watch.Dialogs) == 0 {
			continue // idle, and never had a call
		}
		p := u.openLocked(id, s.Domain)
		p.gone = false
		if k == dialogs && p.tag == "" && !p.flying {
			// We may have told of this call just before a crash: should it end before
			// its turn, that is told too.
			p.tell(s)
		}
		if p.since.IsZero() && l == urgent {
			p.since = now
		}
		u.markLocked(p, l)
	}
}

// look marks an agent of whom no snapshot tells.
func (u *upstream) look(a presence.AgentID) {
	s, ok := u.p.o.Roster.Snapshot(a)
	if ok && !s.Bare {
		u.note(s)
	}
}

// drop has an agent's publications removed.
func (u *upstream) drop(a presence.AgentID) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for k := range kinds {
		if p := u.pubs[pubID{a, k}]; p != nil {
			p.gone = true
			u.markLocked(p, urgent)
		}
	}
}

// markAll looks at every agent, and takes back what is not to be told any more.
func (u *upstream) markAll() {
	var all []*presence.Snapshot
	for _, d := range u.p.o.Directory.Domains() {
		for _, a := range u.p.o.Directory.Agents(d.ID) {
			if s, ok := u.p.o.Roster.Snapshot(a.ID); ok {
				all = append(all, s)
			}
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if !u.leaveBy.IsZero() {
		return
	}
	clear(u.covered)
	told := make(map[presence.AgentID]bool, len(all))
	for _, s := range all {
		if !u.coversLocked(s.Domain) {
			continue
		}
		told[s.Agent] = true
		l := background
		if len(s.Watch.Dialogs) > 0 {
			l = urgent // who is in a call first
		}
		u.noteLocked(s, l)
	}
	for id, p := range u.pubs {
		if (!told[id.agent] || !u.conf.wants(id.kind)) && (!p.gone || p.tag != "") {
			p.gone = true
			u.markLocked(p, urgent)
		}
	}
}

// markLocked gives the publication a turn.
func (u *upstream) markLocked(p *publication, l lane) {
	switch {
	case p.flying:
		p.again = true
		return
	case p.failures > 0 && !p.gone && time.Now().Before(p.due):
		return // refused lately; its time comes
	case p.lane == nowhere || p.lane == background && l == urgent:
		p.lane = l
		if !p.filed[l] {
			p.filed[l] = true
			u.lanes[l].push(p)
		}
	}
	u.kick()
}

// nextLocked takes the next publication off the lanes. Of nine turns one is the
// background's, so that a refresh is not late for ever.
func (u *upstream) nextLocked() *publication {
	for {
		l := urgent
		if u.lanes[urgent].len() == 0 || u.turns >= 8 && u.lanes[background].len() > 0 {
			l = background
		}
		if u.lanes[l].len() == 0 {
			return nil
		}
		p := u.lanes[l].pop()
		p.filed[l] = false
		if p.lane != l {
			continue // it went by the other lane
		}
		p.lane = nowhere
		if u.turns++; l == background {
			u.turns = 0
		}
		return p
	}
}

// scheduleLocked sets when the publication is looked at again.
func (u *upstream) scheduleLocked(p *publication, at time.Time) {
	p.due = at
	if p.place >= 0 {
		heap.Fix(&u.clock, p.place)
		return
	}
	heap.Push(&u.clock, p)
	u.kick()
}

func (u *upstream) unscheduleLocked(p *publication) {
	if p.place >= 0 {
		heap.Remove(&u.clock, p.place)
	}
}

// ringLocked gives a turn to what is due.
func (u *upstream) ringLocked(now time.Time) {
	for len(u.clock) > 0 && !u.clock[0].due.After(now) {
		p := heap.Pop(&u.clock).(*publication)
		p.refresh = true
		if !p.flying {
			u.markLocked(p, background)
		}
	}
}

// forgetLocked ends a publication that the upstream does not have any more. Of
// an agent who may be told again its numbers are kept.
func (u *upstream) forgetLocked(p *publication) {
	u.unscheduleLocked(p)
	p.lane = nowhere
	if _, there := u.p.o.Directory.Agent(p.id.agent); there && u.leaveBy.IsZero() {
		u.lostLocked(p)
		p.told, p.refresh, p.since = nil, false, time.Time{}
		u.saveLocked(p)
		return
	}
	delete(u.pubs, p.id)
	u.p.ledger.put(store.Delete(u.key(p)), nil)
}

// run sends until ctx ends or the upstream has been left.
func (u *upstream) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	defer u.hangUp()
	for ctx.Err() == nil && !u.isDone() {
		timer.Reset(u.work(ctx))
		var hungUp <-chan struct{}
		if u.flow != nil && u.flow.Reliable() {
			hungUp = u.flow.Done()
		}
		select {
		case <-ctx.Done():
		case <-u.wake:
		case <-timer.C:
		case <-hungUp:
			u.hungUp()
		}
	}
}

// isDone reports whether an upstream that is to be left has been, and then
// forgets what it still has: that expires there.
func (u *upstream) isDone() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.leaveBy.IsZero() || len(u.pubs) > 0 && u.outage.failed == 0 && time.Now().Before(u.leaveBy) {
		return false
	}
	for _, p := range u.pubs {
		u.forgetLocked(p)
	}
	u.ended = true
	return true
}

func (u *upstream) info() Info {
	u.mu.Lock()
	defer u.mu.Unlock()
	s := u.conf.Server
	return Info{
		Name: u.conf.Name, Transport: s.Transport, Server: s.String(),
		Up: u.outage.failed == 0, Error: u.outage.why, Since: u.outage.since,
		Publications: u.alive, Waiting: u.lanes[urgent].len() + u.lanes[background].len(), InFlight: u.flying,
	}
}
