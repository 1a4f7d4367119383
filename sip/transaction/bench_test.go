package transaction

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/sip/transport"
)

func TestAllocations(t *testing.T) {
	m, err := message.Parse(text("REGISTER", "z9hG4bK1"))
	if err != nil {
		t.Fatal(err)
	}
	c := newReplayCache(1000, 1<<20, time.Minute)
	now := time.Now()
	c.begin(c.key(m), now)
	c.answer(c.key(m), []byte("x"), nil, true)
	if n := testing.AllocsPerRun(100, func() { c.begin(c.key(m), now) }); n > 0 {
		t.Errorf("replay lookup: %v allocations", n)
	}
	// A transaction in flight is one object in one map.
	w := newWheel(time.Second, time.Second, 1<<20, func(time.Time) int { return 0 })
	i := 0
	tx := &clientTx{raw: []byte("NOTIFY x")}
	if n := testing.AllocsPerRun(100, func() {
		s := &w.shards[0]
		s.mu.Lock()
		s.insertLocked(tx, int64(i))
		s.removeLocked(tx)
		s.mu.Unlock()
		i++
	}); n > 0 {
		t.Errorf("arming a timer: %v allocations", n)
	}
}

// registerText is what a phone sends, with a branch of its own.
func registerText(i int) []byte {
	return fmt.Appendf(nil, "REGISTER sip:demo.lamplight.test SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK%d;rport\r\nMax-Forwards: 70\r\n"+
		"Contact: <sip:1001@10.0.0.2:5060;ob>;expires=300\r\nTo: <sip:1001@demo.lamplight.test>\r\nFrom: <sip:1001@demo.lamplight.test>;tag=a73k\r\n"+
		"Call-ID: 1j9FpLxk3uxtm8tn@10.0.0.2\r\nCSeq: %d REGISTER\r\nUser-Agent: Example Desk 7.1\r\nAllow: INVITE, ACK, CANCEL, BYE, NOTIFY\r\n"+
		"Authorization: Digest username=\"1001\", realm=\"demo.lamplight.test\", nonce=\"5f2b91d6c1d34a5e8c7f\", uri=\"sip:demo.lamplight.test\", response=\"6629fae49393a05397450978507c4ef1\", cnonce=\"0a4f113b\", nc=00000001, qop=auth, algorithm=MD5\r\n"+
		"Content-Length: 0\r\n\r\n", i, i&0xffffff+1)
}

// nowhere is a packet socket that swallows what is sent.
type nowhere struct{ closed chan struct{} }

func (n nowhere) ReadFrom([]byte) (int, net.Addr, error) {
	<-n.closed
	return 0, nil, net.ErrClosed
}
func (n nowhere) WriteTo(b []byte, _ net.Addr) (int, error) { return len(b), nil }
func (n nowhere) Close() error                              { return nil }
func (n nowhere) LocalAddr() net.Addr                       { return &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 5060} }
func (n nowhere) SetDeadline(time.Time) error               { return nil }
func (n nowhere) SetReadDeadline(time.Time) error           { return nil }
func (n nowhere) SetWriteDeadline(time.Time) error          { return nil }

// BenchmarkRegister is a REGISTER through parser, table, an empty handler and
// the reply, without a network.
func BenchmarkRegister(b *testing.B) {
	tp := transport.New(transport.Options{})
	l := New(Options{Transport: tp, Handler: HandlerFunc(func(r *Request) { r.Reply(200) })})
	pc := nowhere{make(chan struct{})}
	go tp.ServePacket(context.Background(), pc)
	defer func() {
		close(pc.closed)
		tp.Close()
		l.Close()
	}()
	var f *transport.Flow
	for f == nil {
		f, _ = tp.Flow(context.Background(), transport.UDP, netip.MustParseAddrPort("10.0.0.2:5060"))
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i++
		m, err := message.Parse(registerText(i))
		if err != nil {
			b.Fatal(err)
		}
		l.receive(f, m)
	}
}

// BenchmarkClientTable is 100,000 transactions in flight: bytes of each, and the
// cost of starting and ending one.
func BenchmarkClientTable(b *testing.B) {
	tp := transport.New(transport.Options{})
	l := New(Options{Transport: tp, Handler: HandlerFunc(func(*Request) {})})
	pc := nowhere{make(chan struct{})}
	go tp.ServePacket(context.Background(), pc)
	defer func() {
		close(pc.closed)
		tp.Close()
		l.Close()
	}()
	var f *transport.Flow
	for f == nil {
		f, _ = tp.Flow(context.Background(), transport.UDP, netip.MustParseAddrPort("10.0.0.2:5060"))
	}
	raw, ok := []byte("NOTIFY sip:a@b SIP/2.0\r\n\r\n"), &message.Message{Status: 200}
	done := func(*message.Message, error) {}
	b.ReportAllocs()
	for b.Loop() {
		branches := make([]string, 100_000)
		for i := range branches {
			branches[i] = fmt.Sprint("z9hG4bK", i)
			l.SendRaw(f, branches[i], raw, done)
		}
		for _, s := range branches {
			if !l.wheel.response(s, "NOTIFY", ok) {
				b.Fatal("lost")
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100_000, "ns/transaction")
}

// BenchmarkInMemory is a REGISTER there and back over the in-memory network.
func BenchmarkInMemory(b *testing.B) {
	n := siptest.NewNet()
	tp := transport.New(transport.Options{})
	l := New(Options{Transport: tp, Handler: HandlerFunc(func(r *Request) { r.Reply(200) })})
	go tp.ServePacket(context.Background(), n.ListenPacket(server))
	defer l.Close()
	defer tp.Close()
	pc := n.ListenPacket("10.0.0.2:5060")
	defer pc.Close()
	to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(server))
	buf := make([]byte, 65536)
	i := 0
	for b.Loop() {
		i++
		for {
			pc.WriteTo(registerText(i), to)
			pc.SetReadDeadline(time.Now().Add(time.Second))
			if _, _, err := pc.ReadFrom(buf); err == nil {
				break
			}
		}
	}
}

// BenchmarkLoopback compares CPU per request over real loopback UDP, client and
// kernel included, between a bare echo and the whole layer.
func BenchmarkLoopback(b *testing.B) {
	b.Run("echo", func(b *testing.B) {
		pc, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
		if err != nil {
			b.Fatal(err)
		}
		defer pc.Close()
		go func() {
			buf := make([]byte, 65536)
			for {
				n, from, err := pc.ReadFromUDPAddrPort(buf)
				if err != nil {
					return
				}
				pc.WriteToUDPAddrPort(buf[:min(n, 400)], from)
			}
		}()
		closedLoop(b, pc.LocalAddr().String())
	})
	b.Run("layer", func(b *testing.B) {
		tp := transport.New(transport.Options{})
		l := New(Options{Transport: tp, Handler: HandlerFunc(func(r *Request) { r.Reply(200) })})
		socks, err := transport.ListenUDP(b.Context(), "127.0.0.1:0", 1)
		if err != nil {
			b.Fatal(err)
		}
		go tp.ServePacket(context.Background(), socks[0])
		defer l.Close()
		defer tp.Close()
		closedLoop(b, socks[0].LocalAddr().String())
	})
}

// closedLoop keeps 64 requests in flight until b.N are answered.
func closedLoop(b *testing.B, to string) {
	var left, number atomic.Int64
	left.Store(int64(b.N))
	var lost atomic.Int64
	before := cpu()
	var wg sync.WaitGroup
	for range 64 {
		c, err := net.Dial("udp", to)
		if err != nil {
			b.Fatal(err)
		}
		wg.Go(func() {
			defer c.Close()
			buf := make([]byte, 2048)
			raw := string(registerText(0))
			for left.Add(-1) >= 0 {
				branch := fmt.Sprint("branch=z9hG4bK", number.Add(1))
				c.Write([]byte(strings.Replace(raw, "branch=z9hG4bK0", branch, 1)))
				c.SetReadDeadline(time.Now().Add(time.Second))
				if _, err := c.Read(buf); err != nil {
					lost.Add(1)
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(lost.Load()), "lost")
}

// cpu is the user and system time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkNotify is a NOTIFY and its 200 over real loopback UDP, 64 in flight,
// the answering peer's CPU included.
func BenchmarkNotify(b *testing.B) {
	tp := transport.New(transport.Options{})
	l := New(Options{Transport: tp, Handler: HandlerFunc(func(*Request) {})})
	socks, err := transport.ListenUDP(b.Context(), "127.0.0.1:0", 1)
	if err != nil {
		b.Fatal(err)
	}
	go tp.ServePacket(context.Background(), socks[0])
	defer l.Close()
	defer tp.Close()
	peer, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		b.Fatal(err)
	}
	defer peer.Close()
	go func() { // the cheapest peer there is: it turns the start line around
		buf := make([]byte, 65536)
		for {
			n, from, err := peer.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			_, head, _ := strings.Cut(string(buf[:n]), "\r\n")
			peer.WriteToUDPAddrPort([]byte("SIP/2.0 200 OK\r\n"+head), from)
		}
	}()
	var f *transport.Flow
	for f == nil {
		f, _ = tp.Flow(b.Context(), transport.UDP, netip.MustParseAddrPort(peer.LocalAddr().String()))
	}
	const tail = "From: <sip:1002@demo.lamplight.test>;tag=9fxced76sl\r\nTo: <sip:1001@demo.lamplight.test>;tag=8321234356\r\n" +
		"Call-ID: 3848276298220188511@10.0.0.2\r\nCSeq: 2 NOTIFY\r\nMax-Forwards: 70\r\nEvent: dialog\r\nSubscription-State: active;expires=300\r\nContent-Length: 0\r\n\r\n"
	inFlight := make(chan struct{}, 64)
	var failed atomic.Int64
	done := func(_ *message.Message, err error) {
		if err != nil {
			failed.Add(1)
		}
		<-inFlight
	}
	before := cpu()
	b.ReportAllocs()
	for b.Loop() {
		inFlight <- struct{}{}
		branch := message.NewBranch()
		l.SendRaw(f, branch, fmt.Appendf(nil, "NOTIFY sip:1001@10.0.0.2 SIP/2.0\r\nVia: %s\r\n%s", l.Via(f, branch), tail), done)
	}
	for range cap(inFlight) {
		inFlight <- struct{}{}
	}
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(failed.Load()), "failed")
}
