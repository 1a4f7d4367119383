package proxy_test

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

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/hunt"
	"lamplight/presence/roster"
	"lamplight/presence/routing"
	"lamplight/presence/waiting"
	"lamplight/sip"
	"lamplight/sip/digest"
	"lamplight/sip/featurecode"
	"lamplight/sip/message"
	"lamplight/sip/outbound"
	"lamplight/sip/peers"
	"lamplight/sip/proxy"
	"lamplight/sip/proxy/calls"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/proxy/relay"
	"lamplight/sip/push"
	"lamplight/sip/registrar"
	"lamplight/sip/siptest"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
	siptrunk "lamplight/sip/trunk"
	"lamplight/store"
	"lamplight/store/sim"
)

const trunk = "10.0.0.8:5060"

// switchboard is a whole SIP side that carries calls: registrar and proxy over an
// in-memory network, agents 1001 and 1002 with a desk phone each, a PBX in proxy
// mode and a trunk.
type switchboard struct {
	*house
	stop      func()
	track     *calls.Tracker
	tx        *transaction.Layer
	board     *hunt.Board
	lines     *waiting.Lines
	pages     proxy.Pages // nil: no webphone is there
	transport *transport.Layer
	// trunks are known from the next start on; nil: numbers go to trunk by Reach.
	trunks []siptrunk.Trunk
	hops   *siptrunk.Trunks
	// metrics are of the transactions since the start.
	metrics *prometheus.Registry
	lost    func(callee, caller calls.Dialog) // set before calls; nil: nobody
}

func newSwitchboard(t *testing.T) *switchboard {
	t.Helper()
	h := &house{t: t, net: siptest.NewNet(), store: sim.New(sim.Options{})}
	s := &switchboard{house: h}
	s.start(true)
	t.Cleanup(func() {
		s.stop()
		h.store.Close()
	})
	return s
}

// restart is a crash of the server: everything but the store is gone.
func (s *switchboard) restart() {
	s.stop()
	s.start(false)
}

func (s *switchboard) start(populate bool) {
	s.t.Helper()
	ctx := context.Background()
	must := func(err error) {
		s.t.Helper()
		if err != nil {
			s.t.Fatal(err)
		}
	}
	var err error
	s.dir, err = directory.Open(ctx, s.store)
	must(err)
	if populate {
		s.populate()
	}
	s.roster, err = roster.Open(ctx, roster.Options{Store: s.store, Directory: s.dir})
	must(err)
	auth := digest.New(digest.Options{Directory: s.dir, Key: []byte("0123456789abcdef0123456789abcdef")})
	var reg *registrar.Registrar
	var tx *transaction.Layer
	tp := transport.New(transport.Options{Dial: s.net.Dial, OnFlowClosed: func(f *transport.Flow) { reg.FlowClosed(f); tx.FlowClosed(f) }})
	end := &sip.Endpoint{}
	s.metrics = prometheus.NewRegistry()
	tx = transaction.New(transaction.Options{Transport: tp, Handler: end, Metrics: s.metrics})
	s.transport = tp
	reg, err = registrar.Open(ctx, registrar.Options{Store: s.store, Directory: s.dir, Roster: s.roster, Auth: auth, Transport: tp, Transactions: tx,
		Limits: registrar.Limits{Push: push.Services{Providers: []push.Provider{{Name: "fcm"}}}}})
	must(err)
	tokens := outbound.New(tp, []byte("secret"))
	track, err := calls.Open(ctx, calls.Options{Roster: s.roster, Store: s.store, Token: tokens.Token, Lost: func(callee, caller calls.Dialog) {
		if s.lost != nil {
			s.lost(callee, caller)
		}
	}})
	must(err)
	fk := fork.New(fork.Options{Transactions: tx})
	rel := relay.New(relay.Options{Tokens: tokens, Believed: func(f *transport.Flow) bool { return f.Remote().Addr() == netip.MustParseAddr("10.0.0.9") }, Refer: func(m *message.Message) string { return s.proxy.ReferTo(m) }, Way: s.within, Transactions: tx, Forker: fk, Seen: track.Seen, Answered: track.Answered})
	codes, err := featurecode.New(featurecode.Options{Directory: s.dir, Roster: s.roster, Transactions: tx})
	must(err)
	s.lines = waiting.New(waiting.Options{})
	s.board, err = hunt.Open(ctx, hunt.Options{Store: s.store})
	must(err)
	s.proxy = proxy.New(proxy.Options{
		Codes: codes, Board: s.board, Lines: s.lines,
		Pages: latePages{s},
		Store: s.store, Directory: s.dir, Roster: s.roster, Auth: auth,
		Peers: peers.Table{
			{Name: "pbx", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.9/32")}, Mode: peers.ModeProxy, Domains: []string{"demo.test"}},
			{Name: "trunk", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.8/32")}, Mode: peers.ModeProxy, Trunk: trunk},
		},
		Carrier: &proxy.Carrier{
			Forker: fk, Relay: rel, Calls: track, Bindings: reg, Flow: tokens.Flow,
			Lives: reg, Connect: tp.Flow, Moved: tokens.Moved, Send: tx.Send,
			Reach: func(ctx context.Context, host string) (*transport.Flow, error) {
				if _, _, err := net.SplitHostPort(host); err != nil {
					host += ":5060"
				}
				to, err := netip.ParseAddrPort(host)
				if err != nil {
					return nil, err
				}
				return tp.Flow(ctx, transport.UDP, to)
			},
		},
	})
	s.openTrunks(tp, tx)
	*end = sip.Endpoint{Registrar: reg, Proxy: s.proxy, Relay: rel.Serve, Asked: s.proxy.Asked, Events: transaction.HandlerFunc(func(r *transaction.Request) { r.Reply(489) })}
	unwatch := s.roster.Watch(s.proxy.AgentChanged)
	s.track, s.tx = track, tx
	serving, cancel := context.WithCancel(ctx)
	var served sync.WaitGroup
	served.Go(func() { _ = tp.ServePacket(serving, s.net.ListenPacket(server)) })
	served.Go(func() { _ = tp.ServeStream(serving, s.net.Listen(server), transport.TCP) })
	synctest.Wait()
	s.stop = func() {
		cancel()
		unwatch()
		served.Wait()
		s.closeTrunks()
		fk.Close()
		codes.Close()
		tp.Close()
		reg.Close()
		tx.Close()
		track.Close()
		s.roster.Close()
	}
}

// phone registers a desk phone.
func (s *switchboard) phone(number, addr string, tcp bool) *siptest.Peer {
	s.t.Helper()
	p := siptest.NewPeer(s.t, s.net, addr, server)
	if tcp {
		p.Close()
		p = siptest.NewStreamPeer(s.t, s.net, addr, server)
	}
	if m := p.Register("sip:"+number+"@demo.test", number, "pw", 600); m.Status != 200 {
		s.t.Fatalf("%s registers: %d", number, m.Status)
	}
	return p
}

func (s *switchboard) status(number string) string {
	s.t.Helper()
	synctest.Wait()
	snap, _ := s.roster.Snapshot(s.agent(number))
	out := snap.Team.Text()
	for _, d := range snap.Watch.Dialogs {
		out += " " + d.State
		if d.Held {
			out += " held"
		}
	}
	return out
}

func (s *switchboard) want(when string, status ...string) {
	s.t.Helper()
	for i, want := range status {
		if number := [...]string{"1001", "1002"}[i]; s.status(number) != want {
			s.t.Errorf("%s: %s is %q, want %q", when, number, s.status(number), want)
		}
	}
}

// ring sends an INVITE from a peer and returns it, unanswered.
func ring(p *siptest.Peer, uri, from string, headers ...message.Header) *message.Message {
	b := p.Request("INVITE", uri, from, "").Add(message.Contact, "<"+p.Contact("caller")+">")
	for _, h := range headers {
		b.Add(h.Name, h.Value)
	}
	p.Send(b.Body("application/sdp", []byte("v=0\r\no=- 1 1 IN IP4 "+p.Addr().Addr().String()+"\r\ns=-\r\nc=IN IP4 "+p.Addr().Addr().String()+"\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n")))
	m, err := message.Parse(b.Bytes())
	if err != nil {
		panic(err)
	}
	return m
}

// answers lets a phone that is rung pick up.
func answers(p *siptest.Peer, inv *message.Message) {
	p.Respond(inv, 180)
	p.Respond(inv, 200, message.Header{Name: message.Contact, Value: "<" + p.Contact("phone") + ">"})
}

func sendACK(p *siptest.Peer, ok *message.Message) { p.Send(p.InDialog("ACK", ok)) }

// records are those of a call, in the order of the log, each decided again.
func (s *switchboard) records(callID string) (out []routing.Record) {
	s.t.Helper()
	synctest.Wait()
	entries, err := s.store.Log(context.Background(), store.LogQuery{})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, e := range entries {
		if e.Kind != routing.KindDecision {
			continue
		}
		r, err := routing.ReadRecord(e.Before, e.After)
		if err != nil {
			s.t.Fatal(err)
		}
		if id, _ := r.Asked(); id != callID {
			continue
		}
		if _, same, err := r.Replay(); err != nil || !same {
			s.t.Errorf("the decision is not the same again: %v", err)
		}
		out = append(out, r)
	}
	return out
}

// explained holds what the records of a call say of what happened to it.
func (s *switchboard) explained(callID, want string) {
	s.t.Helper()
	all := s.records(callID)
	if len(all) == 0 {
		s.t.Error("no record of the call")
	}
	for i := range all {
		var got []string
		for _, try := range all[i].Tries {
			got = append(got, fmt.Sprint(try.What, " ", try.Status))
		}
		if text := fmt.Sprint(strings.Join(got, ", "), " = ", all[i].Status); text != want {
			s.t.Errorf("the record says %q, want %q", text, want)
		}
	}
}

// dials sends an INVITE of a device, answering the challenge.
func (s *switchboard) dials(p *siptest.Peer, number, uri string, headers ...message.Header) *message.Message {
	s.t.Helper()
	from := "sip:" + number + "@demo.test"
	first := ring(p, uri, from, headers...)
	no := p.Expect(siptest.Final)
	if no.Status != 401 {
		return no
	}
	ack(p, first, no)
	name, value := p.Authorize(no, "INVITE", uri, number, "pw")
	return ring(p, uri, from, append(headers, message.Header{Name: name, Value: value})...)
}

// ack is the ACK of a refusal.
func ack(p *siptest.Peer, inv, res *message.Message) {
	via, _ := res.TopVia()
	seq, _ := res.CSeq()
	p.SendRaw(message.NewRequest("ACK", inv.URI).Add(message.From, inv.Get(message.From)).Add(message.To, res.Get(message.To)).
		Add(message.CallID, inv.CallID()).Add(message.CSeq, fmt.Sprint(seq, " ACK")).Via(p.Via(via.Branch)).Bytes())
}

// mobile gives an agent a mobile.
func (s *switchboard) mobile(number string) {
	s.t.Helper()
	user := number + "-mobile"
	d := presence.Device{ID: presence.DeviceID{ID: presence.NewID()}, Domain: s.domain, Kind: presence.KindMobile, Name: user}
	ha1, err := digest.HA1(digest.MD5, user, "demo.test", "pw")
	if err == nil {
		err = s.dir.Apply(context.Background(), directory.Edit{Devices: []presence.Device{d},
			Credentials: []presence.Credential{{Domain: s.domain, Device: d.ID, Username: user, HA1: presence.HA1{MD5: ha1}}},
			Assignments: []presence.Assignment{{Device: d.ID, Agent: s.agent(number), From: time.Now().Add(-time.Hour)}}})
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// waker wakes when told to.
type waker struct{ on func(push.Event) }

func (w *waker) Wake(_ presence.AgentID, _ []string, _ string, on func(push.Event)) func() {
	w.on = on
	return func() {}
}
