package siptest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"lamplight/sip/message"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// drain reads what has arrived.
func drain(c net.PacketConn) (out []string) {
	b := make([]byte, 100)
	for {
		c.SetReadDeadline(time.Now().Add(time.Second))
		n, _, err := c.ReadFrom(b)
		if err != nil {
			return out
		}
		out = append(out, string(b[:n]))
	}
}

func TestPackets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNet()
		a, b := n.ListenPacket("10.0.0.1:0"), n.ListenPacket("[2001:db8::1]:5060")
		send := func() []string {
			for i := range 200 {
				if _, err := a.WriteTo(fmt.Append(nil, i), b.LocalAddr()); err != nil {
					t.Fatal(err)
				}
			}
			return drain(b)
		}
		plain := send()
		if len(plain) != 200 || plain[0] != "0" || plain[199] != "199" {
			t.Errorf("a kind network lost or shuffled: %v", plain)
		}
		faults := Faults{Seed: 1, Loss: 0.2, Duplicate: 0.2, Reorder: 0.2}
		n.SetFaults(faults)
		first := send()
		n.SetFaults(faults)
		if again := send(); strings.Join(first, " ") != strings.Join(again, " ") {
			t.Error("the same seed did something else")
		}
		n.SetFaults(Faults{Seed: 2, Loss: 0.2, Duplicate: 0.2, Reorder: 0.2})
		if other := send(); strings.Join(first, " ") == strings.Join(other, " ") {
			t.Error("another seed did the same")
		}
		n.SetFaults(Faults{Delay: time.Minute})
		at := time.Now()
		a.WriteTo([]byte("late"), b.LocalAddr())
		b.SetReadDeadline(time.Time{})
		if _, from, err := b.ReadFrom(make([]byte, 10)); err != nil || time.Since(at).Round(time.Millisecond) != time.Minute || from.String() != a.LocalAddr().String() {
			t.Errorf("%v after %v from %v", err, time.Since(at), from)
		}
		n.SetFaults(Faults{})
		for range inboxSize + 100 { // never blocks
			a.WriteTo([]byte("x"), b.LocalAddr())
		}
		b.Close()
		if _, _, err := b.ReadFrom(nil); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		a.WriteTo([]byte("to nobody"), b.LocalAddr())
		a.Close()
		if s := n.Stats(); s.Lost < 101 {
			t.Errorf("%+v", s)
		}
	})
}

// The losses of one direction are its own: neither other traffic nor the faults
// of another direction change them.
func TestFaultsAreOfADirection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNet()
		a, b := n.ListenPacket("10.0.0.1:5060"), n.ListenPacket("10.0.0.2:5060")
		defer a.Close()
		defer b.Close()
		lost := func(noise bool) (there, back []string) {
			n.SetFaults(Faults{Seed: 5, Loss: 0.2})
			n.SetFaultsFrom(netip.MustParseAddrPort("10.0.0.2:5060"), Faults{Duplicate: 0.5, Jitter: time.Second})
			for i := range 200 {
				if noise {
					b.WriteTo([]byte("noise"), net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.3:1")))
				}
				a.WriteTo(fmt.Append(nil, i), b.LocalAddr())
				b.WriteTo(fmt.Append(nil, i), a.LocalAddr())
			}
			return drain(b), drain(a)
		}
		there, back := lost(false)
		if len(there) < 140 || len(there) > 180 {
			t.Errorf("%d of 200 arrived at a loss of a fifth", len(there))
		}
		if len(back) < 270 || len(back) > 330 || slices.IsSorted(back) {
			t.Errorf("%d arrived of 200 that lose nothing, come twice half the time and in any order", len(back))
		}
		there2, back2 := lost(true)
		if !slices.Equal(there, there2) || !slices.Equal(back, back2) {
			t.Error("what else was sent changed who lost what")
		}
	})
}

func TestPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNet()
		c := n.ListenPacket("10.0.0.1:5060")
		defer c.Close()
		var p *Port
		p = n.Attach("10.0.0.2:0", func(from netip.AddrPort, b []byte) { p.Send(from, append([]byte("re "), b...)) })
		c.WriteTo([]byte("hello"), net.UDPAddrFromAddrPort(p.Addr()))
		if got := drain(c); !slices.Equal(got, []string{"re hello"}) {
			t.Errorf("%q", got)
		}
		p.Close()
		c.WriteTo([]byte("hello"), net.UDPAddrFromAddrPort(p.Addr()))
		if s := n.Stats(); s.Lost != 1 || s.Delivered != 2 {
			t.Errorf("%+v", s)
		}
	})
}

func TestStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNet()
		ln := n.Listen("10.0.0.1:5060")
		near, err := n.DialFrom(t.Context(), "10.0.0.2:0", "10.0.0.1:5060")
		if err != nil {
			t.Fatal(err)
		}
		far, err := ln.Accept()
		if err != nil || far.RemoteAddr().String() != near.LocalAddr().String() {
			t.Fatal(err)
		}
		near.Write([]byte("hello"))
		b := make([]byte, 3)
		if n, _ := far.Read(b); string(b[:n]) != "hel" {
			t.Errorf("%q", b)
		}
		near.SetWriteDeadline(time.Now().Add(time.Second))
		if sent, err := near.Write(make([]byte, 2*streamBuffer)); !errors.Is(err, os.ErrDeadlineExceeded) || sent != streamBuffer-2 {
			t.Errorf("sent %d, %v", sent, err)
		}
		near.Close()
		total := 0
		for buf := make([]byte, 1<<16); err == nil; {
			var n int
			n, err = far.Read(buf)
			total += n
		}
		if total != streamBuffer || err.Error() != "EOF" {
			t.Errorf("read %d, then %v", total, err)
		}
		if _, err := far.Write([]byte("x")); err == nil {
			t.Error("wrote to a closed stream")
		}
		far.Close()
		ln.Close()
		if _, err := n.Dial(context.Background(), "tcp", "10.0.0.1:5060"); err == nil {
			t.Error("dialled a closed port")
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
	})
}

func TestDeadlineMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewNet().ListenPacket("10.0.0.1:1")
		defer c.Close()
		c.SetReadDeadline(time.Now().Add(time.Hour))
		go func() {
			time.Sleep(time.Second)
			c.SetReadDeadline(time.Unix(1, 0)) // as a server does to end its reader
		}()
		at := time.Now()
		if _, _, err := c.ReadFrom(nil); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(at) != time.Second {
			t.Errorf("%v after %v", err, time.Since(at))
		}
		c.SetReadDeadline(time.Now().Add(time.Minute))
		at = time.Now()
		if _, _, err := c.ReadFrom(nil); !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(at) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(at))
		}
	})
}

// Two peers: one plays the server and challenges.
func TestPeerRegisters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNet()
		n.SetFaults(Faults{Seed: 3, Loss: 0.3, Duplicate: 0.3})
		phone := NewPeer(t, n, "10.0.0.2:5060", "10.0.0.1:5060")
		registrar := NewPeer(t, n, "10.0.0.1:5060", "10.0.0.2:5060")
		registrar.Handle(func(m *message.Message) *message.Builder {
			if !m.Has(message.Authorization) {
				return message.NewResponse(m, 401, "").Add(message.WWWAuthenticate, `Digest realm="r", nonce="n", qop="auth", algorithm=MD5`)
			}
			if !strings.Contains(m.Get(message.Authorization), `username="1001"`) || m.Get(message.Expires) != "60" {
				return message.NewResponse(m, 403, "")
			}
			return message.NewResponse(m, 200, "")
		})
		var calls []string
		for range 5 {
			res := phone.Register("sip:1001@example.com", "1001", "secret", 60)
			if res.Status != 200 {
				t.Fatalf("%s", res.Raw)
			}
			calls = append(calls, res.CallID())
		}
		if calls[0] != calls[4] {
			t.Error("a refresh changed its Call-ID")
		}
		if registrar.Again() == 0 {
			t.Error("nothing was retransmitted over this network")
		}
		phone.Close()
		registrar.Close()
	})
}

func TestPeerScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNet()
		a, b := NewPeer(t, n, "10.0.0.2:5060", "10.0.0.1:5060"), NewPeer(t, n, "10.0.0.1:5060", "10.0.0.2:5060")
		a.Send(a.Request("OPTIONS", "sip:x@y", "sip:a@y", ""))
		a.Send(a.Request("MESSAGE", "sip:x@y", "sip:a@y", "").Body("text/plain", []byte("hi")))
		m := b.Expect(Method("MESSAGE")) // out of order: the other one waits
		o := b.Expect(Method("OPTIONS"))
		b.Respond(o, 486)
		b.Respond(m, 200)
		if string(m.Body) != "hi" || a.Expect(Status(200)).Status != 200 || a.Expect(Final).Status != 486 {
			t.Error("mixed up")
		}
		a.Text("\nOPTIONS sip:x@y SIP/2.0\nVia: SIP/2.0/UDP 10.0.0.2;branch=z9hG4bK1\nFrom: <sip:a@b>;tag=1\nTo: <sip:a@b>\nCall-ID: 1\nCSeq: 1 OPTIONS\n")
		b.Expect(Method("OPTIONS"))
		b.ExpectNone(Method("OPTIONS"), time.Hour)
		a.Close()
		b.Close()
	})
}
