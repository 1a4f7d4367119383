package registrar

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lamplight/presence"
	"lamplight/sip/digest"
	"lamplight/sip/message"
	"lamplight/sip/push"
	"lamplight/sip/quirks"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

// Registrar is safe for concurrent use.
type Registrar struct {
	o      Options
	shards []*shard
	flows  flowIndex
	count  *counters
	gruus  *gruus
	// granted is what limits returns; see SetLimits.
	granted atomic.Pointer[Limits]
	// watchers are told of changes; see OnChange.
	watchers atomic.Pointer[[]func(presence.AgentID, []Ended)]
	nudged   atomic.Pointer[func(presence.AgentID, push.Sleeper)] // see OnRefreshDue
	phones   atomic.Pointer[quirks.Table]
	ask      *asker
	run      context.Context //nolint:containedctx // the registrar's own life
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

// Open reads the bindings back, tells the roster of them, and starts.
func Open(ctx context.Context, o Options) (*Registrar, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	r := &Registrar{o: o.withDefaults()}
	r.granted.Store(&r.o.Limits)
	r.SetPhones(o.Phones)
	r.flows.agents = make(map[string][]presence.AgentID)
	r.shards = make([]*shard, 4*runtime.GOMAXPROCS(0))
	for i := range r.shards {
		r.shards[i] = newShard(r)
	}
	var err error
	if r.count, err = newCounters(r, o.Metrics); err != nil {
		return nil, fmt.Errorf("registrar: metrics: %w", err)
	}
	if r.gruus, err = newGRUUs(r.o.Key); err != nil {
		return nil, fmt.Errorf("registrar: %w", err)
	}
	restored, err := r.restore(ctx)
	if err != nil {
		return nil, err
	}
	r.ask = newAsker(r, restored)
	r.run, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	for _, s := range r.shards {
		r.running.Go(func() { s.run(r.run) })
	}
	r.running.Go(func() { r.ask.run(r.run) })
	r.o.Directory.OnChange(r.directoryChanged)
	r.recheckAll() // what changed while the bindings were read
	return r, nil
}

// Close stops the timers. Requests that wait for a commit get no answer any
// more. What is stored stays.
func (r *Registrar) Close() error {
	r.cancel()
	r.running.Wait()
	r.count.unregister()
	return nil
}

func (r *Registrar) shard(a presence.AgentID) *shard {
	return r.shards[binary.BigEndian.Uint32(a.ID[12:])%uint32(len(r.shards))]
}

// limits are what devices are granted now.
func (r *Registrar) limits() *Limits { return r.granted.Load() }

// SetLimits replaces what devices are granted, for REGISTERs from now on; what is
// bound stays until then. Which devices are asked by OPTIONS, push services and
// Waiting are as they were at the start.
func (r *Registrar) SetLimits(l Limits) error {
	if err := l.Validate(); err != nil {
		return err
	}
	l = l.withDefaults()
	l.Push = r.o.Push
	r.granted.Store(&l)
	return nil
}

// ServeSIP answers a REGISTER. It does not wait for anything: where a commit is
// needed the answer follows it.
func (r *Registrar) ServeSIP(req *transaction.Request) {
	id, ok := r.o.Auth.Authenticate(req)
	if !ok {
		return // answered there
	}
	r.route(&job{req: req, who: who{domain: id.Domain, device: id.Device, user: id.Username}}, time.Now())
}

// route finds whose bindings a REGISTER is about, and hands it to them.
func (r *Registrar) route(j *job, now time.Time) {
	if no := r.locate(&j.who, j.req.Get(message.To), now); no != nil {
		r.count.refused(no.status)
		no.answer(j.req)
		return
	}
	s := r.shard(j.who.agent)
	s.mu.Lock()
	rec := s.agents[j.who.agent]
	if rec != nil && !rec.busy && s.refreshLocked(rec, &j.who, j.req, now) {
		return // unlocked and answered there
	}
	s.enqueueLocked(j.who.agent, *j, now)
}

// who is the sender of a REGISTER and what it registers.
type who struct {
	domain *presence.Domain
	device presence.DeviceID
	user   string // of the credential
	place         // set by locate
}

// locate finds out whose address of record the device may bind (RFC 3261 §10.3
// steps 3 to 5): one of the agent it is assigned to now, or its own, which stands
// for that agent's.
func (r *Registrar) locate(w *who, to string, now time.Time) *refusal {
	user, host, ok := digest.SplitAddress(to)
	if !ok {
		return refuse(400, "Bad To header")
	}
	if d, ok := r.o.Directory.DomainByName(host); !ok || d.ID != w.domain.ID {
		return refuse(404, "")
	}
	if w.place, ok = r.place(w.domain, w.device, user, now); ok {
		return nil
	}
	if strings.IndexByte(user, '%') >= 0 { // an escape is its character
		user = message.URI{User: user}.UserDecoded()
		if w.place, ok = r.place(w.domain, w.device, user, now); ok {
			return nil
		}
	}
	if _, ok = r.o.Directory.AgentByAOR(user, host); ok {
		return refuse(403, "Not This Device's Address of Record")
	}
	return refuse(404, "")
}

// Bindings lists an agent's bindings, for diagnostics.
func (r *Registrar) Bindings(agent presence.AgentID) []Binding {
	s := r.shard(agent)
	s.mu.Lock()
	defer s.mu.Unlock()
	rec := s.agents[agent]
	if rec == nil {
		return nil
	}
	out := make([]Binding, 0, len(rec.bindings))
	for _, b := range rec.bindings {
		c := *b
		c.Path = slices.Clone(b.Path)
		out = append(out, c)
	}
	return out
}

// Flow is how to send to the binding now, or an error: the flow the device was
// last heard on, or for a restored one the place it was last heard from.
func (r *Registrar) Flow(ctx context.Context, b *Binding) (*transport.Flow, error) {
	if b.flow != nil {
		select {
		case <-b.flow.Done():
		default:
			return b.flow, nil
		}
	}
	if b.Transport != udp {
		return nil, errNoFlow
	}
	f, err := r.o.Transport.Flow(ctx, udp, b.Source)
	if err != nil {
		return nil, fmt.Errorf("registrar: reach %s: %w", b.Source, err)
	}
	return f, nil
}

var errNoFlow = errors.New("registrar: the binding's flow has ended")
