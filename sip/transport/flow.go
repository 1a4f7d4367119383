package transport

import (
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Flow is a peer as seen from one of our sockets: a remote address behind a UDP
// listener, or one stream.
//
// A UDP flow has no state of its own: one that is held stays usable even after
// the layer has forgotten the peer.
type Flow struct {
	layer     *Layer
	transport string
	remote    netip.AddrPort
	local     netip.AddrPort
	source    netip.Addr // of a WebSocket by way of a reverse proxy: its client
	since     time.Time
	seen      atomic.Int64 // last message received, or the beginning, Unix ns

	packets *packetListener // UDP only
	stream  *stream         // streams only
	number  uint64          // streams only
	alias   uint16          // streams only; guarded by layer.mu

	advertised sync.Once
	host       string // guarded by advertised
}

// ID names the flow; no other flow of this process's life has it. A UDP flow's
// names listener and peer, so it stays the same while we listen there.
func (f *Flow) ID() string {
	var room [80]byte
	b := append(room[:0], f.transport...)
	b = append(b, '-')
	if f.packets != nil {
		b = strconv.AppendUint(b, f.packets.number, 10)
		b = f.remote.AppendTo(append(b, '-'))
		return string(b)
	}
	return string(strconv.AppendUint(b, f.number, 10))
}

// Transport is one of UDP, TCP, TLS, WS, WSS.
func (f *Flow) Transport() string { return f.transport }

// Reliable reports whether the transport retransmits by itself.
func (f *Flow) Reliable() bool { return f.packets == nil }

// Remote is the peer's address as we see it.
func (f *Flow) Remote() netip.AddrPort { return f.remote }

// Source is the address that limits count: the peer's, or that of the client behind it
// where the peer is a reverse proxy of ours. Nothing is sent there, and nobody is
// recognised by it.
func (f *Flow) Source() netip.Addr {
	if f.source.IsValid() {
		return f.source
	}
	return f.remote.Addr()
}

// Sender is how logs name who is at the other end.
func (f *Flow) Sender() string {
	if f.source.IsValid() {
		return f.source.String() + " by " + f.remote.String()
	}
	return f.remote.String()
}

// Neighbour is the address by which a neighbouring server is recognised: none of what
// comes by a reverse proxy, which everybody may come by, whatever it says of them.
func (f *Flow) Neighbour() netip.Addr {
	if f.source.IsValid() {
		return netip.Addr{}
	}
	return f.remote.Addr()
}

// Local is our address, as bound: it may be the unspecified one for UDP.
func (f *Flow) Local() netip.AddrPort { return f.local }

// Send passes one message on without waiting for the peer. The bytes must not
// change afterwards. UDP goes straight to the socket; a stream's message waits
// in its queue, bounded: ErrQueueFull means that this one was dropped.
func (f *Flow) Send(b []byte) error {
	if f.packets != nil {
		return f.packets.send(b, f.remote)
	}
	return f.stream.send(b)
}

// Done is closed when the stream has ended; for UDP, when the listener has.
func (f *Flow) Done() <-chan struct{} {
	if f.packets != nil {
		return f.packets.done
	}
	return f.stream.done
}

// Close ends a stream at once: what waits in its queue is lost, and OnFlowClosed
// is called. A UDP flow is merely forgotten.
func (f *Flow) Close() error {
	if f.packets != nil {
		f.layer.flows.drop(f)
		return nil
	}
	f.stream.close(ErrFlowClosed)
	return nil
}

// Host is the host by which the peer can reach us: what Via and Contact name.
func (f *Flow) Host() string {
	f.advertised.Do(func() { f.host = f.layer.hostFor(f) })
	return f.host
}

// On gives the flow to another address of the same UDP listener: where a
// response goes when the Via says so (RFC 3261 §18.2.2). For a stream, or the
// same address, that is f itself.
func (f *Flow) On(to netip.AddrPort) *Flow {
	if f.packets == nil || to == f.remote {
		return f
	}
	return f.layer.flows.get(f.packets, to, time.Now())
}

// Seen is when the peer's last message came. What we send it does not count.
func (f *Flow) Seen() time.Time { return time.Unix(0, f.seen.Load()) }

// FlowInfo describes a flow for diagnostics.
type FlowInfo struct {
	ID, Transport string
	Remote, Local netip.AddrPort
	Client        netip.Addr // behind a reverse proxy, as that says; zero: the peer is none
	Since, Seen   time.Time
	Queued        int    // messages waiting
	Dropped       uint64 // messages dropped because the queue was full
}

func (f *Flow) info() FlowInfo {
	i := FlowInfo{ID: f.ID(), Transport: f.transport, Remote: f.remote, Local: f.local, Client: f.source, Since: f.since, Seen: time.Unix(0, f.seen.Load())}
	if f.stream != nil {
		i.Queued, i.Dropped = f.stream.queued()
	}
	return i
}

// udpPeer reads a UDP flow's ID.
func udpPeer(id string) (listener uint64, peer netip.AddrPort, ok bool) {
	rest, ok := strings.CutPrefix(id, UDP+"-")
	number, addr, ok2 := strings.Cut(rest, "-")
	n, err := strconv.ParseUint(number, 10, 64)
	if !ok || !ok2 || err != nil {
		return 0, netip.AddrPort{}, false
	}
	peer, err = netip.ParseAddrPort(addr)
	return n, peer, err == nil
}

// ListenPort is the port at which the peer's side can open a new connection to
// us: the local one, but for a stream that we opened that of a listener of the
// same transport, 0 if there is none.
func (f *Flow) ListenPort() uint16 {
	if f.stream == nil || !f.stream.outgoing {
		return f.local.Port()
	}
	f.layer.mu.Lock()
	defer f.layer.mu.Unlock()
	return f.layer.ports[f.transport]
}
