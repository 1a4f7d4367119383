package proxy_test

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/siptest"
	"lamplight/sip/transport"
)

// race is one way in which two messages, or a message and a timer, or a message
// and a failure can meet, and what must come of it.
type race struct {
	what string // what must be true
	law  string // where that is said
	play func(r *raceTrack)
}

// raceTrack is a switchboard with a caller outside and two desk phones of agent
// 1001, which ring together.
type raceTrack struct {
	*switchboard
	caller *siptest.Peer
	desk   []*siptest.Peer
	lost   *losses
}

// TestRaces plays every race on a whole switchboard. After each of them nothing
// may be left: no transaction, no leg, nobody On a Call.
func TestRaces(t *testing.T) {
	for _, c := range slices.Concat(cancelRaces, answerRaces, refusalRaces, dialogRaces, strayRaces, flowRaces) {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRaceTrack(t)
				c.play(r)
				if t.Failed() {
					t.Logf("the law: %s", c.law)
				}
				r.nothingLeft()
			})
		})
	}
}

// newRaceTrack has the phones registered.
func newRaceTrack(t *testing.T) *raceTrack {
	t.Helper()
	r := &raceTrack{switchboard: newSwitchboard(t), lost: &losses{}}
	r.proxy.SetPeers(peers.Table{{Name: "pbx", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.9/32")},
		Transports: []string{transport.UDP, transport.TCP}, Mode: peers.ModeProxy, Domains: []string{"demo.test"}}})
	r.caller = siptest.NewPeer(t, r.net, pbx, server)
	for i := range 2 {
		r.desk = append(r.desk, r.phone("1001", fmt.Sprintf("10.0.0.%d:5060", 21+i), false))
	}
	r.net.SetFaults(siptest.Faults{Drop: r.lost.drop})
	synctest.Wait()
	return r
}

// alone leaves the first phone only.
func (r *raceTrack) alone() {
	r.t.Helper()
	if m := r.desk[1].Register("sip:1001@demo.test", "1001", "pw", 0); m.Status != 200 {
		r.t.Fatalf("unregistered: %d", m.Status)
	}
}

// nothingLeft waits for the longest timers there are.
func (r *raceTrack) nothingLeft() {
	r.t.Helper()
	r.lost.none()
	time.Sleep(5 * time.Minute)
	synctest.Wait()
	for _, kind := range []string{"client", "invite", "invite_client"} {
		if n := r.open(kind); n != 0 {
			r.t.Errorf("%d transactions left (%s)", n, kind)
		}
	}
	r.want("at the end", "Offline", "Offline")
	for _, number := range []string{"1001", "1002"} {
		if snap, _ := r.roster.Snapshot(r.agent(number)); len(snap.Legs) != 0 {
			r.t.Errorf("%s is left with legs: %+v", number, snap.Legs)
		}
	}
}

// open is how many transactions of a kind there are.
func (s *switchboard) open(kind string) int {
	s.t.Helper()
	families, err := s.metrics.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "lamplight_sip_transactions" && m.GetLabel()[0].GetValue() == kind {
				return int(m.GetGauge().GetValue())
			}
		}
	}
	s.t.Fatalf("no gauge of %s transactions", kind)
	return 0
}

// losses are datagrams that the network is to lose.
type losses struct {
	mu   sync.Mutex
	want []loss // guarded by mu
}

type loss struct {
	left  int
	match func(from netip.AddrPort, m *message.Message) bool
}

// next loses the next n datagrams that match.
func (l *losses) next(n int, match func(from netip.AddrPort, m *message.Message) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.want = append(l.want, loss{n, match})
}

func (l *losses) none() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.want = nil
}

func (l *losses) drop(from, _ netip.AddrPort, b []byte) bool {
	m, err := message.Parse(b)
	if err != nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.want {
		if w := &l.want[i]; w.left > 0 && w.match(from, m) {
			w.left--
			return true
		}
	}
	return false
}

// sentBy matches what a peer sends.
func sentBy(p *siptest.Peer, match func(*message.Message) bool) func(netip.AddrPort, *message.Message) bool {
	return func(from netip.AddrPort, m *message.Message) bool { return from == p.Addr() && match(m) }
}

// sentByUs matches what the server sends.
func sentByUs(match func(*message.Message) bool) func(netip.AddrPort, *message.Message) bool {
	return func(from netip.AddrPort, m *message.Message) bool { return from.String() == server && match(m) }
}

// answerTo matches a response to a method.
func answerTo(method string, status int) func(*message.Message) bool {
	return func(m *message.Message) bool {
		_, of := m.CSeq()
		return m.Status == status && of == method
	}
}

// calls sends the INVITE.
func (r *raceTrack) calls() *message.Message {
	return ring(r.caller, called, outside, message.Header{Name: message.CallKind, Value: "regular"})
}

// rings takes the INVITE at phone i.
func (r *raceTrack) rings(i int) *message.Message {
	r.t.Helper()
	m := r.desk[i].Expect(siptest.Method("INVITE"))
	synctest.Wait()
	return m
}

// says has phone i answer; what it says again, it sends again.
func (r *raceTrack) says(i int, req *message.Message, status int) {
	r.t.Helper()
	r.desk[i].Respond(req, status, message.Header{Name: message.Contact, Value: "<" + r.desk[i].Contact("phone") + ">"})
	synctest.Wait()
}

// cancels takes the INVITE back.
func (r *raceTrack) cancels(inv *message.Message) {
	r.t.Helper()
	r.caller.SendRaw(hopBy(inv, "CANCEL", inv.Get(message.To)))
	synctest.Wait()
}

// hopBy is the CANCEL of an INVITE, or the ACK of its refusal.
func hopBy(inv *message.Message, method, to string) []byte {
	seq, _ := inv.CSeq()
	return message.NewRequest(method, inv.URI).Add(message.Via, inv.Get(message.Via)).Add(message.MaxForwards, "70").Add(message.From, inv.Get(message.From)).
		Add(message.To, to).Add(message.CallID, inv.CallID()).Add(message.CSeq, fmt.Sprint(seq, " ", method)).Bytes()
}

// final is the caller's one final response to its INVITE, which is acknowledged
// if it is a refusal.
func (r *raceTrack) final(inv *message.Message, status int) *message.Message {
	r.t.Helper()
	m := r.caller.Expect(func(m *message.Message) bool {
		_, of := m.CSeq()
		return m.Status >= 200 && of == "INVITE" && m.CallID() == inv.CallID()
	})
	if m.Status != status {
		r.t.Errorf("the caller is answered %d, want %d", m.Status, status)
	}
	if m.Status >= 300 {
		r.caller.SendRaw(hopBy(inv, "ACK", m.Get(message.To)))
	}
	synctest.Wait()
	return m
}

// noOtherFinal: the caller hears no second final response for a minute.
func (r *raceTrack) noOtherFinal() {
	r.t.Helper()
	r.caller.ExpectNone(func(m *message.Message) bool {
		_, of := m.CSeq()
		return m.Status >= 200 && of == "INVITE"
	}, time.Minute)
}

// released: phone i, which answered, is told that nobody is there.
func (r *raceTrack) released(i int) {
	r.t.Helper()
	r.desk[i].Expect(siptest.Method("ACK"))
	r.desk[i].Respond(r.desk[i].Expect(siptest.Method("BYE")), 200)
}

// canceled: phone i rings no more.
func (r *raceTrack) canceled(i int, inv *message.Message) *message.Message {
	r.t.Helper()
	c := r.desk[i].Expect(siptest.Method("CANCEL"))
	r.desk[i].Respond(c, 200)
	r.desk[i].Respond(inv, 487)
	r.desk[i].Expect(siptest.Method("ACK"))
	return c
}

// never: phone i gets no such request for a while that is shorter than Timer B.
func (r *raceTrack) never(i int, method string) {
	r.t.Helper()
	r.desk[i].ExpectNone(siptest.Method(method), 20*time.Second)
}

// connected acknowledges the answer of phone i and returns both ends.
func (r *raceTrack) connected(i int, inv, ok *message.Message) (caller, callee *dialog) {
	r.t.Helper()
	sendACK(r.caller, ok)
	ack := r.desk[i].Expect(siptest.Method("ACK"))
	if ack.ToTag() != ok.ToTag() {
		r.t.Errorf("phone %d got the ACK of another", i)
	}
	r.want("talking", "On a Call confirmed")
	return &dialog{p: r.caller, seen: ok}, &dialog{p: r.desk[i], seen: siptest.WithToTag(inv, ok.Get(message.To))}
}

// talks makes a call that the first phone answers; the other rings no more.
func (r *raceTrack) talks() (caller, callee *dialog) {
	r.t.Helper()
	inv := r.calls()
	a, b := r.rings(0), r.rings(1)
	r.says(1, b, 180)
	r.says(0, a, 200)
	r.canceled(1, b)
	return r.connected(0, a, r.final(inv, 200))
}
