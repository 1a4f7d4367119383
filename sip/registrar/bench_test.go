package registrar_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/sip/digest"
	"lamplight/sip/registrar"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
	"lamplight/store/sqlite"
)

// hall is a registrar over SQLite for measuring: agents 0 to n-1, each with one
// desk phone.
type hall struct {
	tp      *transport.Layer
	reg     *registrar.Registrar
	serving sync.WaitGroup
}

func newHall(b testing.TB, agents int, pc net.PacketConn) *hall {
	b.Helper()
	ctx := context.Background()
	st, err := sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(b.TempDir(), "lamplight.db")})
	if err != nil {
		b.Fatal(err)
	}
	dir, err := directory.Open(ctx, st)
	if err != nil {
		b.Fatal(err)
	}
	if err = dir.Apply(ctx, staff(b, agents)); err != nil {
		b.Fatal(err)
	}
	ros, err := roster.Open(ctx, roster.Options{Store: st, Directory: dir})
	if err != nil {
		b.Fatal(err)
	}
	h := &hall{}
	auth := digest.New(digest.Options{Directory: dir, Key: []byte("k")})
	h.tp = transport.New(transport.Options{OnFlowClosed: func(f *transport.Flow) { h.reg.FlowClosed(f) }})
	tx := transaction.New(transaction.Options{Transport: h.tp, Handler: transaction.HandlerFunc(func(r *transaction.Request) { h.reg.ServeSIP(r) })})
	h.reg, err = registrar.Open(ctx, registrar.Options{Store: st, Directory: dir, Roster: ros, Auth: auth, Transport: h.tp, Transactions: tx})
	if err != nil {
		b.Fatal(err)
	}
	h.serving.Go(func() { _ = h.tp.ServePacket(ctx, pc) })
	b.Cleanup(func() {
		h.tp.Close()
		h.serving.Wait()
		tx.Close()
		h.reg.Close()
		ros.Close()
		st.Close()
	})
	return h
}

// handset is a phone that writes its own REGISTERs, fast enough not to be what
// is measured.
type handset struct {
	user, nonce string
	ha1         string
	addr        netip.AddrPort
	seq, count  int
	buf         []byte
}

func newHandset(i int, addr netip.AddrPort) *handset {
	user := strconv.Itoa(i + 100000)
	sum := md5.Sum([]byte(user + ":" + domain + ":pw"))
	return &handset{user: user, ha1: hex.EncodeToString(sum[:]), addr: addr}
}

// register is the next REGISTER, the size of a desk phone's; with credentials
// once there was a challenge.
func (p *handset) register(q string) []byte {
	p.seq++
	b := p.buf[:0]
	b = fmt.Appendf(b, "REGISTER sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;rport;branch=z9hG4bK%s-%d\r\nMax-Forwards: 70\r\n", domain, p.addr, p.user, p.seq)
	b = fmt.Appendf(b, "From: \"Agent %s\" <sip:%s@%s>;tag=a73kszlfl\r\nTo: <sip:%s@%s>\r\nCall-ID: 3848276298220188511-%s\r\nCSeq: %d REGISTER\r\n", p.user, p.user, domain, p.user, domain, p.user, p.seq)
	b = fmt.Appendf(b, "Contact: <sip:%s@%s>%s\r\nExpires: 3600\r\nUser-Agent: Deskphone T46 66.86.0.15\r\nAllow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, OPTIONS, UPDATE, PRACK\r\nSupported: path, replaces\r\n", p.user, p.addr, q)
	if p.nonce != "" {
		p.count++
		nc := fmt.Sprintf("%08x", p.count)
		a2 := md5.Sum([]byte("REGISTER:sip:" + domain))
		sum := md5.Sum([]byte(p.ha1 + ":" + p.nonce + ":" + nc + ":0a4f113b:auth:" + hex.EncodeToString(a2[:])))
		b = fmt.Appendf(b, "Authorization: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"sip:%s\", response=\"%x\", algorithm=MD5, cnonce=\"0a4f113b\", qop=auth, nc=%s\r\n", p.user, domain, p.nonce, domain, sum, nc)
	}
	b = append(b, "Content-Length: 0\r\n\r\n"...)
	p.buf = b
	return b
}

// challenged takes the nonce of a 401.
func (p *handset) challenged(m []byte) bool {
	_, rest, ok := bytes.Cut(m, []byte(`nonce="`))
	if !ok {
		return false
	}
	nonce, _, ok := bytes.Cut(rest, []byte(`"`))
	p.nonce, p.count = string(nonce), 0
	return ok
}

// belt is a packet connection that hands over what it was given and counts the
// answers: the whole server without the kernel.
type belt struct {
	in     chan packet
	closed chan struct{}
	once   sync.Once
	ok     atomic.Int64
	other  atomic.Int64
	each   chan []byte // gets answers while it is set
}

type packet struct {
	b    []byte
	from *net.UDPAddr
}

func newBelt() *belt {
	return &belt{in: make(chan packet, 1<<15), closed: make(chan struct{}), each: make(chan []byte, 1)}
}

func (c *belt) ReadFrom(b []byte) (int, net.Addr, error) {
	select {
	case p := <-c.in:
		return copy(b, p.b), p.from, nil
	case <-c.closed:
		return 0, nil, net.ErrClosed
	}
}

func (c *belt) WriteTo(b []byte, _ net.Addr) (int, error) {
	if bytes.HasPrefix(b, []byte("SIP/2.0 200")) {
		c.ok.Add(1)
	} else {
		c.other.Add(1)
	}
	select {
	case c.each <- bytes.Clone(b):
	default:
	}
	return len(b), nil
}

func (c *belt) Close() error                { c.once.Do(func() { close(c.closed) }); return nil }
func (c *belt) LocalAddr() net.Addr         { return &net.UDPAddr{IP: net.IPv4(10, 0, 0, 1), Port: 5060} }
func (c *belt) SetDeadline(time.Time) error { return nil }

// SetReadDeadline is how the layer stops its reader.
func (c *belt) SetReadDeadline(t time.Time) error {
	if !t.IsZero() {
		c.once.Do(func() { close(c.closed) })
	}
	return nil
}
func (c *belt) SetWriteDeadline(time.Time) error { return nil }

// drain waits until so many 200s were sent.
func (c *belt) drain(b testing.TB, want int64) {
	b.Helper()
	for end := time.Now().Add(30 * time.Second); c.ok.Load() < want; time.Sleep(20 * time.Microsecond) {
		if time.Now().After(end) {
			b.Fatalf("%d of %d answered 200, %d otherwise", c.ok.Load(), want, c.other.Load())
		}
	}
}

// BenchmarkRegister measures a REGISTER from bytes to bytes, without the kernel:
// a refresh that the stored end covers, and one that has to be written.
func BenchmarkRegister(b *testing.B) {
	for name, q := range map[string]func(i int) string{
		"refresh": func(int) string { return "" },
		"written": func(i int) string { return ";q=0." + strconv.Itoa(i%2+1) },
	} {
		b.Run(name, func(b *testing.B) {
			const phones = 1000
			pc := newBelt()
			newHall(b, phones, pc)
			sets := make([]*handset, phones)
			from := make([]*net.UDPAddr, phones)
			for i := range sets {
				sets[i] = newHandset(i, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 5060))
				from[i] = net.UDPAddrFromAddrPort(sets[i].addr)
				pc.in <- packet{sets[i].register(""), from[i]}
				if !sets[i].challenged(<-pc.each) {
					b.Fatal("no challenge")
				}
				pc.in <- packet{sets[i].register(q(1)), from[i]}
				<-pc.each
			}
			b.ReportAllocs()
			b.ResetTimer()
			for done := 0; done < b.N; {
				b.StopTimer()
				n := min(b.N-done, 10*phones)
				batch := make([]packet, n)
				for i := range batch {
					batch[i] = packet{bytes.Clone(sets[i%phones].register(q(i / phones))), from[i%phones]}
				}
				want := pc.ok.Load() + int64(n)
				b.StartTimer()
				for i := range batch {
					pc.in <- batch[i]
				}
				pc.drain(b, want)
				done += n
			}
			if n := pc.other.Load(); n > phones {
				b.Errorf("%d answers that are no 200", n-phones)
			}
		})
	}
}
