package transport

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"lamplight/sip/message"
)

// Layer owns sockets and flows. Its methods are safe from any goroutine.
type Layer struct {
	o      Options
	log    zerolog.Logger
	noise  zerolog.Logger // the same, some lines a second: strangers must not flood the log
	limits Limits
	gate   *gate
	flows  *flowTable
	metric *metrics

	onMessage func(*Flow, *message.Message)
	onBad     func(*Flow, *message.Message, error)

	buffered atomic.Int64    // bytes of large read buffers of streams
	number   atomic.Uint64   // last number given to a listener or stream
	wg       sync.WaitGroup  // every goroutine that ends with the layer
	ctx      context.Context //nolint:containedctx // the layer's own life
	cancel   context.CancelFunc

	mu        sync.Mutex
	closed    bool                   // guarded by mu
	listeners []*packetListener      // guarded by mu
	streams   map[uint64]*Flow       // guarded by mu
	peers     map[streamPeer]*Flow   // the newest stream to a peer; guarded by mu
	aliases   map[streamPeer][]*Flow // streams that stand for a peer's listener; guarded by mu
	ports     map[string]uint16      // listening, by stream transport; guarded by mu
	dials     map[streamPeer]*dial   // guarded by mu
}

type streamPeer struct {
	transport string
	addr      netip.AddrPort
}

// New makes a layer. Close ends it.
func New(o Options) *Layer {
	l := &Layer{
		o: o, log: o.Log, noise: o.Log.Sample(&zerolog.BurstSampler{Burst: 10, Period: time.Second}), limits: o.Limits.withDefaults(),
		onMessage: o.OnMessage, onBad: o.OnBad,
		streams: make(map[uint64]*Flow), peers: make(map[streamPeer]*Flow), aliases: make(map[streamPeer][]*Flow), dials: make(map[streamPeer]*dial), ports: make(map[string]uint16),
	}
	l.gate, l.flows = newGate(&o, l.limits), newFlowTable(l)
	l.metric = newMetrics(o.Metrics, l)
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.wg.Go(l.housekeep)
	return l
}

// Bind sets who gets messages, before anything is served.
func (l *Layer) Bind(onMessage func(*Flow, *message.Message), onBad func(*Flow, *message.Message, error)) {
	l.onMessage, l.onBad = onMessage, onBad
}

// housekeep forgets silent peers until the layer closes.
func (l *Layer) housekeep() {
	every := time.NewTicker(max(l.limits.FlowIdle/4, time.Second))
	defer every.Stop()
	for {
		select {
		case now := <-every.C:
			l.flows.purge(now.Add(-l.limits.FlowIdle), nil)
			l.gate.purge(now)
		case <-l.ctx.Done():
			return
		}
	}
}

// deliver passes a framed message on. A request that cannot be read but answered
// goes to onBad; the error is for what is not even that. flow is only asked for
// once the message is worth a flow.
func (l *Layer) deliver(raw []byte, flow func() *Flow) error {
	m, err := message.Parse(raw)
	switch {
	case err == nil:
		if l.onMessage != nil {
			l.onMessage(flow(), m)
		}
		return nil
	case m != nil && l.onBad != nil:
		l.metric.drop("malformed")
		l.onBad(flow(), m, err)
		return nil
	}
	l.metric.drop("malformed")
	return err
}

// FlowByID finds a flow by its ID. A stream's is gone once it has ended; a UDP
// flow's is good as long as its listener.
func (l *Layer) FlowByID(id string) (*Flow, bool) {
	if n, peer, ok := udpPeer(id); ok {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, p := range l.listeners {
			if p.number == n {
				return l.flows.get(p, peer, time.Now()), true
			}
		}
		return nil, false
	}
	transport, number, _ := strings.Cut(id, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return nil, false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	f := l.streams[n]
	return f, f != nil && f.transport == transport
}

// Flows lists all flows, for diagnostics.
func (l *Layer) Flows() []FlowInfo {
	var out []FlowInfo
	l.VisitFlows(func(i FlowInfo) { out = append(out, i) })
	return out
}

// VisitFlows calls f with every flow. f runs with a part of the table locked: it
// must be quick and not call the layer.
func (l *Layer) VisitFlows(f func(FlowInfo)) {
	l.mu.Lock()
	streams := make([]*Flow, 0, len(l.streams))
	for _, s := range l.streams {
		streams = append(streams, s)
	}
	l.mu.Unlock()
	for _, s := range streams {
		f(s.info())
	}
	l.flows.visit(f)
}

// Flow returns a flow to a peer. UDP: by a listener of the peer's address
// family. Streams: an open one to exactly that address, else a new one; that
// dials, for at most Limits.DialTimeout, on the caller's goroutine: call it from
// one of your own.
func (l *Layer) Flow(ctx context.Context, transport string, to netip.AddrPort) (*Flow, error) {
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	if transport == UDP {
		return l.packetFlow(to)
	}
	return l.streamFlow(ctx, streamPeer{transport, to})
}

func (l *Layer) packetFlow(to netip.AddrPort) (*Flow, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.listeners {
		if p.reaches(to.Addr()) {
			return l.flows.get(p, to, time.Now()), nil
		}
	}
	return nil, fmt.Errorf("flow to %s: %w", to, ErrNoListener)
}

// PacketFlow is the flow to a peer by the UDP listener that is bound to this very
// address; false if there is none.
func (l *Layer) PacketFlow(local, to netip.AddrPort) (*Flow, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.listeners {
		if netip.AddrPortFrom(p.local.Addr().Unmap(), p.local.Port()) == netip.AddrPortFrom(local.Addr().Unmap(), local.Port()) {
			return l.flows.get(p, netip.AddrPortFrom(to.Addr().Unmap(), to.Port()), time.Now()), true
		}
	}
	return nil, false
}

// Close ends every listener and flow and waits until all is quiet.
func (l *Layer) Close() error {
	l.mu.Lock()
	l.closed = true
	streams := make([]*Flow, 0, len(l.streams))
	for _, f := range l.streams {
		streams = append(streams, f)
	}
	l.mu.Unlock()
	l.cancel()
	for _, f := range streams {
		f.stream.close(ErrClosed)
	}
	l.wg.Wait()
	l.metric.unregister()
	return nil
}
