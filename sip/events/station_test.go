package events

import (
	"net/netip"
	"sync"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// station is a user agent without a goroutine, of which a test can have
// thousands. It sends a request again until its final answer comes (RFC 3261
// §17.1.2), and answers a request that comes again as it did before (§17.2.2).
type station struct {
	port *siptest.Port
	to   netip.AddrPort
	// serve answers a request that was not seen before; nil: not at all. It is
	// called with mu held.
	serve func(*message.Message) *message.Builder

	mu      sync.Mutex
	waiting map[string]*exchange // by branch; guarded by mu
	answers map[string][]byte    // by branch, of requests served; guarded by mu
}

// exchange is a request that awaits its final answer.
type exchange struct {
	raw   []byte
	wait  time.Duration
	until time.Time
	timer *time.Timer
	done  func(*message.Message) // nil: no answer came; called with mu held
}

func newStation(n *siptest.Net, addr string) *station {
	s := &station{to: netip.MustParseAddrPort(server), waiting: map[string]*exchange{}, answers: map[string][]byte{}}
	s.port = n.Attach(addr, s.receive)
	return s
}

// Timer E and F (RFC 3261 §17.1.2.2).
const (
	t1 = 500 * time.Millisecond
	t2 = 4 * time.Second
)

// askLocked sends a request; done gets its final answer.
func (s *station) askLocked(b *message.Builder, done func(*message.Message)) {
	branch := message.NewBranch()
	b.Via("SIP/2.0/UDP " + s.port.Addr().String() + ";branch=" + branch + ";rport")
	x := &exchange{raw: b.Bytes(), wait: t1, until: time.Now().Add(64 * t1), done: done}
	s.waiting[branch] = x
	s.port.Send(s.to, x.raw)
	x.timer = time.AfterFunc(t1, func() { s.again(branch, x) })
}

func (s *station) again(branch string, x *exchange) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[branch] != x {
		return
	}
	if !time.Now().Before(x.until) {
		delete(s.waiting, branch)
		x.done(nil)
		return
	}
	s.port.Send(s.to, x.raw)
	x.wait = min(2*x.wait, t2)
	x.timer.Reset(min(x.wait, time.Until(x.until)))
}

func (s *station) receive(_ netip.AddrPort, b []byte) {
	m, err := message.Parse(b)
	if err != nil {
		panic("the server sent what is no SIP: " + string(b))
	}
	via, _ := m.TopVia()
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.IsRequest() {
		answer, again := s.answers[via.Branch]
		if !again {
			if reply := s.serve(m); reply != nil {
				answer = reply.Bytes()
			}
			s.answers[via.Branch] = answer
		}
		if answer != nil {
			s.port.Send(s.to, answer)
		}
		return
	}
	if x := s.waiting[via.Branch]; x != nil && m.Status >= 200 {
		delete(s.waiting, via.Branch)
		x.timer.Stop()
		x.done(m)
	}
}

// close ends it: nothing more is sent.
func (s *station) close() {
	s.port.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for branch, x := range s.waiting {
		x.timer.Stop()
		delete(s.waiting, branch)
	}
}
