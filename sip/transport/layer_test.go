package transport

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

const (
	server  = "10.0.0.1:5060"
	options = "OPTIONS sip:a@10.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 10.0.0.2;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nl: 0\r\n\r\n"
)

// world is a layer on an in-memory network, with what it reported.
type world struct {
	*Layer
	net *siptest.Net
	reg *prometheus.Registry

	mu     sync.Mutex
	got    []*message.Message // guarded by mu
	flows  []*Flow            // of got; guarded by mu
	bad    []error            // guarded by mu
	closed []*Flow            // guarded by mu
}

// inWorld runs a test in a bubble of its own time, with a layer that serves UDP
// and TCP at server.
func inWorld(t *testing.T, o Options, f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{net: siptest.NewNet(), reg: prometheus.NewRegistry()}
		o.Metrics = w.reg
		o.Dial = w.net.Dial
		o.OnMessage = func(f *Flow, m *message.Message) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.got, w.flows = append(w.got, m), append(w.flows, f)
		}
		o.OnBad = func(f *Flow, m *message.Message, err error) {
			w.mu.Lock()
			w.bad = append(w.bad, err)
			w.mu.Unlock()
			_ = f.Send(message.NewResponse(m, 400, "").Bytes())
		}
		o.OnFlowClosed = func(f *Flow) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.closed = append(w.closed, f)
		}
		w.Layer = New(o)
		ctx, cancel := context.WithCancel(t.Context())
		var served sync.WaitGroup
		served.Go(func() { _ = w.ServePacket(ctx, w.net.ListenPacket(server)) })
		served.Go(func() { _ = w.ServeStream(ctx, w.net.Listen(server), TCP) })
		synctest.Wait()
		f(t, w)
		cancel()
		served.Wait()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
}

func (w *world) messages() int {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.got)
}

func (w *world) ended() int {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.closed)
}

func (w *world) drops(cause string) int {
	return int(gather(w.reg)["lamplight_sip_dropped_total "+cause])
}

// gather reads a registry as "name label-values" → value.
func gather(reg *prometheus.Registry) map[string]float64 {
	out := make(map[string]float64)
	families, err := reg.Gather()
	if err != nil {
		panic(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			out[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue()
		}
	}
	return out
}

func (w *world) dial(t *testing.T, from string) net.Conn {
	t.Helper()
	c, err := w.net.DialFrom(t.Context(), from, server)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func write(t *testing.T, c net.Conn, s string) {
	t.Helper()
	if _, err := c.Write([]byte(s)); err != nil {
		t.Fatalf("write: %v", err)
	}
}

// read returns what comes within a second of the bubble.
func read(c net.Conn) string {
	b := make([]byte, 1<<16)
	c.SetReadDeadline(time.Now().Add(time.Second))
	n, err := c.Read(b)
	if n == 0 && err != nil {
		return err.Error()
	}
	return string(b[:n])
}

func TestTornStream(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.dial(t, "10.0.0.2:0")
		for _, b := range []byte("\r\n" + options + options) {
			write(t, c, string(b))
			synctest.Wait()
		}
		if n := w.messages(); n != 2 {
			t.Errorf("%d messages, want 2", n)
		}
		c.Close()
		if w.ended() != 1 {
			t.Error("the flow's end was not told")
		}
	})
}

func TestKeepAlive(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.dial(t, "10.0.0.2:0")
		write(t, c, options+"\r\n\r\n")
		if got := read(c); got != "\r\n" {
			t.Errorf("ping answered with %q", got)
		}
		// A lone pong is no message begun: the flow stays.
		write(t, c, "\r\n")
		time.Sleep(time.Minute)
		if w.ended() != 0 {
			t.Error("a pong ended the flow")
		}
		c.Close()
		pc := w.net.ListenPacket("10.0.0.2:5060")
		for _, s := range []string{"\r\n\r\n", "\r\n", "\x00\x00\x00\x00", ""} {
			pc.WriteTo([]byte(s), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(server)))
		}
		pc.SetReadDeadline(time.Now().Add(time.Second))
		if n, _, err := pc.ReadFrom(make([]byte, 100)); err == nil {
			t.Errorf("keep-alive answered over UDP with %d bytes", n)
		}
		if w.drops("malformed") != 0 || w.flowsLen() != 0 {
			t.Errorf("%d drops, %d flows", w.drops("malformed"), w.flowsLen())
		}
		pc.Close()
	})
}

func (w *world) flowsLen() int { return w.Layer.flows.len() }

func TestSlowStreams(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		silent, slow, half := w.dial(t, "10.0.0.2:0"), w.dial(t, "10.0.0.2:0"), w.dial(t, "10.0.0.2:0")
		good := w.dial(t, "10.0.0.3:0")
		write(t, good, options)
		write(t, half, options+options[:50])
		for i := range 14 {
			write(t, slow, options[i:i+1])
			time.Sleep(time.Second)
		}
		if n := w.ended(); n != 1 {
			t.Errorf("after 14 s %d flows ended, want the one that began a second message and stalled", n)
		}
		time.Sleep(2 * time.Second)
		if n := w.ended(); n != 3 {
			t.Errorf("after 16 s %d flows ended, want 3", n)
		}
		write(t, good, options)
		if n := w.messages(); n != 3 {
			t.Errorf("%d messages, want 3", n)
		}
		time.Sleep(2*time.Hour + time.Second)
		if n := w.ended(); n != 4 {
			t.Errorf("%d flows ended, want the silent one too", n)
		}
		for _, c := range []net.Conn{silent, slow, half, good} {
			c.Close()
		}
	})
}

func TestBadFraming(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		good := w.dial(t, "10.0.0.3:0")
		for name, s := range map[string]string{
			"no length":   strings.Replace(options, "l: 0\r\n", "", 1),
			"bad length":  strings.Replace(options, "l: 0", "l: x", 1),
			"huge body":   strings.Replace(options, "l: 0", "l: 900000", 1),
			"1 MB header": strings.Replace(options, "l: 0", "X: "+strings.Repeat("a", 1<<20)+"\r\nl: 0", 1),
		} {
			c := w.dial(t, "10.0.0.2:0")
			go c.Write([]byte(s))
			if got := read(c); !strings.HasPrefix(got, "SIP/2.0 400 ") {
				t.Errorf("%s: answered with %.100q", name, got)
			}
			time.Sleep(2 * time.Second)
			if got := read(c); got != "EOF" {
				t.Errorf("%s: then %.100q", name, got)
			}
			c.Close()
		}
		c := w.dial(t, "10.0.0.2:0")
		write(t, c, "\x16\x03\x01 no SIP")
		time.Sleep(2 * time.Second)
		if n := w.ended(); n != 5 {
			t.Errorf("%d flows ended, want 5", n)
		}
		c.Close()
		write(t, good, options)
		if w.messages() != 1 {
			t.Error("another client was affected")
		}
		good.Close()
	})
}

// Many peers that each begin a large message share one bounded room.
func TestLargeMessagesShareMemory(t *testing.T) {
	inWorld(t, Options{Limits: Limits{Buffered: 1 << 20}}, func(t *testing.T, w *world) {
		var conns []net.Conn
		large := strings.Replace(options, "l: 0", "l: 200000", 1) + strings.Repeat("x", 190_000)
		for range 50 {
			c := w.dial(t, "10.0.0.2:0")
			conns = append(conns, c)
			write(t, c, large)
			synctest.Wait()
		}
		if n := w.ended(); n < 40 || n > 49 || w.drops("buffered") != n || w.buffered.Load() > 1<<20 {
			t.Errorf("%d flows refused, %d bytes in use", n, w.buffered.Load())
		}
		for _, c := range conns {
			c.Close()
		}
		if w.ended(); w.buffered.Load() != 0 {
			t.Errorf("%d bytes still counted", w.buffered.Load())
		}
		c := w.dial(t, "10.0.0.2:0")
		write(t, c, large+strings.Repeat("x", 10_000))
		if w.messages() != 1 {
			t.Error("there is no room again")
		}
		c.Close()
	})
}

func TestSlowConsumer(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		c := w.dial(t, "10.0.0.2:0")
		write(t, c, options)
		w.messages()
		f := w.mustStream(t)
		b := []byte(strings.Repeat("x", 64<<10))
		full := 0
		for range 100 { // 6.4 MB: the network's buffer takes 1 MB, the queue another
			if err := f.Send(b); err != nil {
				full++
				if !strings.Contains(err.Error(), ErrQueueFull.Error()) {
					t.Fatal(err)
				}
			}
			synctest.Wait()
		}
		info := f.info()
		if full == 0 || info.Dropped != uint64(full) || w.drops("queue_full") != full || info.Queued == 0 {
			t.Errorf("%d refused, %+v", full, info)
		}
		time.Sleep(6 * time.Second)
		select {
		case <-f.Done():
		default:
			t.Error("a consumer that took nothing for six seconds is still there")
		}
		if err := f.Send(b); err == nil || w.drops("slow_consumer") != 1 || w.ended() != 1 {
			t.Errorf("send: %v, %d slow, %d ended", err, w.drops("slow_consumer"), w.ended())
		}
		c.Close()
	})
}

// mustStream returns the only stream.
func (l *Layer) mustStream(t *testing.T) *Flow {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.streams) != 1 {
		t.Fatalf("%d streams", len(l.streams))
	}
	for _, f := range l.streams {
		return f
	}
	return nil
}

func TestLimitsPerAddress(t *testing.T) {
	o := Options{Limits: Limits{ConnsPerAddr: 3, Rate: 10, Burst: 20}, Trusted: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}}
	inWorld(t, o, func(t *testing.T, w *world) {
		var conns []net.Conn
		for _, from := range []string{"10.0.0.2:0", "10.9.0.2:0", "127.0.0.1:0"} {
			for range 5 {
				conns = append(conns, w.dial(t, from))
			}
		}
		synctest.Wait()
		if n := len(w.Flows()); n != 13 || w.drops("conns_per_addr") != 2 {
			t.Errorf("%d streams, %d refused", n, w.drops("conns_per_addr"))
		}
		for _, c := range conns {
			c.Close()
		}
		synctest.Wait()
		again := w.dial(t, "10.0.0.2:0")
		write(t, again, options)
		if w.messages() != 1 {
			t.Error("closed streams are still counted")
		}
		again.Close()
		send := func(from string, n int) int {
			pc := w.net.ListenPacket(from)
			before := w.messages()
			for range n {
				pc.WriteTo([]byte(options), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(server)))
			}
			pc.Close()
			return w.messages() - before
		}
		if n := send("10.0.0.5:5060", 50); n != 20 {
			t.Errorf("%d of a burst of 50, want 20", n)
		}
		time.Sleep(time.Second)
		if n := send("10.0.0.5:5060", 50); n != 10 {
			t.Errorf("%d a second later, want 10", n)
		}
		if n := send("10.9.0.5:5060", 50); n != 50 {
			t.Errorf("%d from a trusted address", n)
		}
		if n := send("127.0.0.1:5060", 50); n != 50 {
			t.Errorf("%d from loopback", n)
		}
	})
}

// Forged sources: garbage makes no flow at all, sound messages a bounded number.
func TestFlowsAreBounded(t *testing.T) {
	inWorld(t, Options{Limits: Limits{Flows: 1600}}, func(t *testing.T, w *world) {
		l := w.Layer
		l.mu.Lock()
		p := l.listeners[0]
		l.mu.Unlock()
		from := func(i int) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}), 5060)
		}
		for i := range 20_000 {
			p.datagram([]byte("garbage that is longer than a keep-alive"), from(i))
		}
		if n := w.flowsLen(); n != 0 || w.drops("malformed") != 20_000 {
			t.Errorf("garbage made %d flows", n)
		}
		for i := range 20_000 {
			p.datagram([]byte(options), from(i))
		}
		if n := w.flowsLen(); n > 1600 || n < 1500 {
			t.Errorf("%d flows, limit 1600", n)
		}
		// A flow that is held works on after it was forgotten.
		held := w.flows[0]
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := w.flowsLen(); n != 0 {
			t.Errorf("%d flows after an hour of silence", n)
		}
		peer := w.net.ListenPacket(held.Remote().String())
		if err := held.Send([]byte("hello")); err != nil {
			t.Error(err)
		}
		if n, _, err := peer.ReadFrom(make([]byte, 10)); n != 5 || err != nil {
			t.Error(n, err)
		}
		again, ok := l.FlowByID(held.ID())
		if !ok || again.Remote() != held.Remote() || again.ID() != held.ID() {
			t.Errorf("flow %s not found again", held.ID())
		}
		peer.Close()
	})
}

func TestGateIsBounded(t *testing.T) {
	g := newGate(&Options{}, Limits{}.withDefaults())
	g.limit = 100
	now := time.Now()
	for i := range 10_000 {
		g.message(netip.AddrFrom4([4]byte{11, 0, byte(i >> 8), byte(i)}), now)
	}
	if len(g.m) > 100 {
		t.Errorf("%d addresses remembered", len(g.m))
	}
	g.purge(now.Add(time.Second))
	if len(g.m) != 0 {
		t.Errorf("%d addresses remembered after a quiet second", len(g.m))
	}
}

func TestMetricsRegister(t *testing.T) {
	reg := prometheus.NewRegistry()
	for range 2 { // a layer that closed leaves the registry free for the next
		l := New(Options{Metrics: reg})
		l.metric.drop("rate")
		if out := gather(reg); len(out) != 3 || out["lamplight_sip_dropped_total rate"] != 1 {
			t.Errorf("%v", out)
		}
		l.Close()
	}
}

func ExampleFlow_ID() {
	l := New(Options{})
	defer l.Close()
	p := &packetListener{layer: l, number: 1}
	fmt.Println(l.flows.get(p, netip.MustParseAddrPort("192.0.2.7:5060"), time.Now()).ID())
	// Output: UDP-1-192.0.2.7:5060
}
