package registrar

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"lamplight/presence"
	"lamplight/sip/digest"
	"lamplight/sip/message"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

// Registrar is safe for concurrent use.
type Registrar struct {
	o      Options
	shards []*shard
	flows  flowIndex
	count  *counters
	// watchers are told of changes; see OnChange.
	watchers atomic.Pointer[[]func(presence.AgentID, []Ended)]
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
	r.flows.agents = make(map[string][]presence.AgentID)
	r.shards = make([]*shard, 4*runtime.GOMAXPROCS(0))
	for i := range r.shards {
		r.shards[i] = newShard(r)
	}
	var err error
	if r.count, err = newCounters(r, o.Metrics); err != nil {
		return nil, fmt.Errorf("registrar: metrics: %w", err)
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

// ServeSIP answers a REGISTER. It does not wait for anything: where a commit is
// needed the answer follows it.
func (r *Registrar) ServeSIP(req *transaction.Request) {
	id, ok := r.o.Auth.Authenticate(req)
	if !ok {
		return // answered there
	}
	now := time.Now()
	who, no := r.who(req, id, now)
	if no != nil {
		r.count.refused(no.status)
		no.answer(req)
		return
	}
	s := r.shard(who.agent)
	s.mu.Lock()
	rec := s.agents[who.agent]
	if rec != nil && !rec.busy && s.refreshLocked(rec, &who, req, now) {
		return // unlocked and answered there
	}
	s.enqueueLocked(who.agent, job{req: req, who: who}, now)
}

// who is the sender of a REGISTER and what it registers.
type who struct {
	domain *presence.Domain
	agent  presence.AgentID
	device presence.DeviceID
	user   string // of the credential
	toUser string // of the address of record
}

// who finds out whose address of record the device may bind (RFC 3261 §10.3 steps
// 3 to 5): one of the agent it is assigned to now.
func (r *Registrar) who(req *transaction.Request, id digest.Identity, now time.Time) (who, *refusal) {
	user, host, ok := digest.SplitAddress(req.Get(message.To))
	if !ok {
		return who{}, refuse(400, "Bad To header")
	}
	owner, ok := r.o.Directory.AgentByAOR(user, host)
	if !ok {
		uri, err := message.ParseURI(req.To().URI)
		if err != nil {
			return who{}, refuse(400, "Bad To header")
		}
		user = uri.UserDecoded()
		if owner, ok = r.o.Directory.AgentByAOR(user, host); !ok {
			return who{}, refuse(404, "")
		}
	}
	holder, ok := r.o.Directory.Holder(id.Device, now)
	if !ok || holder != owner.ID {
		return who{}, refuse(403, "Not This Device's Address of Record")
	}
	return who{domain: id.Domain, agent: holder, device: id.Device, user: id.Username, toUser: user}, nil
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
