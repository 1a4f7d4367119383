package registrar_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/sip/digest"
	"lamplight/sip/message"
	"lamplight/sip/quirks"
	"lamplight/sip/registrar"
	"lamplight/sip/siptest"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
	"lamplight/store"
	"lamplight/store/sim"
)

func TestMain(m *testing.M) {
	if to := os.Getenv(callerEnv); to != "" {
		os.Exit(makeCalls(to))
	}
	goleak.VerifyTestMain(m)
}

const (
	domain = "demo.test"
	server = "10.0.0.1:5060"
)

// house is a registrar with all that it stands on, over an in-memory network.
type house struct {
	t       *testing.T
	net     *siptest.Net
	store   *sim.Store
	dir     *directory.Directory
	roster  *roster.Roster
	tp      *transport.Layer
	tx      *transaction.Layer
	reg     *registrar.Registrar
	limits  registrar.Limits
	domain  presence.DomainID
	serving sync.WaitGroup
}

// newHouse has agents 1001 to 1003, each with a desk phone (user name = number),
// a softphone (-soft) and a mobile (-mobile), every password "pw".
func newHouse(t *testing.T, l registrar.Limits) *house {
	t.Helper()
	h := &house{t: t, net: siptest.NewNet(), store: sim.New(sim.Options{Latency: time.Millisecond}), limits: l}
	h.open()
	h.populate()
	synctest.Wait() // a goroutine that waits for a lock of the directory would hold the clock
	t.Cleanup(func() {
		h.close()
		h.store.Close()
	})
	return h
}

func (h *house) populate() {
	h.t.Helper()
	dom := presence.Domain{ID: presence.DomainID{ID: presence.NewID()}, Names: []string{domain}, Realm: domain}
	h.domain = dom.ID
	e := directory.Edit{Actor: "test", Cause: "config", Domains: []presence.Domain{dom}}
	for _, number := range []string{"1001", "1002", "1003"} {
		a := presence.Agent{ID: presence.AgentID{ID: presence.NewID()}, Domain: dom.ID, Number: number, Name: "Agent " + number}
		a.Settings.Options = presence.Options{Webphone: true, SIPPhone: true, Mobile: true}
		e.Agents = append(e.Agents, a)
		for suffix, kind := range map[string]presence.DeviceKind{"": presence.KindDesk, "-soft": presence.KindSoft, "-mobile": presence.KindMobile} {
			d := presence.Device{ID: presence.DeviceID{ID: presence.NewID()}, Domain: dom.ID, Kind: kind, Name: number + suffix}
			ha1, err := digest.HA1(digest.MD5, number+suffix, dom.Realm, "pw")
			if err != nil {
				h.t.Fatal(err)
			}
			e.Devices = append(e.Devices, d)
			e.Credentials = append(e.Credentials, presence.Credential{Domain: dom.ID, Device: d.ID, Username: number + suffix, HA1: presence.HA1{MD5: ha1}})
			e.Assignments = append(e.Assignments, presence.Assignment{Device: d.ID, Agent: a.ID, From: time.Now().Add(-time.Hour)})
		}
	}
	if err := h.dir.Apply(context.Background(), e); err != nil {
		h.t.Fatal(err)
	}
}

// open starts everything over what the store has.
func (h *house) open() {
	h.t.Helper()
	ctx := context.Background()
	var err error
	if h.dir, err = directory.Open(ctx, h.store); err != nil {
		h.t.Fatal(err)
	}
	if h.roster, err = roster.Open(ctx, roster.Options{Store: h.store, Directory: h.dir}); err != nil {
		h.t.Fatal(err)
	}
	auth := digest.New(digest.Options{Directory: h.dir, Key: []byte("kept by the wiring")})
	h.tp = transport.New(transport.Options{Dial: h.net.Dial, OnFlowClosed: func(f *transport.Flow) { h.reg.FlowClosed(f) }})
	h.tx = transaction.New(transaction.Options{Transport: h.tp, Handler: transaction.HandlerFunc(func(r *transaction.Request) { h.reg.ServeSIP(r) })})
	h.reg, err = registrar.Open(ctx, registrar.Options{
		Store: h.store, Directory: h.dir, Roster: h.roster, Auth: auth, Transport: h.tp, Transactions: h.tx, Limits: h.limits,
		Phones: quirks.Table{{Match: "Deaf", Quirks: quirks.NoOptions}}, Key: []byte("kept too"),
	})
	if err != nil {
		h.t.Fatal(err)
	}
	packets, streams := h.net.ListenPacket(server), h.net.Listen(server)
	h.serving.Go(func() { _ = h.tp.ServePacket(ctx, packets) })
	h.serving.Go(func() { _ = h.tp.ServeStream(ctx, streams, transport.TCP) })
	synctest.Wait()
}

func (h *house) close() {
	h.tp.Close()
	h.serving.Wait()
	h.tx.Close()
	h.reg.Close()
	h.roster.Close()
}

// crash kills the process and starts it anew over what was committed.
func (h *house) crash() {
	h.t.Helper()
	h.store.Crash()
	h.close()
	next, err := h.store.Reopen(sim.Options{Latency: time.Millisecond})
	if err != nil {
		h.t.Fatal(err)
	}
	h.store = next
	h.open()
}

func (h *house) agent(number string) presence.AgentID {
	h.t.Helper()
	a, ok := h.dir.AgentByNumber(h.domain, number)
	if !ok {
		h.t.Fatalf("no agent %s", number)
	}
	return a.ID
}

// rows is how many bindings are stored.
func (h *house) rows() int {
	h.t.Helper()
	n := 0
	if err := h.store.Scan(context.Background(), "binding", func(store.Record) error { n++; return nil }); err != nil {
		h.t.Fatal(err)
	}
	return n
}

// bound are the contacts of an agent in the registrar, with flags.
func (h *house) bound(number string) string {
	h.t.Helper()
	var out []string
	for _, b := range h.reg.Bindings(h.agent(number)) {
		s := b.Contact
		if b.Restored {
			s += " restored"
		}
		if b.Dead {
			s += " dead"
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// known are the contacts of an agent in its snapshot: what routing goes by.
func (h *house) known(number string) string {
	h.t.Helper()
	synctest.Wait()
	s, ok := h.roster.Snapshot(h.agent(number))
	if !ok {
		h.t.Fatalf("no snapshot of %s", number)
	}
	var out []string
	for _, d := range s.Devices {
		if d.Contact == "" {
			continue
		}
		c := d.Contact
		if d.Restored {
			c += " restored"
		}
		if !d.Reachable {
			c += " unreachable"
		}
		out = append(out, c)
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

// phone is a scripted device of one credential.
type phone struct {
	*siptest.Peer
	user, aor, callID string
	seq               int
}

func (h *house) phone(user, addr string) *phone {
	number, _, _ := strings.Cut(user, "-")
	return &phone{Peer: siptest.NewPeer(h.t, h.net, addr, server), user: user, aor: "sip:" + number + "@" + domain, callID: message.NewCallID("")}
}

func (h *house) stream(user, addr string) *phone {
	number, _, _ := strings.Cut(user, "-")
	return &phone{Peer: siptest.NewStreamPeer(h.t, h.net, addr, server), user: user, aor: "sip:" + number + "@" + domain, callID: message.NewCallID("")}
}

// build is a REGISTER with these headers, as "Name: value".
func (p *phone) build(headers ...string) *message.Builder {
	p.seq++
	b := message.NewRequest("REGISTER", "sip:"+domain).
		Add(message.MaxForwards, "70").Add(message.From, "<"+p.aor+">;tag=t").Add(message.To, "<"+p.aor+">").
		Add(message.CallID, p.callID).Add(message.CSeq, fmt.Sprint(p.seq, " REGISTER"))
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		b.Add(message.Name(name), value)
	}
	return b
}

// register sends a REGISTER, answering a challenge.
func (p *phone) register(headers ...string) *message.Message {
	return p.DoAuth(p.user, "pw", func() *message.Builder { return p.build(headers...) })
}

// contacts are the Contact values of a 200, sorted.
func contacts(m *message.Message) string {
	vs := m.Values(message.Contact)
	slices.Sort(vs)
	return strings.Join(vs, ", ")
}

func wantStatus(t *testing.T, m *message.Message, status int) {
	t.Helper()
	if m.Status != status {
		t.Fatalf("answer %d %s, want %d\n%s", m.Status, m.Phrase, status, m.Raw)
	}
}

func inBubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}
