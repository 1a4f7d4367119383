package featurecode

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"lamplight/presence"
	"lamplight/presence/desk"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
	"lamplight/store/sim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const server = "192.0.2.1:5060"

// rig is a server of feature codes on an in-memory network, with agents 1001 and
// 1002, whose phones are called so, and the hot desk "hot".
type rig struct {
	t      *testing.T
	net    *siptest.Net
	store  *sim.Store
	dir    *directory.Directory
	roster *roster.Roster
	codes  *Server
	dom    presence.DomainID
	agents map[string]presence.AgentID
	device map[string]presence.DeviceID
	phones map[string]*phone
}

func bubble(t *testing.T, f func(*testing.T, *rig)) {
	t.Helper()
	bubbleWith(t, Options{}, f)
}

func bubbleWith(t *testing.T, o Options, f func(*testing.T, *rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, net: siptest.NewNet(), store: sim.New(sim.Options{Latency: 2 * time.Millisecond}), dom: presence.DomainID{ID: presence.NewID()},
			agents: map[string]presence.AgentID{}, device: map[string]presence.DeviceID{}, phones: map[string]*phone{}}
		r.people()
		var err error
		if r.roster, err = roster.Open(t.Context(), roster.Options{Store: r.store, Directory: r.dir, Shards: 2}); err != nil {
			t.Fatal(err)
		}
		tl := transport.New(transport.Options{})
		xl := transaction.New(transaction.Options{Transport: tl, Handler: transaction.HandlerFunc(r.serve)})
		desks, err := desk.New(desk.Options{Directory: r.dir, Hash: func(pin string) string { return "#" + pin },
			Verify: func(hash, pin string) (bool, error) { return hash == "#"+pin, nil }})
		if err != nil {
			t.Fatal(err)
		}
		o.Directory, o.Roster, o.Transactions, o.Desks = r.dir, r.roster, xl, desks
		if r.codes, err = New(o); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(context.Background())
		var serving sync.WaitGroup
		pc := r.net.ListenPacket(server)
		serving.Go(func() { tl.ServePacket(ctx, pc) })
		ln := r.net.Listen(server)
		serving.Go(func() { tl.ServeStream(ctx, ln, "TCP") })
		synctest.Wait()
		f(t, r)
		r.codes.Close()
		stop()
		xl.Close()
		tl.Close()
		serving.Wait()
		r.roster.Close()
		r.store.Close()
	})
}

func (r *rig) people() {
	r.t.Helper()
	var err error
	if r.dir, err = directory.Open(r.t.Context(), r.store); err != nil {
		r.t.Fatal(err)
	}
	p := presence.Policy{OnlineBy: presence.OnlineByAnyDevice, Statuses: []presence.Custom{{Name: "Break"}}, Codes: presence.FeatureCodes{List: []presence.FeatureCode{
		{Code: "*78", Does: presence.FeatureDNDOn}, {Code: "*79", Does: presence.FeatureDNDOff}, {Code: "*76", Does: presence.FeatureDNDToggle},
		{Code: "*71", Does: presence.FeatureSelect, Status: presence.SelectCustom("Break")}, {Code: "*70", Does: presence.FeatureSelect, Status: presence.SelectAvailable},
		{Code: "*77", Does: presence.FeatureWrapUpFinish}, {Code: "*80", Does: presence.FeatureAllOff}, {Code: "*81", Does: presence.FeatureRestore},
		{Code: "*72", Does: presence.FeatureForward}, {Code: "*73", Does: presence.FeatureForwardOff},
		{Code: "*46", Does: presence.FeatureDeskLogin}, {Code: "*47", Does: presence.FeatureDeskLogout},
	}}}
	e := directory.Edit{Domains: []presence.Domain{{ID: r.dom, Names: []string{"ex.test"}, Realm: "ex.test", Policy: p}}}
	for _, n := range []string{"1001", "1002", "hot"} {
		r.device[n] = presence.DeviceID{ID: presence.NewID()}
		e.Devices = append(e.Devices, presence.Device{ID: r.device[n], Domain: r.dom, Kind: presence.KindDesk, Name: n, Shared: n == "hot"})
		if n != "hot" {
			r.agents[n] = presence.AgentID{ID: presence.NewID()}
			e.Agents = append(e.Agents, presence.Agent{ID: r.agents[n], Domain: r.dom, Number: n, Name: "Agent " + n, PINHash: "#2468"})
			e.Assignments = append(e.Assignments, presence.Assignment{Device: r.device[n], Agent: r.agents[n]})
		}
	}
	if err := r.dir.Apply(r.t.Context(), e); err != nil {
		r.t.Fatal(err)
	}
}

// serve is what the proxy does: the user of From stands for a credential.
func (r *rig) serve(q *transaction.Request) {
	if r.codes.InDialog(q) {
		return
	}
	if q.Method != "INVITE" {
		q.Reply(481)
		return
	}
	u, _ := message.ParseURI(q.From().URI)
	dom, _ := r.dir.Domain(r.dom)
	by := Caller{Domain: dom, Device: r.device[u.User], Username: u.User}
	by.Agent, _ = r.dir.Holder(by.Device, time.Now())
	if !r.codes.Serve(q, by) {
		q.Reply(500)
	}
}

func (r *rig) policy(tweak func(*presence.Policy)) {
	r.t.Helper()
	dom, _ := r.dir.Domain(r.dom)
	next := *dom
	tweak(&next.Policy)
	synctest.Wait() // nobody must wait for the directory while the clock stands
	if err := r.dir.Apply(r.t.Context(), directory.Edit{Domains: []presence.Domain{next}}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) do(number string, ops ...roster.Op) {
	r.t.Helper()
	if _, err := r.roster.Do(r.t.Context(), r.agents[number], roster.Change{Ops: ops}); err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) snapshot(number string) *presence.Snapshot {
	s, _ := r.roster.Snapshot(r.agents[number])
	return s
}

func (r *rig) selected(number string, want presence.Selectable) {
	r.t.Helper()
	if got := r.snapshot(number).Selected.Status; got != want {
		r.t.Errorf("%s has selected %q, want %q", number, got, want)
	}
}

// phone dials codes.
type phone struct {
	*siptest.Peer
	r    *rig
	user string
}

// phone is the one of that user, opened once.
func (r *rig) phone(user string) *phone {
	if r.phones[user] == nil {
		addr := fmt.Sprintf("192.0.2.%d:5060", 10+len(r.phones))
		r.phones[user] = &phone{Peer: siptest.NewPeer(r.t, r.net, addr, server), r: r, user: user}
	}
	return r.phones[user]
}

const offer = "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 9 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n"

func (p *phone) invite(code, body string) *message.Builder {
	b := p.Request("INVITE", "sip:"+message.UserURI(code)+"@ex.test", "sip:"+p.user+"@ex.test", "").Add(message.Contact, "<"+p.Contact(p.user)+">")
	if body != "" {
		b.Body("application/sdp", []byte(body))
	}
	return b
}

// dial sends an INVITE and returns its final response, acknowledged unless it is
// a 2xx.
func (p *phone) dial(code string) *message.Message {
	p.r.t.Helper()
	m := p.Do(p.invite(code, offer))
	if m.Status >= 300 {
		p.ack(m)
	}
	return m
}

func (p *phone) ack(m *message.Message) {
	via, _ := m.TopVia()
	branch := via.Branch
	uri := "sip:ex.test"
	if m.Status < 300 {
		branch = message.NewBranch()
		c, _ := m.Contacts()
		uri = c[0].URI
	}
	seq, _ := m.CSeq()
	p.SendRaw(message.NewRequest("ACK", uri).Add(message.From, m.Get(message.From)).Add(message.To, m.Get(message.To)).
		Add(message.CallID, m.CallID()).Add(message.CSeq, fmt.Sprint(seq, " ACK")).Add(message.MaxForwards, "70").Via(p.Via(branch)).Bytes())
}

// hungUp acknowledges a 200 and takes the BYE that follows.
func (p *phone) hungUp(m *message.Message) *message.Message {
	p.r.t.Helper()
	p.ack(m)
	bye := p.Expect(siptest.Method("BYE"))
	p.Respond(bye, 200)
	return bye
}

// done dials a code that must be accepted.
func (p *phone) done(code string) {
	p.r.t.Helper()
	m := p.dial(code)
	if m.Status != 200 {
		p.r.t.Fatalf("%s answered %d %s %s", code, m.Status, m.Phrase, m.Get(message.Reason))
	}
	p.hungUp(m)
}

// calls is how many calls the server knows of.
func (r *rig) calls() int {
	synctest.Wait()
	r.codes.mu.Lock()
	defer r.codes.mu.Unlock()
	return len(r.codes.calls) + r.codes.pending
}
