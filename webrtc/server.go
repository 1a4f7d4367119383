package webrtc

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/coder/websocket"

	"lamplight/presence"
	"lamplight/sip/ua"
	"lamplight/webrtc/iceport"
	"lamplight/webrtc/signalling"
	"lamplight/webrtc/testcall"
)

// ErrClosed is returned once the server is closed.
var ErrClosed = errors.New("webrtc: closed")

// ErrNoCalls says that pages take and make no calls here, or this one does not.
var ErrNoCalls = errors.New("webrtc: no calls")

// Server holds all webphone sessions. It is an http.Handler for the WebSocket
// endpoint; Beacon is the one for goodbyes by HTTP. It is safe for concurrent
// use.
//
// Locks: a seat's mu comes before the server's mu, and no call into the roster
// is made under the latter. The roster calls back on its shards (watch, done);
// those callbacks take at most the server's mu, never a seat's.
type Server struct {
	o       Options
	m       *metrics
	tester  *testcall.Tester // nil when microphones are trusted
	port    *iceport.Port    // of tester
	ownPort bool             // the server closes it
	tests   *queue

	mu      sync.RWMutex
	seats   map[presence.AgentID]*seat // guarded by mu
	resume  map[string]*session        // by resume token; guarded by mu
	byID    map[string]*session        // guarded by mu
	phones  map[*ua.Flow]*session      // those that are phones; guarded by mu
	links   map[*link]struct{}         // every open socket; guarded by mu
	count   int                        // sessions; guarded by mu
	waiting waiting                    // sockets without a session; guarded by mu
	state   serving                    // guarded by mu

	calling   atomic.Int32   // calls
	tasks     sync.WaitGroup // handlers, loops, test calls, grace timers
	stopWatch func()
	retries   *retries
	ctx       context.Context //nolint:containedctx // ends test calls at Close
	cancel    context.CancelFunc
}

type serving uint8

const (
	open serving = iota
	draining
	closed
)

// Open starts a server. Close it.
func Open(o Options) (*Server, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	s := &Server{
		o: o, tests: newQueue(o.Limits.Tests, o.Limits.TestQueue),
		seats: map[presence.AgentID]*seat{}, resume: map[string]*session{},
		byID: map[string]*session{}, phones: map[*ua.Flow]*session{},
		links: map[*link]struct{}{},
	}
	s.m = newMetrics(s)
	if err := s.m.register(o.Metrics); err != nil {
		return nil, err
	}
	if !o.TrustWithoutTest {
		if err := s.openTester(); err != nil {
			s.m.unregister(o.Metrics)
			return nil, err
		}
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.retries = newRetries(s)
	s.stopWatch = o.Roster.Watch(s.watch)
	return s, nil
}

// UDPAddr is the address media arrives on, "" when there is none.
func (s *Server) UDPAddr() string {
	if s.tester == nil {
		return ""
	}
	return s.port.Addr().String()
}

// openTester makes what answers test calls, with a port of its own if none is
// given.
func (s *Server) openTester() error {
	if s.port = s.o.Port; s.port == nil {
		port, err := iceport.Open(iceport.Options{
			Listen: s.o.UDP, Conn: s.o.UDPConn, External: s.o.External, Loopback: s.o.Loopback, Log: s.o.Log,
		})
		if err != nil {
			return err
		}
		s.port, s.ownPort = port, true
	}
	var err error
	if s.tester, err = testcall.Open(testcall.Options{Port: s.port, Log: s.o.Log}); err != nil {
		return errors.Join(err, s.closePort())
	}
	return nil
}

func (s *Server) closePort() error {
	if !s.ownPort {
		return nil
	}
	return s.port.Close()
}

// watch takes note of an agent's new snapshot; it runs on the roster's shard.
func (s *Server) watch(snap *presence.Snapshot) {
	s.mu.RLock()
	st := s.seats[snap.Agent]
	s.mu.RUnlock()
	if st != nil {
		st.notice(snap)
	}
}

// Logout ends the agent's webphone sessions that were opened under this login,
// or all of them if login is empty: without grace, with the page told.
func (s *Server) Logout(a presence.AgentID, login string) {
	s.mu.RLock()
	st := s.seats[a]
	s.mu.RUnlock()
	if st == nil {
		return
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, x := range st.list() {
		if login == "" || x.login == login {
			x.drop(presence.CauseLogout, signalling.CloseLoggedOut, "logged out")
		}
	}
}

// Shutdown tells every page to come back (close code 1012) and takes no new
// ones, then waits until all sockets are closed or ctx ends, and closes.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	if s.state == open {
		s.state = draining
	}
	links := make([]*link, 0, len(s.links))
	for l := range s.links {
		links = append(links, l)
	}
	s.mu.Unlock()
	var closers sync.WaitGroup
	for _, l := range links {
		closers.Go(func() { l.close(websocket.StatusServiceRestart, "restarting") })
	}
	done := make(chan struct{})
	go func() { closers.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
	err := s.Close()
	<-done // raw sockets are closed now, so this cannot last
	return err
}

// Close cuts every socket and waits for everything the server started. Facts in
// the roster are left to their grace time.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.state == closed {
		s.mu.Unlock()
		s.tasks.Wait()
		return nil
	}
	s.state = closed
	links := make([]*link, 0, len(s.links))
	for l := range s.links {
		links = append(links, l)
	}
	seats := make([]*seat, 0, len(s.seats))
	for _, st := range s.seats {
		seats = append(seats, st)
	}
	s.mu.Unlock()
	s.cancel()
	for _, l := range links {
		l.cut()
	}
	for _, st := range seats {
		st.stopTimers()
		st.hangAll()
	}
	s.tasks.Wait()
	s.stopWatch()
	s.retries.close()
	s.m.unregister(s.o.Metrics)
	if s.tester != nil {
		s.tester.Close()
		return s.closePort()
	}
	return nil
}

// enter counts one more task unless the server is closed.
func (s *Server) enter() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.state == closed {
		return false
	}
	s.tasks.Add(1)
	return true
}
