package fork

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.uber.org/goleak"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	server = "10.0.0.1:5060"
	alice  = "10.0.0.9:5060"
	own    = "<sip:10.0.0.1;lr>"
)

// stage is a caller, a forker and phones on an in-memory network.
type stage struct {
	t      *testing.T
	net    *siptest.Net
	tp     *transport.Layer
	caller *siptest.Peer
	phones []*siptest.Peer
	plan   func() Plan
	call   *Call

	mu     sync.Mutex
	events []string // guarded by mu
}

// play runs a call to n phones, all in the first step unless plan says so.
func play(t *testing.T, n int, plan func(*stage) Plan, f func(*stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t, net: siptest.NewNet()}
		s.tp = transport.New(transport.Options{Dial: s.net.Dial})
		var fk *Forker
		tx := transaction.New(transaction.Options{Transport: s.tp, Handler: transaction.HandlerFunc(func(r *transaction.Request) {
			if r.Method == "PRACK" {
				fk.Acknowledged(r)
			}
			if r.Method != "INVITE" {
				return
			}
			p := s.plan()
			p.Tell = s.tell
			if p.RecordRoute == nil {
				p.RecordRoute = func(*transport.Flow) []string { return []string{own} }
			}
			s.call = fk.Begin(r, p)
		})})
		fk = New(Options{Transactions: tx})
		ctx, cancel := context.WithCancel(t.Context())
		var served sync.WaitGroup
		served.Go(func() { _ = s.tp.ServePacket(ctx, s.net.ListenPacket(server)) })
		synctest.Wait()
		s.caller = siptest.NewPeer(t, s.net, alice, server)
		for i := range n {
			s.phones = append(s.phones, siptest.NewPeer(t, s.net, fmt.Sprintf("10.0.0.%d:5060", 11+i), server))
		}
		s.plan = func() Plan {
			if plan != nil {
				return plan(s)
			}
			return Plan{Steps: []Step{{Targets: s.targets()}}}
		}
		f(s)
		cancel()
		served.Wait()
		fk.Close()
		s.tp.Close()
		tx.Close()
	})
}

func (s *stage) targets() (out []Target) {
	for i := range s.phones {
		out = append(out, s.target(i))
	}
	return out
}

func (s *stage) target(i int) Target {
	f, err := s.tp.Flow(context.Background(), transport.UDP, s.phones[i].Addr())
	if err != nil {
		s.t.Fatal(err)
	}
	return Target{ID: fmt.Sprint(i), URI: fmt.Sprintf("sip:phone%d@%s", i, s.phones[i].Addr()), Flow: f}
}

func (s *stage) tell(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := [...]string{"tried", "ringing", "answered", "failed", "canceled", "over", "moved"}[e.What]
	s.events = append(s.events, strings.TrimSpace(fmt.Sprint(e.Target, " ", name, " ", e.Status)))
}

// told is the events so far.
func (s *stage) told() string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.events, ", ")
}

// invite sends the call; the branch finds its responses.
func (s *stage) invite() (inv *message.Builder, branch string) {
	inv = s.caller.Request("INVITE", "sip:1001@example.com", "sip:alice@example.com", "").Add(message.Contact, "<"+s.caller.Contact("alice")+">")
	return inv, s.caller.Send(inv)
}

// rings takes the INVITE that phone i is sent.
func (s *stage) rings(i int) *message.Message {
	s.t.Helper()
	m := s.phones[i].Expect(siptest.Method("INVITE"))
	synctest.Wait()
	return m
}

func (s *stage) answer(i int, inv *message.Message, status int) {
	s.phones[i].Respond(inv, status, message.Header{Name: message.Contact, Value: "<" + s.phones[i].Contact(fmt.Sprint("phone", i)) + ">"})
}

func (s *stage) want(events string) {
	s.t.Helper()
	if got := s.told(); got != events {
		s.t.Errorf("told %q\nwant %q", got, events)
	}
}
