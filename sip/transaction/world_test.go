package transaction

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"lamplight/sip/siptest"
	"lamplight/sip/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const server = "10.0.0.1:5060"

// world is both layers on an in-memory network, in a bubble of its own time.
type world struct {
	*Layer
	t   *testing.T
	net *siptest.Net
	tp  *transport.Layer
	reg *prometheus.Registry
}

func inWorld(t *testing.T, o Options, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, net: siptest.NewNet(), reg: prometheus.NewRegistry()}
		w.tp = transport.New(transport.Options{Dial: w.net.Dial})
		o.Transport, o.Metrics = w.tp, w.reg
		w.Layer = New(o)
		ctx, cancel := context.WithCancel(t.Context())
		var served sync.WaitGroup
		served.Go(func() { _ = w.tp.ServePacket(ctx, w.net.ListenPacket(server)) })
		served.Go(func() { _ = w.tp.ServeStream(ctx, w.net.Listen(server), transport.TCP) })
		synctest.Wait()
		f(t, w)
		cancel()
		served.Wait()
		w.tp.Close()
		w.Close()
	})
}

func (w *world) peer(addr string) *siptest.Peer { return siptest.NewPeer(w.t, w.net, addr, server) }

func (w *world) stream(addr string) *siptest.Peer {
	return siptest.NewStreamPeer(w.t, w.net, addr, server)
}

func (w *world) flow(addr string) *transport.Flow {
	w.t.Helper()
	f, err := w.tp.Flow(w.t.Context(), transport.UDP, netip.MustParseAddrPort(addr))
	if err != nil {
		w.t.Fatal(err)
	}
	return f
}

// count reads a metric as "name label-values".
func (w *world) count(name string) int {
	families, err := w.reg.Gather()
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			full := f.GetName()
			for _, l := range m.GetLabel() {
				full += " " + l.GetValue()
			}
			if full == name {
				return int(m.GetCounter().GetValue() + m.GetGauge().GetValue())
			}
		}
	}
	return 0
}

// text is a request with a given method and branch.
func text(method, branch string, extra ...string) []byte {
	s := fmt.Sprintf("%s sip:bob@10.0.0.1 SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=%s;rport\nMax-Forwards: 70\n"+
		"From: <sip:alice@example.com>;tag=1\nTo: <sip:bob@example.com>\nCall-ID: 1@example.com\nCSeq: 1 %[1]s\n", method, branch)
	return siptest.CRLF(s + strings.Join(extra, "\n"))
}

// handler counts and answers.
type handler struct {
	mu   sync.Mutex
	got  []*Request // guarded by mu
	then func(*Request)
}

func (h *handler) ServeSIP(r *Request) {
	h.mu.Lock()
	h.got = append(h.got, r)
	h.mu.Unlock()
	if h.then != nil {
		h.then(r)
	}
}

func (h *handler) count(method string) (n int) {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.got {
		if r.Method == method {
			n++
		}
	}
	return n
}

func (h *handler) last() *Request {
	synctest.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.got[len(h.got)-1]
}

func reply(status int) func(*Request) { return func(r *Request) { r.Reply(status) } }

// sentAt records when the network carried packets that start like that.
func (w *world) sentAt(prefix string) func() []time.Duration {
	start := time.Now()
	var mu sync.Mutex
	var out []time.Duration
	w.net.SetFaults(siptest.Faults{Drop: func(_, _ netip.AddrPort, b []byte) bool {
		if strings.HasPrefix(string(b), prefix) {
			mu.Lock()
			defer mu.Unlock()
			out = append(out, time.Since(start))
		}
		return false
	}})
	return func() []time.Duration {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return out
	}
}
