package notifier

import (
	"context"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/lists"
	"lamplight/sip/events/clock"
	"lamplight/sip/events/worklist"
	"lamplight/sip/peers"
	"lamplight/sip/quirks"
	"lamplight/store"
)

// Notifier is safe for concurrent use.
type Notifier struct {
	store        store.Store
	directory    *directory.Directory
	roster       Roster
	auth         Authority
	transactions Transactions
	flows        Flows
	instances    Instances // may be nil
	packages     []Package
	types        [][]string // of the packages, as Content-Type says them
	surveyed     []int16    // by package: the one whose watchers it tells of; negative: none
	lists        Lists
	surveyors    atomic.Int64 // subscriptions that watch who watches
	log          zerolog.Logger
	node         string
	consent      Consent

	minExpires, maxExpires, defaultExpires int // seconds
	grace                                  stamp
	maxFailures                            int
	maxPerWatcher, maxTotal, maxPending    int
	restartRate                            int
	maxLists                               int32

	boot        uint32
	allowEvents string
	seed        maphash.Seed
	people      presentities
	tags        tags
	counts      counts
	merged      merged
	locals      locals
	handed      handed
	policies    atomic.Bool // a domain was edited since everybody's standing was last looked at
	clock       *clock.Clock[*subscription]
	queue       *worklist.List[task]
	metrics     *metrics
	peers       atomic.Pointer[peers.Table]
	phones      atomic.Pointer[quirks.Table]
	draining    atomic.Bool
	census      atomic.Uint64 // numbers the changes of who watches whom
	review      chan struct{} // holds one: who may watch whom is to be looked at again

	stopWatch func()
	cancel    context.CancelFunc
	clockwork sync.WaitGroup // the clock and the paced start
	workers   sync.WaitGroup
}

// Open reloads the stored subscriptions and starts to tell them the state at a
// paced rate. ctx bounds the reading.
func Open(ctx context.Context, o Options, t peers.Table) (*Notifier, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	n := &Notifier{
		store: o.Store, directory: o.Directory, roster: o.Roster, auth: o.Auth, transactions: o.Transactions,
		flows: o.Flows, instances: o.Instances, packages: o.Packages, log: o.Log, node: o.Node, consent: o.Consent, lists: o.Lists,
		minExpires: seconds(o.MinExpires), maxExpires: seconds(o.MaxExpires), defaultExpires: seconds(o.DefaultExpires),
		grace: stamp(seconds(o.Grace)), maxFailures: o.MaxFailures,
		maxPerWatcher: o.PerWatcher, maxLists: int32(o.ListsPerWatcher), maxTotal: o.Total, maxPending: o.Pending, restartRate: o.RestartRate,
		boot: o.Roster.Boot(), seed: maphash.MakeSeed(), queue: worklist.New[task](), review: make(chan struct{}, 1),
	}
	n.counts.perWatcher, n.counts.lists = make(map[watcherID]int32), make(map[watcherID]int32)
	n.merged.now = make(map[uint64]struct{})
	n.locals.m = make(map[localKey]*local)
	n.clock = clock.New[*subscription]()
	n.peers.Store(&t)
	n.phones.Store(&o.Phones)
	n.surveyed = surveyedBy(n.packages)
	names := make([]string, len(n.packages))
	for i, p := range n.packages {
		names[i] = p.Name()
		n.types = append(n.types, contentTypes(p))
	}
	n.allowEvents = strings.Join(names, ", ")
	n.metrics = newMetrics(o.Metrics, n.queue)
	restored, err := n.reload(ctx)
	if err != nil {
		return nil, err
	}
	n.start(o.Workers, restored)
	return n, nil
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// start begins the goroutines; Close waits for each.
func (n *Notifier) start(workers int, restored []*presentity) {
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	for range workers {
		n.workers.Go(n.work)
	}
	n.clockwork.Go(func() { n.clock.Run(ctx, func(s *subscription, now time.Time) { n.woken(s, stampOf(now)) }) })
	n.clockwork.Go(func() { n.resume(ctx, restored) })
	n.clockwork.Go(func() { n.reviews(ctx) })
	n.stopWatch = n.roster.Watch(func(s *presence.Snapshot) {
		if p := n.people.find(s.Agent); p != nil {
			n.mark(p)
		}
	})
	if n.lists != nil {
		n.lists.OnChange(func(r lists.Ref) {
			if ctx.Err() == nil {
				n.listChanged(r)
			}
		})
	}
	n.directory.OnChange(func(e directory.Edit) {
		n.handed.note(&e)
		if len(e.Domains) > 0 {
			n.policies.Store(true)
		}
		n.reviewSoon()
		if ctx.Err() == nil {
			n.membershipChanged(&e)
			n.queue.Push(task{f: func() { n.readdressed(&e) }})
		}
		for _, a := range e.DeleteAgents {
			if p := n.people.find(a); p != nil && ctx.Err() == nil {
				n.mark(p)
			}
		}
	})
}

// AllowEvents lists the packages, for the header of that name.
func (n *Notifier) AllowEvents() string { return n.allowEvents }

// Changed tells that a package has news of a presentity beside its snapshot; see
// Stater. It is cheap, also where nobody watches, and does not block.
func (n *Notifier) Changed(of presence.AgentID) {
	if p := n.people.find(of); p != nil {
		n.mark(p)
	}
}

// SetPeers replaces the table of trusted peers.
func (n *Notifier) SetPeers(t peers.Table) {
	if before := n.peers.Swap(&t); before != nil {
		n.handed.notePeers(*before, t)
	}
	n.reviewSoon()
}

// SetPhones replaces the table of phones. Subscriptions that are there keep the
// quirks they began with.
func (n *Notifier) SetPhones(t quirks.Table) { n.phones.Store(&t) }

func (n *Notifier) peerTable() peers.Table { return *n.peers.Load() }

// Drain refuses new subscriptions with 503 and Retry-After, then waits until
// what is under way is answered and sent, or ctx ends. Subscriptions are not
// terminated: they survive a restart, and several phones would be without lamps
// for long if told otherwise.
func (n *Notifier) Drain(ctx context.Context) error {
	n.draining.Store(true)
	t := time.NewTicker(10 * time.Millisecond)
	defer t.Stop()
	for n.counts.waiting() > 0 || n.queue.Depth() > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
		}
	}
	return nil
}

// Close ends the goroutines. Subscriptions stay stored. It closes neither the
// store nor the transport.
func (n *Notifier) Close() error {
	n.draining.Store(true)
	n.stopWatch()
	n.cancel()
	n.clockwork.Wait()
	n.queue.Close()
	n.workers.Wait()
	return nil
}
