package transaction

import (
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"lamplight/sip/message"
	"lamplight/sip/transport"
)

// How a client transaction can end without a final response.
var (
	// ErrTimeout: no final response within 64×T1 (Timer F).
	ErrTimeout = errors.New("SIP transaction timed out")
	// ErrFlowClosed: the flow ended before the response came.
	ErrFlowClosed = transport.ErrFlowClosed
	// ErrOverload: too many client transactions are open.
	ErrOverload = errors.New("too many SIP transactions")
	// ErrClosed: the layer was closed.
	ErrClosed = errors.New("SIP transaction layer is closed")
)

// Handler gets every new request that is sound (message.Validate), and each ACK
// that belongs to no transaction of ours. It is called in the order of the flow
// and must not block.
type Handler interface{ ServeSIP(*Request) }

// HandlerFunc is a function as a Handler.
type HandlerFunc func(*Request)

// ServeSIP calls f.
func (f HandlerFunc) ServeSIP(r *Request) { f(r) }

// Options configure a Layer.
type Options struct {
	Transport *transport.Layer // required
	Handler   Handler          // required
	Log       zerolog.Logger

	// T1 and T2 of RFC 3261 §17.1.2.1; 500 ms and 4 s.
	T1, T2 time.Duration

	// ForceRPort says of whom answers by UDP go back to the very port a request
	// came from, though it did not ask for that (RFC 3581); nil: nobody.
	ForceRPort func(*transport.Flow) bool

	// Alias says of which peers a stream may stand for the port where they listen,
	// when their Via says alias (RFC 5923); nil: of nobody.
	Alias func(*transport.Flow) bool

	// Urgent says of which Request-URIs INVITEs are calls for help: they find room
	// where there is none left for others, 64 at once; nil: of none.
	Urgent func(uri string) bool

	MaxClient      int // client transactions open at once; 500,000
	MaxReplay      int // requests remembered for retransmissions; 400,000
	MaxReplayBytes int // of their replies; 256 MiB
	MaxInvite      int // INVITE server transactions not settled at once; 20,000
	MaxInviteBytes int // of their requests; 64 MiB
	MaxOutgoing    int // INVITE client transactions without a final response at once; 40,000
	MaxSettled     int // such with one, remembered for what comes again; 200,000

	Metrics prometheus.Registerer // nil: none
}

// Layer is the transaction table. Its methods are safe from any goroutine.
type Layer struct {
	o        Options
	log      zerolog.Logger
	noise    zerolog.Logger // the same, some lines a second
	handler  Handler
	replay   *replayCache
	wheel    *wheel
	invites  *inviteTable
	outgoing *outgoingTable
	metric   *metrics
	wg       sync.WaitGroup
}

// New makes a layer and binds it to the transport, which must not serve yet.
func New(o Options) *Layer {
	if o.T1 <= 0 {
		o.T1 = 500 * time.Millisecond
	}
	if o.T2 <= 0 {
		o.T2 = 4 * time.Second
	}
	def(&o.MaxClient, 500_000)
	def(&o.MaxReplay, 400_000)
	def(&o.MaxReplayBytes, 256<<20)
	def(&o.MaxInvite, 20_000)
	def(&o.MaxInviteBytes, 64<<20)
	def(&o.MaxOutgoing, 40_000)
	def(&o.MaxSettled, 200_000)
	// What strangers send must not be able to flood the log.
	l := &Layer{o: o, log: o.Log, handler: o.Handler, noise: o.Log.Sample(&zerolog.BurstSampler{Burst: 10, Period: time.Second})}
	l.replay = newReplayCache(o.MaxReplay, o.MaxReplayBytes, 64*o.T1)
	l.wheel = newWheel(o.T1, o.T2, o.MaxClient, l.replay.purge)
	l.invites = newInviteTable(l, o.MaxInvite, o.MaxInviteBytes)
	l.outgoing = &outgoingTable{most: o.MaxOutgoing, mostSettled: o.MaxSettled, m: make(map[string]*Outgoing)}
	l.metric = newMetrics(o.Metrics, l)
	l.wg.Go(l.wheel.run)
	o.Transport.Bind(l.receive, l.receiveBad)
	return l
}

func def(v *int, d int) {
	if *v <= 0 {
		*v = d
	}
}

// receive takes a message from the goroutine that read it.
func (l *Layer) receive(f *transport.Flow, m *message.Message) {
	problem := message.Validate(m)
	if !m.IsRequest() {
		l.metric.response(m.Status, f.Transport())
		if problem != nil {
			l.metric.drop("bad_response")
			return
		}
		l.response(m)
		return
	}
	l.metric.request(m.Method, f.Transport())
	m.StampVia(f.Remote())
	l.reuse(f, m)
	r := &Request{Message: m, Flow: f, At: time.Now(), layer: l}
	if problem != nil {
		r.refuse(problem)
		return
	}
	switch m.Method {
	case "INVITE":
		l.invites.invite(r)
	case "ACK":
		if !l.invites.ack(r) {
			l.handler.ServeSIP(r)
		}
	case "CANCEL":
		l.cancel(r)
	default:
		if l.begin(r) {
			l.handler.ServeSIP(r)
		}
	}
}

// reuse notes that a peer takes requests on this stream (RFC 5923 §5).
func (l *Layer) reuse(f *transport.Flow, m *message.Message) {
	if !f.Reliable() || l.o.Alias == nil {
		return
	}
	via, ok := m.TopVia()
	if !ok || !via.Alias || !l.o.Alias(f) {
		return
	}
	port := via.Port
	if port == 0 {
		port = 5060
		if f.Transport() == transport.TLS {
			port = 5061
		}
	}
	l.o.Transport.Alias(f, uint16(port))
}

// receiveBad answers a request that could not be read with 400, statelessly.
func (l *Layer) receiveBad(f *transport.Flow, m *message.Message, cause error) {
	l.noise.Info().Err(cause).Str("src", f.Sender()).Str("transport", f.Transport()).
		Str("method", m.Method).Str("call_id", m.CallID()).Msg("malformed SIP request")
	m.StampVia(f.Remote())
	r := &Request{Message: m, Flow: f, At: time.Now(), layer: l}
	r.refuse(message.Verdict(m, cause))
}

// begin enters a non-INVITE request into the replay cache; false: it is a
// retransmission, and has been dealt with. Reliable transports bring none.
func (l *Layer) begin(r *Request) bool {
	if r.Flow.Reliable() {
		return true
	}
	r.key = l.replay.key(r.Message)
	reply, to, known := l.replay.begin(r.key, r.At)
	if !known {
		l.wheel.kick()
		return true
	}
	l.metric.retransmission()
	if reply != nil {
		_ = to.Send(reply)
	}
	return false
}

// cancel answers a CANCEL and tells its INVITE (RFC 3261 §9.2).
func (l *Layer) cancel(r *Request) {
	if !l.begin(r) {
		return
	}
	k := l.invites.inviteKey(r.Message)
	tx := l.invites.find(k)
	if tx == nil {
		if known, _ := l.replay.settled(k, r.At); known { // too late: it changes nothing
			r.Reply(200)
			return
		}
		r.Reply(481)
		return
	}
	r.Reply(200)
	tx.cancels(r.Values(message.Reason))
}

// response hands a response to its client transaction.
func (l *Layer) response(m *message.Message) {
	via, _ := m.TopVia()
	_, method := m.CSeq()
	if method == "INVITE" {
		if o := l.outgoing.find(via.Branch); o != nil {
			o.response(m)
			return
		}
	}
	if !l.wheel.response(via.Branch, method, m) {
		l.metric.drop("unmatched_response")
	}
}

// Close ends all transactions: open client ones get ErrClosed. Close the
// transport first, so that nothing new arrives.
func (l *Layer) Close() error {
	l.wheel.close()
	l.invites.close()
	l.outgoing.close()
	l.wg.Wait()
	l.metric.unregister()
	return nil
}

// responseFlow is where a response to r goes (RFC 3261 §18.2.2, RFC 3581 §4):
// over a stream back on it; by UDP to the address the request came from, to its
// port if rport was there or is as good as there, else to the sent-by port. A
// maddr is not obeyed: it would let anybody aim our answers at a third party.
func responseFlow(r *Request) *transport.Flow {
	if r.Flow.Reliable() {
		return r.Flow
	}
	via, ok := r.TopVia()
	if !ok || via.HasRPort || translated(&via, r.Flow.Remote().Addr()) || r.layer.o.ForceRPort != nil && r.layer.o.ForceRPort(r.Flow) {
		return r.Flow
	}
	port := uint16(5060)
	if via.Port > 0 {
		port = uint16(via.Port)
	}
	return r.Flow.On(netip.AddrPortFrom(r.Flow.Remote().Addr(), port))
}

// translated: a Via that names a private address, in a datagram from a public
// one, passed a translator of addresses. At the public address nobody listens on
// the sent-by port.
func translated(via *message.ViaValue, src netip.Addr) bool {
	own, err := netip.ParseAddr(via.Host)
	return err == nil && private(own) && !private(src)
}

// private: the address means nothing beyond its own network (RFC 1918, RFC 4193,
// RFC 6598, link-local).
func private(a netip.Addr) bool {
	a = a.Unmap()
	shared := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10)
	return a.IsPrivate() || a.IsLinkLocalUnicast() || a.IsLoopback() || shared.Contains(a)
}
