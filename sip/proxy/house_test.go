package proxy_test

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/sip/digest"
	"lamplight/sip/featurecode"
	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/proxy"
	"lamplight/sip/siptest"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
	"lamplight/store/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	server = "10.0.0.1:5060"
	pbx    = "10.0.0.9:5060"
)

// house is a redirect server over an in-memory network, with one domain, agents
// 1001 and 1002 and a second domain that the PBX does not speak for.
type house struct {
	t      *testing.T
	net    *siptest.Net
	store  *sim.Store
	dir    *directory.Directory
	roster *roster.Roster
	proxy  *proxy.Proxy
	domain presence.DomainID
	// instances are what GRUUs stand for, by the URI.
	instances instances
}

func newHouse(t *testing.T, edit func(*peers.Peer)) *house {
	t.Helper()
	ctx := context.Background()
	h := &house{t: t, net: siptest.NewNet(), store: sim.New(sim.Options{})}
	var err error
	if h.dir, err = directory.Open(ctx, h.store); err != nil {
		t.Fatal(err)
	}
	h.populate()
	if h.roster, err = roster.Open(ctx, roster.Options{Store: h.store, Directory: h.dir}); err != nil {
		t.Fatal(err)
	}
	peer := peers.Peer{Name: "pbx", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.9/32")}, Mode: peers.ModeRedirect, Domains: []string{"demo.test"}}
	if edit != nil {
		edit(&peer)
	}
	tp := transport.New(transport.Options{Dial: h.net.Dial})
	tx := transaction.New(transaction.Options{Transport: tp, Handler: transaction.HandlerFunc(func(r *transaction.Request) { h.proxy.ServeSIP(r) })})
	codes, err := featurecode.New(featurecode.Options{Directory: h.dir, Roster: h.roster, Transactions: tx})
	if err != nil {
		t.Fatal(err)
	}
	h.proxy = proxy.New(proxy.Options{Store: h.store, Directory: h.dir, Roster: h.roster, Auth: digest.New(digest.Options{Directory: h.dir}), Peers: peers.Table{peer}, Codes: codes, Instances: &h.instances})
	packets := h.net.ListenPacket(server)
	var serving sync.WaitGroup
	serving.Go(func() { _ = tp.ServePacket(ctx, packets) })
	synctest.Wait()
	t.Cleanup(func() {
		codes.Close()
		tp.Close()
		serving.Wait()
		tx.Close()
		h.roster.Close()
		h.store.Close()
	})
	return h
}

func (h *house) populate() {
	h.t.Helper()
	e := directory.Edit{Actor: "test", Cause: "config"}
	for _, name := range []string{"demo.test", "other.test"} {
		dom := presence.Domain{ID: presence.DomainID{ID: presence.NewID()}, Names: []string{name}, Realm: name}
		e.Domains = append(e.Domains, dom)
		for _, number := range []string{"1001", "1002"} {
			a := presence.Agent{ID: presence.AgentID{ID: presence.NewID()}, Domain: dom.ID, Number: number, AORs: []string{number + "@" + name, "alias-" + number + "@" + name}}
			a.Settings.Options = presence.Options{Webphone: true, SIPPhone: true, Mobile: true}
			d := presence.Device{ID: presence.DeviceID{ID: presence.NewID()}, Domain: dom.ID, Kind: presence.KindDesk, Name: number}
			ha1, err := digest.HA1(digest.MD5, number, dom.Realm, "pw")
			if err != nil {
				h.t.Fatal(err)
			}
			e.Agents, e.Devices = append(e.Agents, a), append(e.Devices, d)
			e.Credentials = append(e.Credentials, presence.Credential{Domain: dom.ID, Device: d.ID, Username: number, HA1: presence.HA1{MD5: ha1}})
			e.Assignments = append(e.Assignments, presence.Assignment{Device: d.ID, Agent: a.ID, From: time.Now().Add(-time.Hour)})
		}
	}
	if err := h.dir.Apply(context.Background(), e); err != nil {
		h.t.Fatal(err)
	}
	d, _ := h.dir.DomainByName("demo.test")
	h.domain = d.ID
}

func (h *house) agent(number string) presence.AgentID {
	h.t.Helper()
	a, ok := h.dir.AgentByNumber(h.domain, number)
	if !ok {
		h.t.Fatalf("no agent %s", number)
	}
	return a.ID
}

func (h *house) do(number string, ops ...roster.Op) {
	h.t.Helper()
	if _, err := h.roster.Do(context.Background(), h.agent(number), roster.Change{Cause: presence.CauseAPI, Actor: "test", Ops: ops}); err != nil {
		h.t.Fatal(err)
	}
}

// registered is the fact of a registered contact.
func (h *house) registered(id, contact string, q int, edit func(*presence.Registration)) roster.Op {
	cred, ok := h.dir.Credential(h.domain, "1001")
	if !ok {
		h.t.Fatal("no credential")
	}
	r := presence.Registration{ID: id, Device: cred.Device, Kind: presence.KindDesk, Contact: contact, Q: q, Transport: "UDP", Alive: true, Expires: time.Now().Add(time.Hour)}
	if edit != nil {
		edit(&r)
	}
	return roster.PutRegistration{Registration: r}
}

// invite calls uri from addr; headers are added.
func (h *house) invite(addr, uri, from string, headers ...message.Header) *message.Message {
	h.t.Helper()
	p := siptest.NewPeer(h.t, h.net, addr, server)
	defer p.Close()
	return call(p, uri, from, headers...)
}

// call sends an INVITE, and the ACK its final response needs.
func call(p *siptest.Peer, uri, from string, headers ...message.Header) *message.Message {
	b := p.Request("INVITE", uri, from, "")
	for _, x := range headers {
		b.Add(x.Name, x.Value)
	}
	b.Add(message.Contact, "<sip:"+p.Addr().String()+">")
	res := p.Do(b)
	ack := message.NewRequest("ACK", uri).Add(message.From, res.Get(message.From)).Add(message.To, res.Get(message.To)).
		Add(message.CallID, res.CallID())
	seq, _ := res.CSeq()
	ack.AddInt(message.CSeq, int(seq)).Set(message.CSeq, res.Get(message.CSeq)[:len(res.Get(message.CSeq))-len("INVITE")]+"ACK")
	via, _ := res.TopVia()
	p.SendRaw(ack.Via(p.Via(via.Branch)).Bytes())
	return res
}
