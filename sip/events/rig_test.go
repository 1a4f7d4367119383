package events

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/presence/consent"
	"lamplight/presence/directory"
	"lamplight/presence/lists"
	"lamplight/presence/roster"
	"lamplight/sip/digest"
	"lamplight/sip/events/mailbox"
	"lamplight/sip/events/notifier"
	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/quirks"
	"lamplight/sip/registrar"
	"lamplight/sip/siptest"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
	"lamplight/store/sim"
)

const (
	server = "192.0.2.1:5060"
	pbxA   = "192.0.2.200:5060" // authoritative
	pbxB   = "192.0.2.201:5060" // an observer
	dialer = "192.0.2.202:5060" // every call of it is a campaign call
)

// partial is the User-Agent of phones that apply partial state.
const partial = "Partial"

// rig is the event server with its real neighbours on an in-memory network.
type rig struct {
	t         testing.TB
	net       *siptest.Net
	store     *sim.Store
	dir       *directory.Directory
	roster    *roster.Roster
	tl        *transport.Layer
	xl        *transaction.Layer
	events    *Events
	consents  *consent.Consents
	reg       *registrar.Registrar
	gruu      bool // the registrar gives GRUUs
	mailboxes mailbox.Options
	table     peers.Table
	stop      context.CancelFunc
	serve     sync.WaitGroup
	ids       map[string]presence.AgentID
}

func bubble(t *testing.T, f func(*testing.T, *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, net: siptest.NewNet(), store: sim.New(sim.Options{Latency: 2 * time.Millisecond}), ids: map[string]presence.AgentID{}}
		publish := func(name, addr string) peers.Peer {
			return peers.Peer{Name: name, Sources: []netip.Prefix{netip.PrefixFrom(netip.MustParseAddrPort(addr).Addr(), 32)}, Publish: true, Domains: []string{"ex.test"}}
		}
		r.table = peers.Table{publish("pbx-a", pbxA), publish("pbx-b", pbxB), publish("dialer", dialer),
			{Name: "mute", Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.203/32")}}}
		r.table[1].Observer, r.table[2].Campaign = true, true
		r.start()
		t.Cleanup(func() {
			r.shut()
			r.store.Close()
		})
		f(t, r)
	})
}

func (r *rig) start() {
	r.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	var err error
	if r.dir, err = directory.Open(ctx, r.store); err != nil {
		r.t.Fatal(err)
	}
	if len(r.dir.Domains()) == 0 {
		r.people()
	}
	if r.roster, err = roster.Open(ctx, roster.Options{Store: r.store, Directory: r.dir, Shards: 2}); err != nil {
		r.t.Fatal(err)
	}
	r.tl = transport.New(transport.Options{})
	r.xl = transaction.New(transaction.Options{Transport: r.tl, Handler: transaction.HandlerFunc(func(q *transaction.Request) {
		if q.Method == "REGISTER" {
			r.reg.ServeSIP(q)
			return
		}
		r.events.ServeSIP(q)
	})})
	auth := digest.New(digest.Options{Directory: r.dir, Key: []byte(strings.Repeat("k", 32))})
	r.reg, err = registrar.Open(ctx, registrar.Options{Store: r.store, Directory: r.dir, Roster: r.roster, Auth: auth, Transport: r.tl, Transactions: r.xl, Limits: registrar.Limits{GRUU: r.gruu}})
	if err != nil {
		r.t.Fatal(err)
	}
	if r.consents, err = consent.Open(ctx, r.store, r.dir, "node-1", zerolog.Nop()); err != nil {
		r.t.Fatal(err)
	}
	kept, err := lists.Open(ctx, lists.Options{Store: r.store, Directory: r.dir})
	if err != nil {
		r.t.Fatal(err)
	}
	r.events, err = Open(ctx, Options{Mailboxes: r.mailboxes, Consents: r.consents, Store: r.store, Directory: r.dir, Roster: r.roster, Registrar: r.reg, Auth: auth, Peers: r.table, Transport: r.tl, Transactions: r.xl,
		Subscriptions: notifier.Options{Lists: kept, Phones: append(quirks.Shipped(), quirks.Phone{Match: partial, Quirks: quirks.PartialDialog})}})
	if err != nil {
		r.t.Fatal(err)
	}
	// Nothing is served before everything is there that serves it.
	pc := r.net.ListenPacket(server)
	r.serve.Go(func() { r.tl.ServePacket(ctx, pc) })
}

func (r *rig) shut() {
	r.events.Close()
	r.reg.Close()
	r.stop()
	r.xl.Close()
	r.tl.Close()
	r.serve.Wait()
	r.roster.Close()
}

// restart is kill -9 and a start.
func (r *rig) restart() {
	r.t.Helper()
	r.store.Crash()
	r.shut()
	st, err := r.store.Reopen(sim.Options{Latency: 2 * time.Millisecond})
	if err != nil {
		r.t.Fatal(err)
	}
	r.store = st
	r.start()
}

func (r *rig) people() {
	r.t.Helper()
	dom := presence.Domain{ID: presence.DomainID{ID: presence.NewID()}, Names: []string{"ex.test"}, Realm: "ex.test"}
	other := presence.Domain{ID: presence.DomainID{ID: presence.NewID()}, Names: []string{"other.test"}, Realm: "other.test"}
	e := directory.Edit{Actor: "test", Domains: []presence.Domain{dom, other}}
	for _, number := range []string{"101", "102", "201"} {
		a := presence.Agent{ID: presence.AgentID{ID: presence.NewID()}, Domain: dom.ID, Number: number, Name: "Agent " + number, AORs: []string{number + "@ex.test"}}
		dev := presence.Device{ID: presence.DeviceID{ID: presence.NewID()}, Domain: dom.ID, Kind: presence.KindDesk, Name: number}
		ha1, err := digest.HA1("MD5", number, "ex.test", "secret")
		if err != nil {
			r.t.Fatal(err)
		}
		e.Agents, e.Devices = append(e.Agents, a), append(e.Devices, dev)
		e.Credentials = append(e.Credentials, presence.Credential{Domain: dom.ID, Device: dev.ID, Username: number, HA1: presence.HA1{MD5: ha1}})
		e.Assignments = append(e.Assignments, presence.Assignment{Device: dev.ID, Agent: a.ID})
		r.ids[number] = a.ID
	}
	if err := r.dir.Apply(context.Background(), e); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) snapshot(number string) *presence.Snapshot {
	r.t.Helper()
	s, ok := r.roster.Snapshot(r.ids[number])
	if !ok {
		r.t.Fatalf("no snapshot of %s", number)
	}
	return s
}

// pbx publishes the dialogs of one entity.
type pbx struct {
	*siptest.Peer
	t      testing.TB
	entity string
	etag   string
	expiry string
	kind   string
}

func (r *rig) pbx(addr, entity string) *pbx {
	return &pbx{Peer: siptest.NewPeer(r.t, r.net, addr, server), t: r.t, entity: entity, expiry: "600"}
}

// of makes another publisher at the same address.
func (p *pbx) of(entity string) *pbx {
	return &pbx{Peer: p.Peer, t: p.t, entity: entity, expiry: "600"}
}

func (p *pbx) request(body string) *message.Builder {
	b := p.Request("PUBLISH", p.entity, p.entity, "").Add(message.Event, "dialog")
	if p.expiry != "" {
		b.Add(message.Expires, p.expiry)
	}
	if p.etag != "" {
		b.Add(message.SIPIfMatch, p.etag)
	}
	if p.kind != "" {
		b.Add(message.CallKind, p.kind)
	}
	if body != "" {
		b.Body("application/dialog-info+xml", []byte(body))
	}
	return b
}

// publish sends a PUBLISH and keeps the entity tag of a 200.
func (p *pbx) publish(body string) *message.Message {
	p.t.Helper()
	m := p.Do(p.request(body))
	if m.Status == 200 {
		p.etag = m.Get(message.SIPETag)
	}
	return m
}

func (p *pbx) want(status int, body string) *message.Message {
	p.t.Helper()
	m := p.publish(body)
	if m.Status != status {
		p.t.Fatalf("PUBLISH answered %d, want %d:\n%s", m.Status, status, m.Raw)
	}
	return m
}

// info is a document of full state.
func (p *pbx) info(version int, dialogs ...string) string {
	return fmt.Sprintf(`<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="%d" state="full" entity="%s">%s</dialog-info>`, version, p.entity, strings.Join(dialogs, ""))
}

// partial is the same of partial state.
func (p *pbx) partial(version int, dialogs ...string) string {
	return strings.Replace(p.info(version, dialogs...), `state="full"`, `state="partial"`, 1)
}

func dialog(id, callID, direction, state string) string {
	return fmt.Sprintf(`<dialog id="%s" call-id="%s" local-tag="l" remote-tag="r" direction="%s"><state>%s</state><remote><identity display="Bob">sip:900@pstn.test</identity></remote></dialog>`, id, callID, direction, state)
}

// lamp is a phone with one lamp.
type lamp struct {
	*siptest.Peer
	t      testing.TB
	event  string
	uri    string
	user   string
	seq    int
	callID string
	from   string
	to     string
	target string
	extra  []message.Header
	gruu   string // its contact, where it has one
}

func (r *rig) lamp(addr, user, uri string) *lamp {
	return &lamp{Peer: siptest.NewPeer(r.t, r.net, addr, server), t: r.t, event: "dialog", uri: uri, user: user,
		callID: message.NewCallID(""), from: "<sip:" + user + "@ex.test>;tag=" + message.NewTag(), to: "<" + uri + ">"}
}

func (l *lamp) subscribe(expires int) *message.Message {
	l.t.Helper()
	m := l.DoAuth(l.user, "secret", func() *message.Builder {
		l.seq++
		uri := l.uri
		if l.target != "" {
			uri = l.target
		}
		contact := l.Contact(l.user)
		if l.gruu != "" {
			contact = l.gruu
		}
		b := message.NewRequest("SUBSCRIBE", uri).Add(message.MaxForwards, "70").Add(message.From, l.from).Add(message.To, l.to).
			Add(message.CallID, l.callID).Add(message.CSeq, fmt.Sprint(l.seq, " SUBSCRIBE")).Add(message.Contact, "<"+contact+">").
			Add(message.Event, l.event).Add(message.Expires, fmt.Sprint(expires))
		for _, h := range l.extra {
			b.Add(h.Name, h.Value)
		}
		return b
	})
	if m.Status == 200 && l.target == "" {
		c, _ := m.Contacts()
		l.target, l.to = c[0].URI, m.Get(message.To)
	}
	return m
}

// shows waits for a NOTIFY, answers it, and wants each text in the body; a text
// with ! in front must not be there.
func (l *lamp) shows(texts ...string) *message.Message {
	l.t.Helper()
	m := l.Expect(siptest.Method("NOTIFY"))
	l.Respond(m, 200)
	for _, text := range texts {
		not, no := strings.CutPrefix(text, "!")
		if no == strings.Contains(string(m.Body), not) {
			l.t.Fatalf("NOTIFY body, want %q:\n%s", text, m.Body)
		}
	}
	return m
}

func (l *lamp) dark(d time.Duration) {
	l.t.Helper()
	l.ExpectNone(siptest.Method("NOTIFY"), d)
}

// live subscribes to a lamp that must be idle.
func (l *lamp) live() {
	l.t.Helper()
	if m := l.subscribe(3600); m.Status != 200 {
		l.t.Fatalf("SUBSCRIBE answered %d:\n%s", m.Status, m.Raw)
	}
	l.shows("<state>terminated</state>")
}
