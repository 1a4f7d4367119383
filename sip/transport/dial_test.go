package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

func TestFlowTo(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		ctx := t.Context()
		peer := netip.MustParseAddrPort("10.0.0.7:5060")
		u, err := w.Flow(ctx, UDP, peer)
		if err != nil || u.Reliable() || u.Local() != netip.MustParseAddrPort(server) || u.Host() != "10.0.0.1" || u.ListenPort() != 5060 {
			t.Fatalf("%+v %v", u, err)
		}
		if again, _ := w.Flow(ctx, UDP, peer); again != u {
			t.Error("two flows to one UDP peer")
		}
		if _, err := w.Flow(ctx, UDP, netip.MustParseAddrPort("[2001:db8::1]:5060")); !errors.Is(err, ErrNoListener) {
			t.Errorf("IPv6 peer of an IPv4 socket: %v", err)
		}
		in := w.dial(t, "10.0.0.7:40001")
		write(t, in, options)
		w.messages()
		f, err := w.Flow(ctx, TCP, netip.MustParseAddrPort("10.0.0.7:40001"))
		if err != nil || f != w.flows[0] {
			t.Errorf("the open stream was not used: %v", err)
		}
		if byID, ok := w.FlowByID(f.ID()); !ok || byID != f {
			t.Error("stream not found by its ID")
		}
		in.Close()
		w.ended()
		if _, ok := w.FlowByID(f.ID()); ok {
			t.Error("an ended stream is found by its ID")
		}
		for transport, want := range map[string]error{WS: ErrFlowClosed, WSS: ErrFlowClosed, "SCTP": nil} {
			if _, err := w.Flow(ctx, transport, peer); err == nil || want != nil && !errors.Is(err, want) {
				t.Errorf("%s: %v", transport, err)
			}
		}
		for _, id := range []string{"", "TCP-99", "UDP-9-1.2.3.4:5", "UDP-1-x", "TLS-1"} {
			if _, ok := w.FlowByID(id); ok {
				t.Errorf("flow %q found", id)
			}
		}
	})
}

func TestDial(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		ln := w.net.Listen("10.0.0.7:5060")
		to := netip.MustParseAddrPort("10.0.0.7:5060")
		var flows sync.Map
		var wg sync.WaitGroup
		for range 20 { // at once: one connection
			wg.Go(func() {
				f, err := w.Flow(t.Context(), TCP, to)
				if err != nil {
					t.Error(err)
				}
				flows.Store(f, true)
			})
		}
		c, _ := ln.Accept()
		wg.Wait()
		n := 0
		flows.Range(func(k, _ any) bool { n++; return true })
		if n != 1 {
			t.Errorf("%d flows", n)
		}
		f := w.mustStream(t)
		if f.ListenPort() != 5060 {
			t.Errorf("contact port of a dialled flow: %d", f.ListenPort())
		}
		if err := f.Send([]byte("hello")); err != nil {
			t.Error(err)
		}
		if got := read(c); got != "hello" {
			t.Errorf("%q", got)
		}
		write(t, c, options)
		if w.messages() != 1 || w.flows[0] != f {
			t.Error("what the peer sends on our stream is not read")
		}
		c.Close()
		ln.Close()
		w.ended()
		if _, err := w.Flow(t.Context(), TCP, to); err == nil {
			t.Error("dialled a closed port")
		}
	})
}

func TestDialTakesBoundedTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(Options{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		defer l.Close()
		at := time.Now()
		if _, err := l.Flow(t.Context(), TCP, netip.MustParseAddrPort("10.0.0.7:5060")); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		if d := time.Since(at); d != 5*time.Second {
			t.Errorf("took %v", d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		at = time.Now()
		if _, err := l.Flow(ctx, TCP, netip.MustParseAddrPort("10.0.0.7:5060")); err == nil || time.Since(at) != time.Second {
			t.Errorf("the caller's deadline: %v after %v", err, time.Since(at))
		}
	})
}

// failing is a listener and a packet socket that fail a few times.
type failing struct {
	net.Listener
	net.PacketConn
	left atomic.Int32
}

func (f *failing) Accept() (net.Conn, error) {
	if f.left.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: syscall.EMFILE}
	}
	return f.Listener.Accept()
}

func (f *failing) ReadFrom(b []byte) (int, net.Addr, error) {
	if f.left.Add(-1) >= 0 {
		return 0, nil, &net.OpError{Op: "read", Err: syscall.ENOBUFS}
	}
	return f.PacketConn.ReadFrom(b)
}

type failingListener struct{ *failing }

func (f failingListener) Close() error   { return f.Listener.Close() }
func (f failingListener) Addr() net.Addr { return f.Listener.Addr() }

type failingPackets struct{ *failing }

func (f failingPackets) Close() error                      { return f.PacketConn.Close() }
func (f failingPackets) LocalAddr() net.Addr               { return f.PacketConn.LocalAddr() }
func (f failingPackets) SetReadDeadline(t time.Time) error { return f.PacketConn.SetReadDeadline(t) }

func TestSocketErrorsDoNotEndServing(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		ctx, cancel := context.WithCancel(t.Context())
		var served sync.WaitGroup
		ln := &failing{Listener: w.net.Listen("10.0.0.1:5070")}
		pc := &failing{PacketConn: w.net.ListenPacket("10.0.0.1:5070")}
		ln.left.Store(10)
		pc.left.Store(10)
		served.Go(func() { _ = w.ServeStream(ctx, failingListener{ln}, TCP) })
		served.Go(func() { _ = w.ServePacket(ctx, failingPackets{pc}) })
		c, err := w.net.DialFrom(t.Context(), "10.0.0.2:0", "10.0.0.1:5070")
		if err != nil {
			t.Fatal(err)
		}
		write(t, c, options)
		u := w.net.ListenPacket("10.0.0.2:5060")
		u.WriteTo([]byte(options), net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.1:5070")))
		time.Sleep(10 * time.Second)
		if n := w.messages(); n != 2 || w.drops("accept") != 10 {
			t.Errorf("%d messages, %d failed accepts", n, w.drops("accept"))
		}
		c.Close()
		u.Close()
		cancel()
		served.Wait()
	})
}

func TestSTUN(t *testing.T) {
	inWorld(t, Options{}, func(t *testing.T, w *world) {
		pc := w.net.ListenPacket("10.0.0.2:5060")
		defer pc.Close()
		to := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(server))
		request := append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, "123456789012"...)
		pc.WriteTo([]byte("\x00\x11\x00\x00\x21\x12\xa4\x42123456789012"), to) // an indication: no answer
		pc.WriteTo(request, to)
		b := make([]byte, 100)
		pc.SetReadDeadline(time.Now().Add(time.Second))
		n, _, err := pc.ReadFrom(b)
		// RFC 8489 §14.2: port and address XORed with the cookie.
		want := "\x01\x01\x00\x0c\x21\x12\xa4\x42123456789012\x00\x20\x00\x08\x00\x01" +
			string([]byte{5060>>8 ^ 0x21, 5060&0xff ^ 0x12, 10 ^ 0x21, 0 ^ 0x12, 0 ^ 0xa4, 2 ^ 0x42})
		if err != nil || string(b[:n]) != want {
			t.Errorf("%x\n%x %v", b[:n], want, err)
		}
	})
	if a := stunAnswer(append([]byte{0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, "123456789012"...), netip.MustParseAddrPort("[2001:db8::1]:1")); len(a) != 20+4+20 || a[25] != 2 {
		t.Errorf("IPv6: %x", a)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := siptest.NewNet()
		closed := 0
		l := New(Options{OnFlowClosed: func(*Flow) { closed++ }, OnMessage: func(*Flow, *message.Message) {}})
		done := make(chan error, 2)
		go func() { done <- l.ServePacket(context.Background(), n.ListenPacket(server)) }()
		go func() { done <- l.ServeStream(context.Background(), n.Listen(server), TCP) }()
		synctest.Wait()
		c, err := n.DialFrom(t.Context(), "10.0.0.2:0", server)
		if err != nil {
			t.Fatal(err)
		}
		u, _ := l.Flow(t.Context(), UDP, netip.MustParseAddrPort("10.0.0.2:5060"))
		write(t, c, options)
		synctest.Wait()
		l.Close()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if got := read(c); got != "EOF" || closed != 1 {
			t.Errorf("%q, %d told", got, closed)
		}
		select {
		case <-u.Done():
		default:
			t.Error("UDP flow outlives its listener")
		}
		if err := u.Send([]byte("x")); !errors.Is(err, ErrFlowClosed) {
			t.Error(err)
		}
		if err := l.ServePacket(context.Background(), n.ListenPacket(server)); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		if _, err := l.Flow(t.Context(), TCP, netip.MustParseAddrPort("10.0.0.2:5060")); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
		c.Close()
	})
}
