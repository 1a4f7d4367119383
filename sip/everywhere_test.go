package sip

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/sip/digest"
	"lamplight/sip/events"
	"lamplight/sip/featurecode"
	"lamplight/sip/message"
	"lamplight/sip/proxy"
	"lamplight/sip/siptest"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
	"lamplight/store/sim"
)

// office is the SIP side of a server, put together, with one agent, 1001, whose
// phones are desk, echo, code and soft.
type office struct {
	t      *testing.T
	net    *siptest.Net
	roster *roster.Roster
	agent  presence.AgentID
}

func inOffice(t *testing.T, f func(*office)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(context.Background())
		o := &office{t: t, net: siptest.NewNet()}
		st := sim.New(sim.Options{Latency: 2 * time.Millisecond})
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		dir, err := directory.Open(ctx, st)
		ok(err)
		o.people(dir)
		o.roster, err = roster.Open(ctx, roster.Options{Store: st, Directory: dir, Shards: 2})
		ok(err)
		tl := transport.New(transport.Options{})
		e := &Endpoint{}
		xl := transaction.New(transaction.Options{Transport: tl, Handler: e})
		auth := digest.New(digest.Options{Directory: dir, Key: []byte(strings.Repeat("k", 32))})
		ev, err := events.Open(ctx, events.Options{Store: st, Directory: dir, Roster: o.roster, Auth: auth, Transport: tl, Transactions: xl})
		ok(err)
		codes, err := featurecode.New(featurecode.Options{Directory: dir, Roster: o.roster, Transactions: xl})
		ok(err)
		*e = Endpoint{Events: ev, Proxy: proxy.New(proxy.Options{Store: st, Directory: dir, Roster: o.roster, Auth: auth, Codes: codes})}
		var serving sync.WaitGroup
		pc := o.net.ListenPacket(here)
		serving.Go(func() { tl.ServePacket(ctx, pc) })
		synctest.Wait()
		f(o)
		codes.Close()
		ev.Close()
		stop()
		xl.Close()
		tl.Close()
		serving.Wait()
		o.roster.Close()
		st.Close()
	})
}

func (o *office) people(dir *directory.Directory) {
	o.t.Helper()
	dom := presence.Domain{ID: presence.DomainID{ID: presence.NewID()}, Names: []string{"ex.test"}, Realm: "ex.test"}
	dom.Policy.Codes.List = []presence.FeatureCode{{Code: "*78", Does: presence.FeatureDNDOn}, {Code: "*79", Does: presence.FeatureDNDOff}}
	o.agent = presence.AgentID{ID: presence.NewID()}
	e := directory.Edit{Domains: []presence.Domain{dom}, Agents: []presence.Agent{{ID: o.agent, Domain: dom.ID, Number: "1001"}}}
	for _, user := range []string{"desk", "echo", "echo2", "code", "soft"} {
		dev := presence.Device{ID: presence.DeviceID{ID: presence.NewID()}, Domain: dom.ID, Kind: presence.KindDesk, Name: user, PublishSelects: user == "soft"}
		ha1, err := digest.HA1("MD5", user, "ex.test", "pw")
		if err != nil {
			o.t.Fatal(err)
		}
		e.Devices = append(e.Devices, dev)
		e.Credentials = append(e.Credentials, presence.Credential{Domain: dom.ID, Device: dev.ID, Username: user, HA1: presence.HA1{MD5: ha1}})
		e.Assignments = append(e.Assignments, presence.Assignment{Device: dev.ID, Agent: o.agent})
	}
	if err := dir.Apply(o.t.Context(), e); err != nil {
		o.t.Fatal(err)
	}
}

// dnd is what the agent's own state says.
func (o *office) dnd() bool {
	s, _ := o.roster.Snapshot(o.agent)
	return s.Chosen.Status == presence.StatusDND
}

// handset is a phone with keys that are synchronised.
type handset struct {
	*siptest.Peer
	o      *office
	user   string
	dialog struct{ callID, from, to, target string }
	seq    int

	mu    sync.Mutex
	shows bool       // guarded by mu
	told  int        // NOTIFYs; guarded by mu
	keys  chan bool  // of an echo: what it was told, to be sent back
	at    sync.Mutex // held by who sends
}

func (o *office) handset(n int, user string, echoes bool) *handset {
	o.t.Helper()
	h := &handset{Peer: siptest.NewPeer(o.t, o.net, fmt.Sprintf("10.0.1.%d:5060", n), here), o: o, user: user, keys: make(chan bool, 1000)}
	d := &h.dialog
	d.callID, d.from, d.to, d.target = message.NewCallID(""), "<sip:"+user+"@ex.test>;tag="+message.NewTag(), "<sip:"+user+"@ex.test>", "sip:"+user+"@ex.test"
	h.Handle(func(m *message.Message) *message.Builder {
		if m.Method != "NOTIFY" {
			return message.NewResponse(m, 200, "")
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		was := h.shows
		h.shows = strings.Contains(string(m.Body), "<doNotDisturbOn>true<")
		h.told++
		if echoes && h.shows != was {
			h.keys <- h.shows
		}
		return message.NewResponse(m, 200, "")
	})
	h.press("")
	return h
}

// press sends a SUBSCRIBE, with a key's body or without.
func (h *handset) press(body string) {
	h.o.t.Helper()
	h.at.Lock()
	defer h.at.Unlock()
	d := &h.dialog
	m := h.DoAuth(h.user, "pw", func() *message.Builder {
		h.seq++
		b := message.NewRequest("SUBSCRIBE", d.target).Add(message.MaxForwards, "70").Add(message.From, d.from).Add(message.To, d.to).
			Add(message.CallID, d.callID).Add(message.CSeq, fmt.Sprint(h.seq, " SUBSCRIBE")).Add(message.Contact, "<"+h.Contact(h.user)+">").
			Add(message.Event, "as-feature-event").Add(message.Expires, "3600")
		if body != "" {
			b.Body("application/x-as-feature-event+xml", []byte(body))
		}
		return b
	})
	if m.Status != 200 {
		h.o.t.Errorf("%s: SUBSCRIBE answered %d %s", h.user, m.Status, m.Phrase)
		return
	}
	if c, _ := m.Contacts(); d.to == "<sip:"+h.user+"@ex.test>" && len(c) == 1 {
		d.to, d.target = m.Get(message.To), c[0].URI
	}
}

func (h *handset) key(on bool) {
	h.press(fmt.Sprintf("<SetDoNotDisturb><doNotDisturbOn>%t</doNotDisturbOn></SetDoNotDisturb>", on))
}

// display is what the phone shows, and how often it was told.
func (h *handset) display() (bool, int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.shows, h.told
}

// dial dials a code and lets the call end.
func (h *handset) dial(code string) {
	h.o.t.Helper()
	var m *message.Message
	m = h.DoAuth(h.user, "pw", func() *message.Builder {
		if m != nil {
			h.acknowledge(m)
		}
		return h.Request("INVITE", "sip:"+code+"@ex.test", "sip:"+h.user+"@ex.test", "").Add(message.Contact, "<"+h.Contact(h.user)+">")
	})
	if h.acknowledge(m); m.Status != 200 {
		h.o.t.Errorf("%s: %s answered %d", h.user, code, m.Status)
	}
}

func (h *handset) acknowledge(m *message.Message) {
	seq, _ := m.CSeq()
	h.SendRaw(message.NewRequest("ACK", "sip:ex.test").Add(message.From, m.Get(message.From)).Add(message.To, m.Get(message.To)).
		Add(message.CallID, m.CallID()).Add(message.CSeq, fmt.Sprint(seq, " ACK")).Add(message.MaxForwards, "70").Via(h.Via(message.NewBranch())).Bytes())
}

// says publishes what a softphone's user chose.
func (h *handset) says(etag *string, on bool) {
	h.o.t.Helper()
	activity := ""
	if on {
		activity = "<rpid:busy xmlns:rpid='urn:ietf:params:xml:ns:pidf:rpid'/>"
	}
	m := h.DoAuth(h.user, "pw", func() *message.Builder {
		b := h.Request("PUBLISH", "sip:1001@ex.test", "sip:"+h.user+"@ex.test", "").Add(message.Event, "presence").Add(message.Expires, "600")
		if *etag != "" {
			b.Add(message.SIPIfMatch, *etag)
		}
		return b.Body("application/pidf+xml", []byte("<presence><tuple id='t'><status><basic>open</basic></status></tuple><activities>"+activity+"</activities></presence>"))
	})
	if m.Status != 200 {
		h.o.t.Errorf("PUBLISH answered %d", m.Status)
	}
	*etag = m.Get(message.SIPETag)
}

// TestDoNotDisturbIsOneEverywhere: a synchronised key, a dialled code, a
// softphone's presence and the page, all at once, among them phones that send
// whatever they are told back as a key of their own. A second after the last
// change every display shows what is so, and nothing moves any more.
func TestDoNotDisturbIsOneEverywhere(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inOffice(t, func(o *office) {
				t := o.t
				phones := []*handset{o.handset(1, "desk", false), o.handset(2, "echo", true), o.handset(3, "echo2", true)}
				code, soft := o.handset(4, "code", false), o.handset(5, "soft", false)
				etag := ""
				soft.says(&etag, false)
				var all sync.WaitGroup
				done := make(chan struct{})
				for _, h := range phones[1:] {
					all.Go(func() {
						for {
							select {
							case on := <-h.keys:
								time.Sleep(20 * time.Millisecond) // it takes its time
								h.key(on)
							case <-done:
								return
							}
						}
					})
				}
				var changes sync.WaitGroup
				often := func(n uint64, change func(on bool)) {
					rng := rand.New(rand.NewPCG(seed, n))
					changes.Go(func() {
						for range 12 {
							time.Sleep(time.Duration(rng.IntN(1500)) * time.Millisecond)
							change(rng.IntN(2) == 0)
						}
					})
				}
				often(1, phones[0].key)
				often(2, func(on bool) { code.dial(map[bool]string{true: "*78", false: "*79"}[on]) })
				often(3, func(on bool) { soft.says(&etag, on) })
				often(4, func(on bool) { // the page or a program
					want := map[bool]presence.Selectable{true: presence.SelectDND, false: presence.SelectAvailable}[on]
					if _, err := o.roster.Do(t.Context(), o.agent, roster.Change{Cause: presence.CauseAgent, Actor: "1001", Ops: []roster.Op{roster.Select{Status: want}}}); err != nil {
						t.Error(err)
					}
				})
				changes.Wait()
				time.Sleep(time.Second)
				want, before := o.dnd(), 0
				for _, h := range append(phones, code, soft) {
					shows, told := h.display()
					if before += told; shows != want {
						t.Errorf("%s shows %t, the agent's state is %t", h.user, shows, want)
					}
				}
				time.Sleep(2 * time.Minute)
				after := 0
				for _, h := range append(phones, code, soft) {
					_, told := h.display()
					after += told
				}
				if o.dnd() != want || after != before {
					t.Errorf("it does not come to rest: %d NOTIFYs, then %d", before, after)
				}
				if before > 5*48*4 { // 48 changes, each told to five phones, echoed by two
					t.Errorf("%d NOTIFYs for 48 changes", before)
				}
				close(done)
				all.Wait()
			})
		})
	}
}
