package siptest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"lamplight/sip/message"
)

// Peer is a scripted user agent: it sends what it is told and waits for what it
// expects. Its reader ends with the test. Retransmissions of what it has already
// been sent are swallowed (and counted), requests among them answered again with
// the same response.
type Peer struct {
	t    testing.TB
	conn peerConn
	over chan struct{} // closed when nothing more is read
	// Timeout is how long Expect and Do wait; 40 s, more than any SIP timer.
	Timeout time.Duration

	mu      sync.Mutex
	queue   []*message.Message                      // not yet expected; guarded by mu
	change  chan struct{}                           // closed and replaced when queue grows; guarded by mu
	seen    map[string][]byte                       // what was received, and our answer to it; guarded by mu
	handle  func(*message.Message) *message.Builder // guarded by mu
	again   int                                     // retransmissions received; guarded by mu
	pongs   int                                     // empty lines received; guarded by mu
	seq     uint32                                  // guarded by mu
	callIDs map[string]string                       // of REGISTER by user; guarded by mu
}

// peerConn is a socket as the peer sees it.
type peerConn interface {
	transport() string
	local() netip.AddrPort
	send(b []byte) error
	receive() ([]byte, error)
	close()
}

// NewPeer opens a UDP peer on "host:port" that talks to the server at to.
func NewPeer(t testing.TB, n *Net, addr, to string) *Peer {
	return newPeer(t, &udpPeer{pc: n.ListenPacket(addr), to: net.UDPAddrFromAddrPort(netip.MustParseAddrPort(to)), buf: make([]byte, 65536)})
}

// NewStreamPeer opens a TCP stream from addr to the server at to.
func NewStreamPeer(t testing.TB, n *Net, addr, to string) *Peer {
	t.Helper()
	c, err := n.DialFrom(context.Background(), addr, to)
	if err != nil {
		t.Fatalf("peer %s: %v", addr, err)
	}
	return newPeer(t, &tcpPeer{c: c})
}

// NewRealPeer is a UDP peer on a real loopback socket.
func NewRealPeer(t testing.TB, to string) *Peer {
	t.Helper()
	return NewRealPeerFrom(t, "127.0.0.1", to)
}

// NewRealPeerFrom is NewRealPeer with an address of its own, and a port if host names one.
func NewRealPeerFrom(t testing.TB, host, to string) *Peer {
	t.Helper()
	if _, _, err := net.SplitHostPort(host); err != nil {
		host += ":0"
	}
	pc, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", host)
	if err != nil {
		t.Fatal(err)
	}
	return newPeer(t, &udpPeer{pc: pc, to: net.UDPAddrFromAddrPort(netip.MustParseAddrPort(to)), buf: make([]byte, 65536)})
}

func newPeer(t testing.TB, c peerConn) *Peer {
	p := &Peer{t: t, conn: c, Timeout: 40 * time.Second, over: make(chan struct{}), change: make(chan struct{}), seen: make(map[string][]byte), callIDs: make(map[string]string)}
	go func() {
		defer close(p.over)
		p.read()
	}()
	t.Cleanup(func() {
		c.close()
		<-p.over
	})
	return p
}

// Close ends the peer's socket before the test does.
func (p *Peer) Close() { p.conn.close() }

// Ended wants the peer's stream to be ended by the server within d.
func (p *Peer) Ended(d time.Duration) {
	p.t.Helper()
	select {
	case <-p.over:
	case <-time.After(d):
		p.t.Fatalf("peer %s: the stream is still open after %v", p.Addr(), d)
	}
}

// Addr is the peer's own address.
func (p *Peer) Addr() netip.AddrPort { return p.conn.local() }

// Again is how many retransmissions were received.
func (p *Peer) Again() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.again
}

// Pongs is how many answers to keep-alives were received (RFC 5626 §4.4.1).
func (p *Peer) Pongs() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pongs
}

// Handle answers requests as they come, before Expect sees them; a nil Builder
// leaves the request to Expect. f must not call the peer.
func (p *Peer) Handle(f func(*message.Message) *message.Builder) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.handle = f
}

func (p *Peer) read() {
	for {
		b, err := p.conn.receive()
		if err != nil {
			return
		}
		if string(b) == "\r\n" {
			p.mu.Lock()
			p.pongs++
			p.mu.Unlock()
			continue
		}
		m, err := message.Parse(b)
		if err != nil {
			p.t.Logf("peer %s: received what is no SIP: %v\n%q", p.Addr(), err, b)
			continue
		}
		p.take(m)
	}
}

func (p *Peer) take(m *message.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	k := identity(m)
	if answer, known := p.seen[k]; known {
		p.again++
		if answer != nil {
			_ = p.conn.send(answer)
		}
		return
	}
	p.seen[k] = nil
	if p.handle != nil && m.IsRequest() {
		if b := p.handle(m); b != nil {
			p.seen[k] = b.Bytes()
			_ = p.conn.send(b.Bytes())
			return
		}
	}
	p.queue = append(p.queue, m)
	close(p.change)
	p.change = make(chan struct{})
}

// identity tells a retransmission from a new message.
func identity(m *message.Message) string {
	via, _ := m.TopVia()
	_, method := m.CSeq()
	if m.IsRequest() {
		return "?" + via.Branch + "\x00" + m.Method
	}
	return fmt.Sprint(via.Branch, "\x00", method, "\x00", m.Status, "\x00", m.Phrase, "\x00", m.ToTag(), m.Get("RSeq"))
}

// SendRaw sends bytes as they are.
func (p *Peer) SendRaw(b []byte) {
	p.t.Helper()
	if err := p.conn.send(b); err != nil {
		p.t.Fatalf("peer %s: send: %v", p.Addr(), err)
	}
}

// Text sends a message written with bare line feeds, as tests like to.
func (p *Peer) Text(s string) {
	p.t.Helper()
	p.SendRaw(CRLF(s))
}

// CRLF makes a message of readable text: line feeds become CRLF in the head, and
// the blank line is added if it is missing.
func CRLF(s string) []byte {
	head, body, _ := strings.Cut(strings.TrimLeft(s, "\n"), "\n\n")
	head = strings.TrimRight(head, "\n")
	return []byte(strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n" + body)
}

// Send sends a request or response; a request gets a Via, whose branch it returns.
func (p *Peer) Send(b *message.Builder) (branch string) {
	p.t.Helper()
	if b.Status() == 0 {
		branch = message.NewBranch()
		b.Via(p.Via(branch))
	}
	p.SendRaw(b.Bytes())
	return branch
}

// Via is the peer's Via value.
func (p *Peer) Via(branch string) string {
	return fmt.Sprintf("SIP/2.0/%s %s;branch=%s;rport", p.conn.transport(), p.Addr(), branch)
}

// Expect waits for the first message that matches and returns it; others stay
// for later. It fails the test when none comes in time.
func (p *Peer) Expect(match func(*message.Message) bool) *message.Message {
	p.t.Helper()
	if m := p.await(match, p.Timeout); m != nil {
		return m
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var got strings.Builder
	for _, m := range p.queue {
		line, _, _ := bytes.Cut(m.Raw, []byte("\r\n"))
		fmt.Fprintf(&got, "\n\t%s", line)
	}
	p.t.Fatalf("peer %s: nothing that matches within %v; waiting were:%s", p.Addr(), p.Timeout, got.String())
	return nil
}

// ExpectNone fails the test when a matching message comes within d.
func (p *Peer) ExpectNone(match func(*message.Message) bool, d time.Duration) {
	p.t.Helper()
	if m := p.await(match, d); m != nil {
		p.t.Fatalf("peer %s: unexpected message:\n%s", p.Addr(), m.Raw)
	}
}

// Pending is how many messages wait to be expected.
func (p *Peer) Pending() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.queue)
}

func (p *Peer) await(match func(*message.Message) bool, d time.Duration) *message.Message {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		p.mu.Lock()
		for i, m := range p.queue {
			if match(m) {
				p.queue = append(p.queue[:i:i], p.queue[i+1:]...)
				p.mu.Unlock()
				return m
			}
		}
		change := p.change
		p.mu.Unlock()
		select {
		case <-change:
		case <-timer.C:
			return nil
		}
	}
}

// Respond answers a request and repeats the answer when the request comes again.
func (p *Peer) Respond(req *message.Message, status int, extra ...message.Header) {
	p.t.Helper()
	b := message.NewResponse(req, status, "")
	for _, h := range extra {
		b.Add(h.Name, h.Value)
	}
	p.mu.Lock()
	p.seen[identity(req)] = b.Bytes()
	p.mu.Unlock()
	p.SendRaw(b.Bytes())
}
