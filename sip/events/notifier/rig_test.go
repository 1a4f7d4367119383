package notifier

import (
	"context"
	"fmt"
	"net/netip"
	"strconv"
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
	"lamplight/sip/digest"
	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/siptest"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
	"lamplight/store"
	"lamplight/store/sim"
)

const server = "192.0.2.1:5060"

// rig is a notifier with everything it talks to, on an in-memory network.
type rig struct {
	t      testing.TB
	net    *siptest.Net
	store  *sim.Store
	dir    *directory.Directory
	roster *fakeRoster
	dom    presence.Domain
	agents map[string]presence.AgentID

	n        *Notifier
	tl       *transport.Layer
	xl       *transaction.Layer
	serve    sync.WaitGroup
	stop     context.CancelFunc
	opts     Options
	peers    peers.Table
	consents *consent.Consents
	lists    *lists.Lists
	deaf     time.Duration // how long after a start there is no socket to send by
}

type deafFlows struct {
	Flows
	until time.Time
}

func (d deafFlows) Flow(ctx context.Context, t string, to netip.AddrPort) (*transport.Flow, error) {
	if time.Now().Before(d.until) {
		return nil, transport.ErrNoListener
	}
	return d.Flows.Flow(ctx, t, to)
}

// newRig starts one; tweak may change the options.
func newRig(t testing.TB, tweak func(*Options)) *rig {
	t.Helper()
	r := &rig{t: t, net: siptest.NewNet(), store: sim.New(sim.Options{Latency: 2 * time.Millisecond}), agents: map[string]presence.AgentID{}}
	r.roster = &fakeRoster{boot: 1, snaps: map[presence.AgentID]*presence.Snapshot{}}
	r.openDirectory()
	r.peers = peers.Table{{Name: "pbx", Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.200/32")}, Domains: []string{"ex.test"}}}
	if tweak != nil {
		tweak(&r.opts)
	}
	r.start()
	t.Cleanup(func() {
		r.shut()
		r.store.Close()
	})
	return r
}

func (r *rig) openDirectory() {
	r.t.Helper()
	d, err := directory.Open(context.Background(), r.store)
	if err != nil {
		r.t.Fatal(err)
	}
	r.dir = d
	if doms := d.Domains(); len(doms) > 0 {
		return
	}
	r.dom = presence.Domain{ID: presence.DomainID{ID: presence.NewID()}, Names: []string{"ex.test", "also.test"}, Realm: "ex.test"}
	other := presence.Domain{ID: presence.DomainID{ID: presence.NewID()}, Names: []string{"other.test"}, Realm: "other.test"}
	e := directory.Edit{Actor: "test", Domains: []presence.Domain{r.dom, other}}
	for _, number := range []string{"101", "102", "201", "202"} {
		a := presence.Agent{ID: presence.AgentID{ID: presence.NewID()}, Domain: r.dom.ID, Number: number, Name: "Agent " + number, AORs: []string{number + "@ex.test"}}
		if number == "101" {
			a.AORs = append(a.AORs, "ann@ex.test")
		}
		dev := presence.Device{ID: r.device(number), Domain: r.dom.ID, Kind: presence.KindDesk, Name: number}
		e.Agents, e.Devices = append(e.Agents, a), append(e.Devices, dev)
		if number != "202" { // a device that is nobody's
			e.Assignments = append(e.Assignments, presence.Assignment{Device: dev.ID, Agent: a.ID})
		}
		r.agents[number] = a.ID
	}
	if err := d.Apply(context.Background(), e); err != nil {
		r.t.Fatal(err)
	}
	for number, id := range r.agents {
		s := &presence.Snapshot{Agent: id, AOR: number + "@ex.test", Number: number, Name: "Agent " + number}
		s.Watch.Note = "Offline"
		r.roster.snaps[id] = s
	}
}

func (r *rig) device(number string) presence.DeviceID {
	return presence.DeviceID{ID: presence.DeriveID(presence.ID{1}, number)}
}

// start opens the layers and the notifier; shut closes them. Between the two a
// test may crash the store.
func (r *rig) start() {
	r.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	r.tl = transport.New(transport.Options{})
	r.xl = transaction.New(transaction.Options{Transport: r.tl, Handler: transaction.HandlerFunc(func(q *transaction.Request) {
		switch q.Method {
		case "SUBSCRIBE":
			r.n.ServeSIP(q)
		default:
			q.Reply(405)
		}
	})})
	pc := r.net.ListenPacket(server)
	ln := r.net.Listen(server)
	r.serve.Go(func() { r.tl.ServePacket(ctx, pc) })
	r.serve.Go(func() { r.tl.ServeStream(ctx, ln, "TCP") })
	o := r.opts
	o.Store, o.Directory, o.Roster, o.Auth = r.store, r.dir, r.roster, &fakeAuth{r}
	c, err := consent.Open(ctx, r.store, r.dir, "node-1", zerolog.Nop())
	if err != nil {
		r.t.Fatal(err)
	}
	c.OnChange(func(d consent.Decision) { r.n.Decided(d.Of) })
	r.consents, o.Consent = c, c
	if r.lists, err = lists.Open(ctx, lists.Options{Store: r.store, Directory: r.dir}); err != nil {
		r.t.Fatal(err)
	}
	o.Lists = r.lists
	o.Transactions, o.Flows = r.xl, Flows(r.tl)
	if r.deaf > 0 {
		o.Flows = deafFlows{r.tl, time.Now().Add(r.deaf)}
	}
	if o.Packages == nil {
		o.Packages = []Package{lamp{}, mood{}}
	}
	n, err := Open(ctx, o, r.peers)
	if err != nil {
		r.t.Fatal(err)
	}
	r.n = n
}

func (r *rig) shut() {
	r.n.Close()
	r.stop()
	r.xl.Close()
	r.tl.Close()
	r.serve.Wait()
}

// restart is a crash and a start: what was not committed is gone, the boot
// number is one higher.
func (r *rig) restart() {
	r.t.Helper()
	r.store.Crash()
	r.shut()
	st, err := r.store.Reopen(sim.Options{Latency: 2 * time.Millisecond})
	if err != nil {
		r.t.Fatal(err)
	}
	r.store = st
	r.roster.boot++
	r.roster.watch = nil
	r.openDirectory()
	r.start()
}

// policy changes the domain's.
func (r *rig) policy(change func(*presence.Policy)) {
	r.t.Helper()
	dom, _ := r.dir.DomainByName("ex.test")
	next := *dom
	change(&next.Policy)
	if err := r.dir.Apply(context.Background(), directory.Edit{Domains: []presence.Domain{next}}); err != nil {
		r.t.Fatal(err)
	}
}

// agent changes one.
func (r *rig) agent(number string, change func(*presence.Agent)) {
	r.t.Helper()
	a, _ := r.dir.Agent(r.agents[number])
	next := *a
	change(&next)
	if err := r.dir.Apply(context.Background(), directory.Edit{Agents: []presence.Agent{next}}); err != nil {
		r.t.Fatal(err)
	}
}

// decide lets an agent say whether another may watch.
func (r *rig) decide(of, by string, allow bool) {
	r.t.Helper()
	d := consent.Decision{Domain: r.dom.ID, Of: r.agents[of], By: consent.Watcher{Agent: r.agents[by]}, Allow: allow, Actor: "agent:" + of}
	if err := r.consents.Decide(context.Background(), d); err != nil {
		r.t.Fatal(err)
	}
}

// set publishes a new state of an agent: text is what the lamp shows.
func (r *rig) set(number, text string) { r.roster.set(r.agents[number], text) }

// fakeRoster is a roster reduced to what the notifier sees.
type fakeRoster struct {
	boot  uint32
	mu    sync.Mutex
	n     uint64
	snaps map[presence.AgentID]*presence.Snapshot
	watch func(*presence.Snapshot)
}

func (f *fakeRoster) Boot() uint32 { return f.boot }

func (f *fakeRoster) Snapshot(a presence.AgentID) (*presence.Snapshot, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s, ok := f.snaps[a]
	return s, ok
}

func (f *fakeRoster) Watch(w func(*presence.Snapshot)) func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watch = w
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.watch = nil
	}
}

func (f *fakeRoster) set(a presence.AgentID, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	s := &presence.Snapshot{Agent: a, Version: uint64(f.boot)<<32 | f.n}
	s.Watch.Note = text
	f.snaps[a] = s
	if f.watch != nil {
		f.watch(s)
	}
}

// fakeAuth knows a device by the user of the From header; who is called
// stranger gets a challenge.
type fakeAuth struct{ r *rig }

func (f *fakeAuth) Authenticate(q *transaction.Request) (digest.Identity, bool) {
	u, _ := message.ParseURI(q.From().URI)
	if u.User == "stranger" {
		q.Reply(401, message.Header{Name: message.WWWAuthenticate, Value: `Digest realm="ex.test", nonce="x"`})
		return digest.Identity{}, false
	}
	dom := f.r.dir.Domains()[0]
	for _, d := range f.r.dir.Domains() {
		if d.Name() == "ex.test" {
			dom = d
		}
	}
	return digest.Identity{Domain: dom, Device: f.r.device(u.User), Username: u.User}, true
}

// lamp and mood are two event packages: one with versions that takes bare
// addresses, one without.
type lamp struct{}

func (lamp) Name() string    { return "dialog" }
func (lamp) Types() []string { return []string{"application/lamp", "application/lamp-2"} }
func (lamp) Bare() bool      { return true }
func (lamp) Listable()       {}
func (lamp) Append(dst []byte, s *presence.Snapshot, v View) ([]byte, int) {
	start := len(dst)
	note := "nothing"
	if s != nil {
		note = s.Watch.Note
	}
	dst = append(dst, "version="...)
	at := len(dst) - start
	return append(dst, " entity="+v.Entity+" state="+note...), at
}

type mood struct{}

func (mood) Name() string    { return "presence" }
func (mood) Types() []string { return []string{"application/mood"} }
func (mood) Bare() bool      { return false }
func (mood) Listable()       {}
func (mood) Append(dst []byte, s *presence.Snapshot, _ View) ([]byte, int) {
	return append(append(dst, "mood="...), s.Watch.Note...), -1
}

// phone is a watcher: a peer with the state of one dialog.
type phone struct {
	*siptest.Peer
	t      testing.TB
	user   string
	event  string
	uri    string // Request-URI of the first SUBSCRIBE
	target string // the server's contact
	callID string
	from   string
	to     string
	seq    int
	expiry string // "" leaves the header out
	extra  []message.Header
}

func (r *rig) phone(addr, user, uri string) *phone {
	p := siptest.NewPeer(r.t, r.net, addr, server)
	return newPhone(r.t, p, user, uri)
}

func newPhone(t testing.TB, p *siptest.Peer, user, uri string) *phone {
	return &phone{Peer: p, t: t, user: user, event: "dialog", uri: uri, expiry: "600",
		callID: message.NewCallID(""), from: "<sip:" + user + "@ex.test>;tag=" + message.NewTag(), to: "<" + uri + ">"}
}

func (p *phone) build() *message.Builder {
	p.seq++
	uri := p.uri
	if p.target != "" {
		uri = p.target
	}
	b := message.NewRequest("SUBSCRIBE", uri).Add(message.MaxForwards, "70").Add(message.From, p.from).Add(message.To, p.to).
		Add(message.CallID, p.callID).Add(message.CSeq, fmt.Sprint(p.seq, " SUBSCRIBE")).Add(message.Contact, "<"+p.Contact(p.user)+">")
	if p.event != "" {
		b.Add(message.Event, p.event)
	}
	if p.expiry != "" {
		b.Add(message.Expires, p.expiry)
	}
	for _, h := range p.extra {
		b.Add(h.Name, h.Value)
	}
	return b
}

// subscribe sends a SUBSCRIBE, of the dialog if there is one, and keeps what a
// 200 says.
func (p *phone) subscribe() *message.Message {
	p.t.Helper()
	m := p.Do(p.build())
	if m.Status == 200 && p.target == "" {
		c, err := m.Contacts()
		if err != nil || len(c) != 1 {
			p.t.Fatalf("contact of the 200: %v, %v", c, err)
		}
		p.target, p.to = c[0].URI, m.Get(message.To)
	}
	return m
}

// notified waits for a NOTIFY and answers it.
func (p *phone) notified(status int, extra ...message.Header) *message.Message {
	p.t.Helper()
	m := p.Expect(siptest.Method("NOTIFY"))
	p.Respond(m, status, extra...)
	return m
}

func (p *phone) quiet(d time.Duration) {
	p.t.Helper()
	p.ExpectNone(siptest.Method("NOTIFY"), d)
}

func (p *phone) wantStatus(m *message.Message, status int) {
	p.t.Helper()
	if m.Status != status {
		p.t.Fatalf("status %d, want %d:\n%s", m.Status, status, m.Raw)
	}
}

func (p *phone) wantState(m *message.Message, state string) {
	p.t.Helper()
	if !strings.HasSuffix(string(m.Body), "state="+state) {
		p.t.Fatalf("body %q, want state %q", m.Body, state)
	}
}

func (p *phone) wantSub(m *message.Message, prefix string) {
	p.t.Helper()
	if got := m.Get(message.SubscriptionState); !strings.HasPrefix(got, prefix) {
		p.t.Fatalf("Subscription-State %q, want %q", got, prefix)
	}
}

// version is the number in a lamp's body; the CSeq must be one more.
func (p *phone) version(m *message.Message) uint32 {
	p.t.Helper()
	v, _, _ := strings.Cut(strings.TrimPrefix(string(m.Body), "version="), " ")
	n, err := strconv.ParseUint(v, 10, 32)
	seq, _ := m.CSeq()
	if err != nil || seq != uint32(n)+1 {
		p.t.Fatalf("version %q with CSeq %d", v, seq)
	}
	return uint32(n)
}

// live subscribes and takes the first NOTIFY.
func (p *phone) live() *message.Message {
	p.t.Helper()
	p.wantStatus(p.subscribe(), 200)
	return p.notified(200)
}

func (r *rig) rows() (n int) {
	r.store.Scan(context.Background(), space, func(store.Record) error { n++; return nil })
	return n
}

func (r *rig) count() (n int) {
	r.n.Subscriptions(presence.AgentID{}, func(Info) bool { n++; return true })
	return n
}

// bubble runs f under synctest with a rig.
func bubble(t *testing.T, tweak func(*Options), f func(*testing.T, *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newRig(t, tweak)) })
}
