package publisher

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/message"
	"lamplight/sip/resolve"
	"lamplight/sip/siptest"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
	"lamplight/store"
	"lamplight/store/sim"
)

func TestMain(m *testing.M) {
	if os.Getenv(upstreamEnv) != "" {
		beUpstream()
		return
	}
	goleak.VerifyTestMain(m)
}

const (
	server = "192.0.2.1:5060"
	above  = "192.0.2.100:5060"
)

// fakeRoster has the snapshots it is given.
type fakeRoster struct {
	boot uint32

	mu    sync.Mutex
	snaps map[presence.AgentID]*presence.Snapshot // guarded by mu
	f     func(*presence.Snapshot)                // guarded by mu
}

func (r *fakeRoster) Boot() uint32 { return r.boot }

func (r *fakeRoster) Snapshot(a presence.AgentID) (*presence.Snapshot, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.snaps[a]
	return s, ok
}

func (r *fakeRoster) Watch(f func(*presence.Snapshot)) func() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.f = f
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.f = nil
	}
}

// set publishes a snapshot.
func (r *fakeRoster) set(s presence.Snapshot) {
	r.mu.Lock()
	r.snaps[s.Agent] = &s
	f := r.f
	r.mu.Unlock()
	if f != nil {
		f(&s)
	}
}

// rig is a publisher with its neighbours on an in-memory network, in a bubble
// of its own time.
type rig struct {
	t      *testing.T
	net    *siptest.Net
	store  *sim.Store
	dir    *directory.Directory
	roster *fakeRoster
	dom    presence.Domain
	agents []presence.Agent
	conf   Upstream
	up     *escServer
	reg    *prometheus.Registry

	p     *Publisher
	tl    *transport.Layer
	xl    *transaction.Layer
	serve sync.WaitGroup
	stop  context.CancelFunc
}

// bubble runs f with so many agents, all Offline, and an upstream.
func bubble(t *testing.T, agents int, tweak func(*Upstream), f func(*testing.T, *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, net: siptest.NewNet(), store: sim.New(sim.Options{Latency: 2 * time.Millisecond}),
			roster: &fakeRoster{snaps: map[presence.AgentID]*presence.Snapshot{}}}
		srv, err := resolve.ParseServer("udp", above)
		if err != nil {
			t.Fatal(err)
		}
		r.conf = Upstream{Name: "up", Server: srv}
		if tweak != nil {
			tweak(&r.conf)
		}
		r.people(agents)
		r.up = newESC(t, r.net, &r.conf)
		r.start()
		t.Cleanup(func() {
			r.shut()
			r.store.Close()
			r.up.close()
		})
		f(t, r)
	})
}

func (r *rig) people(n int) {
	r.t.Helper()
	d, err := directory.Open(context.Background(), r.store)
	if err != nil {
		r.t.Fatal(err)
	}
	r.dom = presence.Domain{ID: presence.DomainID{ID: presence.NewID()}, Names: []string{"ex.test"}, Realm: "ex.test"}
	e := directory.Edit{Actor: "test", Domains: []presence.Domain{r.dom}}
	for i := range n {
		number := fmt.Sprint(1001 + i)
		e.Agents = append(e.Agents, presence.Agent{ID: presence.AgentID{ID: presence.NewID()}, Domain: r.dom.ID, Number: number, Name: "Agent " + number, AORs: []string{number + "@ex.test"}})
	}
	if err := d.Apply(context.Background(), e); err != nil {
		r.t.Fatal(err)
	}
	r.agents = e.Agents
	for i := range r.agents {
		r.roster.set(r.snapshot(i, "Offline"))
	}
}

// snapshot of agent i with a status and dialogs written "id:state".
func (r *rig) snapshot(i int, status string, dialogs ...string) presence.Snapshot {
	a := r.agents[i]
	s := presence.Snapshot{Domain: a.Domain, Agent: a.ID, AOR: a.AORs[0], Number: a.Number, Name: a.Name}
	s.Watch.Note, s.Watch.Open = status, status == "Available" || status == "On a Call"
	switch status {
	case "On a Call":
		s.Watch.Activity = "on-the-phone"
	case "Do Not Disturb":
		s.Watch.Activity = "busy"
	}
	for _, d := range dialogs {
		id, state, _ := strings.Cut(d, ":")
		s.Watch.Dialogs = append(s.Watch.Dialogs, presence.DialogState{ID: id, State: state, CallID: "call-" + id, LocalTag: "l", RemoteTag: "r", Direction: "recipient"})
	}
	return s
}

func (r *rig) set(i int, status string, dialogs ...string) {
	r.roster.set(r.snapshot(i, status, dialogs...))
}

func (r *rig) start() {
	r.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	var err error
	if r.dir, err = directory.Open(ctx, r.store); err != nil {
		r.t.Fatal(err)
	}
	r.roster.boot++
	r.reg = prometheus.NewRegistry()
	r.tl = transport.New(transport.Options{Dial: r.net.Dial})
	r.xl = transaction.New(transaction.Options{Transport: r.tl, Handler: transaction.HandlerFunc(func(q *transaction.Request) { q.Reply(405) })})
	// Every name is the upstream's.
	hosts := resolve.Hosts{Lookup: func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddrPort(above).Addr()}, nil
	}}
	r.p, err = Open(ctx, Options{Store: r.store, Directory: r.dir, Roster: r.roster, Transactions: r.xl, Flows: r.tl, Finder: hosts, Upstreams: []Upstream{r.conf}, Metrics: r.reg})
	if err != nil {
		r.t.Fatal(err)
	}
	time.Sleep(200 * time.Millisecond) // sockets are opened after us
	pc := r.net.ListenPacket(server)
	r.serve.Go(func() { r.tl.ServePacket(ctx, pc) })
}

func (r *rig) shut() {
	r.p.Close()
	r.stop()
	r.xl.Close()
	r.tl.Close()
	r.serve.Wait()
}

// restart is kill -9 and a start.
func (r *rig) restart() {
	r.t.Helper()
	r.store.Crash()
	r.shut()
	var err error
	if r.store, err = r.store.Reopen(sim.Options{Latency: 2 * time.Millisecond}); err != nil {
		r.t.Fatal(err)
	}
	r.start()
}

// escServer is the event state compositor of RFC 3903 as an upstream has it.
type escServer struct {
	t         *testing.T
	net       *siptest.Net
	transport string
	peer      *siptest.Peer
	stream    *streamESC
	cert      *tls.Certificate // over TLS

	mu      sync.Mutex
	esc     map[string]*escPub // by tag; guarded by mu and the fields below
	used    map[string]bool    // tags that were replaced or removed
	next    int
	log     []string // method of each new request: "dialog 1001 first early"
	cseq    map[string]uint32
	version map[string]int // by entity
	answer  func(*message.Message) *message.Builder
	strict  bool // no tag may come twice, and none that is unknown
	settled bool // what ended stays so: a change of it is answered 200, with a tag of nothing, as Kamailio does
	lost    int  // 412s given
	muted   bool // it takes no request, and answers none
}

type escPub struct {
	event, entity, body string
	until               time.Time
}

func newESC(t *testing.T, n *siptest.Net, conf *Upstream) *escServer {
	e := &escServer{t: t, net: n, transport: conf.Server.Transport, esc: map[string]*escPub{}, used: map[string]bool{}, cseq: map[string]uint32{}, version: map[string]int{}, strict: true}
	if e.transport == transport.TLS {
		e.cert = certificate(t, "up.test")
		conf.Roots = x509.NewCertPool()
		conf.Roots.AddCert(e.cert.Leaf)
	}
	e.open()
	return e
}

func (e *escServer) open() {
	if e.transport != transport.UDP {
		e.stream = serveStream(e.t, e.net, e.cert, e.handle)
		return
	}
	e.peer = siptest.NewPeer(e.t, e.net, above, server)
	e.peer.Handle(e.handle)
}

func (e *escServer) close() {
	if e.stream != nil {
		e.stream.close()
		e.stream = nil
	}
	if e.peer != nil {
		e.peer.Close()
		e.peer = nil
	}
}

// crash is kill -9 with a start after a while: nothing is remembered.
func (e *escServer) crash(down time.Duration) {
	e.close()
	e.mu.Lock()
	e.esc = map[string]*escPub{}
	e.mu.Unlock()
	time.Sleep(down)
	e.open()
}

func (e *escServer) handle(m *message.Message) *message.Builder {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.muted {
		return nil
	}
	if m.Method != "PUBLISH" {
		return message.NewResponse(m, 405, "")
	}
	if seq, _ := m.CSeq(); seq <= e.cseq[m.CallID()] && e.strict {
		e.t.Errorf("CSeq %d after %d", seq, e.cseq[m.CallID()])
	} else {
		e.cseq[m.CallID()] = seq
	}
	if e.answer != nil {
		if b := e.answer(m); b != nil {
			return b
		}
	}
	return e.takeLocked(m)
}

var versionOf = regexp.MustCompile(`version="(\d+)" state`)

func (e *escServer) takeLocked(m *message.Message) *message.Builder {
	event, entity, tag := m.Get(message.Event), m.URI, m.Get(message.SIPIfMatch)
	seconds, _ := m.ExpiresHeader()
	body := string(m.Body)
	sort := "first"
	switch {
	case seconds == 0:
		sort = "remove"
	case tag != "" && body == "":
		sort = "refresh"
	case tag != "":
		sort = "change"
	}
	e.log = append(e.log, strings.TrimSpace(fmt.Sprint(event, " ", strings.TrimPrefix(strings.TrimSuffix(entity, "@ex.test"), "sip:"), " ", sort, " ", told(body))))
	if v := versionOf.FindStringSubmatch(body); v != nil {
		var n int
		fmt.Sscan(v[1], &n)
		if n <= e.version[entity] {
			e.t.Errorf("%s: version %d after %d", entity, n, e.version[entity])
		}
		e.version[entity] = n
	}
	pub := &escPub{event: event, entity: entity}
	if tag != "" {
		old := e.esc[tag]
		switch {
		case e.used[tag] && e.strict:
			e.t.Errorf("%s %s: tag %s again", event, entity, tag)
		case old != nil && (old.event != event || old.entity != entity):
			e.t.Errorf("tag %s of %s %s used for %s %s", tag, old.event, old.entity, event, entity)
		}
		if old == nil || !time.Now().Before(old.until) {
			e.lost++
			return message.NewResponse(m, 412, "")
		}
		if e.settled && sort == "change" && event == Dialog && over(old.body) {
			e.next++
			return message.NewResponse(m, 200, "").Add(message.SIPETag, fmt.Sprint("t", e.next)).AddInt(message.Expires, seconds)
		}
		delete(e.esc, tag)
		e.used[tag] = true
		pub = old
	}
	if body != "" {
		pub.body = body
	}
	if pub.body == "" && seconds > 0 {
		e.t.Errorf("first PUBLISH without a body")
		return message.NewResponse(m, 400, "")
	}
	e.next++
	fresh := fmt.Sprint("t", e.next)
	if seconds > 0 {
		pub.until = time.Now().Add(time.Duration(seconds) * time.Second)
		e.esc[fresh] = pub
	}
	return message.NewResponse(m, 200, "").Add(message.SIPETag, fresh).AddInt(message.Expires, seconds)
}

var stateOf = regexp.MustCompile(`<dialog id="([^"]*)".*?<state>([a-z]+)</state>|<note>([^<]*)</note>`)

// told is what a body says, in short.
func told(body string) string {
	var out []string
	for _, m := range stateOf.FindAllStringSubmatch(body, -1) {
		if m[3] != "" {
			out = append(out, m[3])
			continue
		}
		out = append(out, m[1]+":"+m[2])
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// over reports whether a dialog document says that every call ended.
func over(body string) bool {
	return !strings.Contains(strings.ReplaceAll(body, "<state>terminated<", ""), "<state>")
}

// views are what watchers of an agent's event see: one for each publication.
func (e *escServer) views(event string, i int) (out []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.esc {
		if p.event == event && p.entity == fmt.Sprintf("sip:%d@ex.test", 1001+i) && time.Now().Before(p.until) {
			out = append(out, told(p.body))
		}
	}
	slices.Sort(out)
	return out
}

func (e *escServer) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, p := range e.esc {
		if time.Now().Before(p.until) {
			n++
		}
	}
	return n
}

// took returns what was asked since the last call.
func (e *escServer) took() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	log := e.log
	e.log = nil
	return log
}

func (e *escServer) mute(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.muted = on
}

func (e *escServer) answers(f func(*message.Message) *message.Builder) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.answer = f
}

// settle lets so much time pass and all that is ready happen.
func settle(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// sees wants exactly one publication of the event, saying so; "" wants none.
func (r *rig) sees(event string, i int, want string) {
	r.t.Helper()
	got := r.up.views(event, i)
	if want == "" && len(got) == 0 || len(got) == 1 && got[0] == want {
		return
	}
	r.t.Errorf("%s of %d: %q, want %q", event, 1001+i, got, want)
}

// wants compares what was asked since the last time.
func (r *rig) wants(want ...string) {
	r.t.Helper()
	if got := r.up.took(); !slices.Equal(got, want) {
		r.t.Errorf("the upstream was sent\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// rows are the stored publications that have a tag.
func (r *rig) rows() (n int) {
	r.t.Helper()
	err := r.store.Scan(context.Background(), space, func(rec store.Record) error {
		if strings.Contains(string(rec.Data), `"tag"`) {
			n++
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}
