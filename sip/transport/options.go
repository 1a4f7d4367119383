package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"lamplight/sip/message"
)

// The transports by the names a Via uses (RFC 3261 §20.42, RFC 7118 §5.2).
const (
	UDP = "UDP"
	TCP = "TCP"
	TLS = "TLS"
	WS  = "WS"
	WSS = "WSS"
)

// Sentinel errors of flows and the layer.
var (
	// ErrFlowClosed: the connection ended, or its listener did.
	ErrFlowClosed = errors.New("SIP flow is closed")
	// ErrQueueFull: the peer does not take what it is sent; this message was dropped.
	ErrQueueFull = errors.New("SIP flow's send queue is full")
	// ErrTooLong: the message does not fit in a datagram.
	ErrTooLong = errors.New("SIP message too long for UDP")
	// ErrNoListener: no UDP socket of that address family is served.
	ErrNoListener = errors.New("no UDP listener for that address")
	// ErrClosed: the layer is closed.
	ErrClosed = errors.New("SIP transport is closed")
)

// Options configure a Layer. The zero value works: it serves nothing and
// delivers nowhere until told to.
type Options struct {
	Log zerolog.Logger
	// OnMessage gets every message, on the goroutine that read it, in the order
	// of its flow. It must not block. transaction.New sets it by Bind.
	OnMessage func(*Flow, *message.Message)
	// OnBad gets a request that does not parse but can be told 400 (see
	// message.Parse), under the same rules.
	OnBad func(*Flow, *message.Message, error)
	// OnFlowClosed is told once about every stream flow that ended, on the
	// goroutine that ended it: Flow.Close and Layer.Close call it before they
	// return, so hold no lock of its own when you call those.
	OnFlowClosed func(*Flow)

	Limits Limits

	// Trusted addresses are exempt from the limits per address.
	Trusted []netip.Prefix
	// Urgent says of which Request-URIs INVITEs are calls for help: they pass where
	// their address has sent too much, two a second; nil: of none.
	Urgent func(uri string) bool
	// LimitLoopback applies the limits per address to loopback too.
	LimitLoopback bool

	// Origins are the origins (patterns of [scheme://]host[:port]) from which pages may open
	// a WebSocket, besides our own host. "*" allows every page.
	Origins []string
	// Client says of a WebSocket's request whom it is from where it came by way of a
	// reverse proxy that is believed, and false of every other; nil: there is none.
	Client func(*http.Request) (netip.Addr, bool)
	// Advertise is the host that Via and Contact name, but on loopback sockets; "":
	// the bound address, or the one that packets to the peer leave from.
	Advertise string

	// Dial opens outgoing streams; nil: by TCP.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// ClientTLS is used for outgoing TLS; nil: the system's roots, and the peer's
	// address as the name its certificate must bear.
	ClientTLS *tls.Config

	Metrics prometheus.Registerer // nil: none
}

// Limits bound what peers can make us keep. Zero fields get the default.
type Limits struct {
	Flows         int // UDP peers remembered; 200,000
	Conns         int // streams open at once; 200,000
	ConnsPerAddr  int // streams open at once from one address; 2,000
	Rate          int // messages a second from one address; 5,000
	Burst         int // messages at once from one address; 10,000
	Head          int // start line and headers of one message, bytes; 64 KiB
	Body          int // body of one message, bytes; 256 KiB
	Buffered      int // of all streams' messages begun and over 16 KiB, bytes; 512 MiB
	QueueMessages int // messages waiting for one stream; 512
	QueueBytes    int // bytes waiting for one stream; 1 MiB

	FlowIdle     time.Duration // a silent UDP peer is forgotten; 10 min
	FirstMessage time.Duration // for a new stream's first message, handshake included; 15 s
	Message      time.Duration // for the rest of a message begun; 10 s
	Idle         time.Duration // a silent stream is closed; 2 h
	Write        time.Duration // for one write to a stream; 5 s
	DialTimeout  time.Duration // for an outgoing stream; 5 s
	Ping         time.Duration // between WebSocket pings; 25 s
}

func (l Limits) withDefaults() Limits {
	def(&l.Flows, 200_000)
	def(&l.Conns, 200_000)
	def(&l.ConnsPerAddr, 2_000)
	def(&l.Rate, 5_000)
	def(&l.Burst, 10_000)
	def(&l.Head, message.MaxHead)
	def(&l.Body, 256<<10)
	def(&l.Buffered, 512<<20)
	def(&l.QueueMessages, 512)
	def(&l.QueueBytes, 1<<20)
	def(&l.FlowIdle, 10*time.Minute)
	def(&l.FirstMessage, 15*time.Second)
	def(&l.Message, 10*time.Second)
	def(&l.Idle, 2*time.Hour)
	def(&l.Write, 5*time.Second)
	def(&l.DialTimeout, 5*time.Second)
	def(&l.Ping, 25*time.Second)
	return l
}

func def[T int | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}
