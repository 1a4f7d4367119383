package proxy_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/presence/routing"
	"lamplight/sip/digest"
	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/proxy"
	"lamplight/sip/push"
	"lamplight/sip/registrar"
	"lamplight/sip/siptest"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
	"lamplight/store/sim"
)

// bedroom is a house whose mobiles register and fall asleep, and a push service
// that counts.
type bedroom struct {
	*house
	reg    *registrar.Registrar
	mu     sync.Mutex
	pushed []string // mu; paths
	answer int      // mu; of the push service
}

func (b *bedroom) RoundTrip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pushed = append(b.pushed, r.URL.Path)
	return &http.Response{StatusCode: b.answer, Body: http.NoBody, Header: http.Header{}}, nil
}

func (b *bedroom) pushes() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.pushed)
}

// services are reached at {prid}, so that it shows who is woken.
func newBedroom(t *testing.T) *bedroom {
	t.Helper()
	ctx := context.Background()
	b := &bedroom{house: &house{t: t, net: siptest.NewNet(), store: sim.New(sim.Options{})}, answer: 200}
	h := b.house
	var err error
	if h.dir, err = directory.Open(ctx, h.store); err != nil {
		t.Fatal(err)
	}
	h.populate()
	b.addMobile()
	if h.roster, err = roster.Open(ctx, roster.Options{Store: h.store, Directory: h.dir}); err != nil {
		t.Fatal(err)
	}
	services := push.Services{Providers: []push.Provider{{Name: "x", URL: "https://push.test/{prid}"}}}
	peer := peers.Peer{Name: "pbx", Sources: []netip.Prefix{netip.MustParsePrefix("10.0.0.9/32")}, Mode: peers.ModeRedirect, Trunk: "pbx.test"}
	auth := digest.New(digest.Options{Directory: h.dir})
	endpoint := map[string]transaction.Handler{}
	tp := transport.New(transport.Options{Dial: h.net.Dial, OnFlowClosed: func(f *transport.Flow) { b.reg.FlowClosed(f) }})
	tx := transaction.New(transaction.Options{Transport: tp, Handler: transaction.HandlerFunc(func(r *transaction.Request) {
		if r.Method == "REGISTER" {
			endpoint["REGISTER"].ServeSIP(r)
			return
		}
		endpoint["INVITE"].ServeSIP(r)
	})})
	b.reg, err = registrar.Open(ctx, registrar.Options{
		Store: h.store, Directory: h.dir, Roster: h.roster, Auth: auth, Transport: tp, Transactions: tx, Limits: registrar.Limits{Push: services},
	})
	if err != nil {
		t.Fatal(err)
	}
	gateway, err := push.NewGateway(push.Options{Services: services, Transport: b})
	if err != nil {
		t.Fatal(err)
	}
	waker := push.NewWaker(push.WakerOptions{Bindings: b.reg, Sender: gateway})
	b.reg.OnChange(func(a presence.AgentID, _ []registrar.Ended) { waker.Changed(a) })
	h.proxy = proxy.New(proxy.Options{Store: h.store, Directory: h.dir, Roster: h.roster, Auth: auth, Peers: peers.Table{peer}, Waker: waker})
	endpoint["REGISTER"], endpoint["INVITE"] = b.reg, h.proxy
	packets, streams := h.net.ListenPacket(server), h.net.Listen(server)
	var serving sync.WaitGroup
	serving.Go(func() { _ = tp.ServePacket(ctx, packets) })
	serving.Go(func() { _ = tp.ServeStream(ctx, streams, transport.TCP) })
	synctest.Wait()
	t.Cleanup(func() {
		waker.Close()
		gateway.Close()
		tp.Close()
		serving.Wait()
		tx.Close()
		b.reg.Close()
		h.roster.Close()
		h.store.Close()
	})
	return b
}

// addMobile gives agent 1001 two mobiles.
func (b *bedroom) addMobile() {
	b.t.Helper()
	dom, _ := b.dir.Domain(b.domain)
	e := directory.Edit{Actor: "test", Cause: "config"}
	for _, user := range []string{"1001-mobile", "1001-second"} {
		d := presence.Device{ID: presence.DeviceID{ID: presence.NewID()}, Domain: b.domain, Kind: presence.KindMobile, Name: user}
		ha1, err := digest.HA1(digest.MD5, user, dom.Realm, "pw")
		if err != nil {
			b.t.Fatal(err)
		}
		e.Devices = append(e.Devices, d)
		e.Credentials = append(e.Credentials, presence.Credential{Domain: b.domain, Device: d.ID, Username: user, HA1: presence.HA1{MD5: ha1}})
		e.Assignments = append(e.Assignments, presence.Assignment{Device: d.ID, Agent: b.agent("1001"), From: time.Now().Add(-time.Hour)})
	}
	if err := b.dir.Apply(context.Background(), e); err != nil {
		b.t.Fatal(err)
	}
}

// register has a device register its contact from addr by TCP, and returns the
// stream.
func (b *bedroom) register(user, addr, contact string) *siptest.Peer {
	b.t.Helper()
	p := siptest.NewStreamPeer(b.t, b.net, addr, server)
	seq := 0
	id := message.NewCallID("")
	res := p.DoAuth(user, "pw", func() *message.Builder {
		seq++
		return message.NewRequest("REGISTER", "sip:demo.test").Add(message.MaxForwards, "70").Add(message.From, "<"+called+">;tag=t").
			Add(message.To, "<"+called+">").Add(message.CallID, id).Add(message.CSeq, fmt.Sprint(seq, " REGISTER")).
			Add(message.Contact, "<"+contact+">;expires=3600")
	})
	if res.Status != 200 {
		b.t.Fatalf("%s", res.Raw)
	}
	return p
}

const asleep = ";transport=tcp;pn-provider=x;pn-prid="

// sleeper registers a mobile that falls asleep at once.
func (b *bedroom) sleeper(user, host, token string) {
	b.t.Helper()
	b.register(user, host+":40000", "sip:1001@"+host+asleep+token).Close()
	time.Sleep(time.Second)
}

// ring sends an INVITE without waiting for its answer.
func (b *bedroom) ring() (pbxPeer *siptest.Peer, invite *message.Builder) {
	p := siptest.NewPeer(b.t, b.net, pbx, server)
	invite = p.Request("INVITE", called, outside, "").Add(message.Contact, "<sip:pbx@10.0.0.9>")
	p.Send(invite)
	return p, invite
}

func reasons(r *routing.Record) string {
	var out []string
	for _, d := range r.Decision.Devices {
		out = append(out, string(d.Kind)+": "+d.Reason)
	}
	return strings.Join(out, "; ")
}

func TestCallWaitsForTheMobileItWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBedroom(t)
		b.sleeper("1001-mobile", "10.0.3.1", "t1")
		p, invite := b.ring()
		if first := p.Expect(func(m *message.Message) bool { return m.Status > 0 }); first.Status != 100 {
			t.Fatalf("first answer %d", first.Status)
		}
		time.Sleep(time.Second)
		p.SendRaw(invite.Bytes()) // again: it changes nothing
		p.ExpectNone(siptest.Final, 1100*time.Millisecond)
		if b.pushes() != 1 || b.pushed[0] != "/t1" {
			t.Errorf("pushed %v", b.pushed)
		}
		b.register("1001-mobile", "10.0.3.1:40009", "sip:1001@10.0.3.1:5099"+asleep+"t1")
		res := p.Expect(siptest.Final)
		if res.Status != 302 || res.Get(message.Contact) != "<sip:1001@10.0.3.1:5099;transport=tcp>;q=1.0" {
			t.Fatalf("%s", res.Raw)
		}
		r := lastDecision(t, b.house)
		if got := reasons(&r); !strings.Contains(got, "mobile: woken by push after 2.1 s, rings at once") {
			t.Errorf("decided: %s", got)
		}
		if _, same, err := r.Replay(); err != nil || !same || r.ID != res.Get(proxy.DecisionHeader) {
			t.Errorf("replayed the same %v, %v", same, err)
		}
	})
}

func TestMobileThatDoesNotWake(t *testing.T) {
	for name, tc := range map[string]struct {
		fallback string
		status   int
		contact  string
	}{
		"refused":  {"", 480, ""},
		"fallback": {"1999", 302, "<sip:1999@pbx.test;user=phone>;q=1.0"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBedroom(t)
				dom, _ := b.dir.Domain(b.domain)
				edited := *dom
				edited.Policy.Fallback = tc.fallback
				if err := b.dir.Apply(context.Background(), directory.Edit{Domains: []presence.Domain{edited}}); err != nil {
					t.Fatal(err)
				}
				b.sleeper("1001-mobile", "10.0.3.1", "t1")
				p, _ := b.ring()
				start := time.Now()
				res := p.Expect(siptest.Final)
				if d := time.Since(start); d != 8*time.Second {
					t.Errorf("answered after %v", d)
				}
				if res.Status != tc.status || res.Get(message.Contact) != tc.contact {
					t.Fatalf("%s", res.Raw)
				}
				if why := res.Get(message.Reason); tc.status == 480 && why != `SIP;cause=480;text="The mobile did not wake"` {
					t.Errorf("Reason %s", why)
				}
				if r := lastDecision(t, b.house); !strings.Contains(reasons(&r), "mobile: did not wake within 8s") {
					t.Errorf("decided: %s", reasons(&r))
				}
			})
		})
	}
}

func TestCancelEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBedroom(t)
		b.sleeper("1001-mobile", "10.0.3.1", "t1")
		p, invite := b.ring()
		time.Sleep(1500 * time.Millisecond)
		text := strings.ReplaceAll(string(invite.Bytes()), "INVITE", "CANCEL")
		p.SendRaw([]byte(text))
		if res := p.Expect(siptest.Status(487)); res.Get(proxy.DecisionHeader) == "" {
			t.Errorf("%s", res.Raw)
		}
		r := lastDecision(t, b.house)
		if r.Status != 487 || !strings.Contains(reasons(&r), "the caller gave up after 1.5 s") {
			t.Errorf("status %d, %s", r.Status, reasons(&r))
		}
		b.register("1001-mobile", "10.0.3.1:40009", "sip:1001@10.0.3.1:5099"+asleep+"t1")
		p.ExpectNone(siptest.Status(302), time.Minute)
	})
}

func TestNothingIsWokenInVain(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(b *bedroom)
		status  int
	}{
		"another device rings": {func(b *bedroom) {
			b.sleeper("1001-mobile", "10.0.3.1", "t1")
			b.register("1001", "10.0.3.2:5060", "sip:1001@10.0.3.2:5060;transport=tcp")
		}, 302},
		"Do Not Disturb": {func(b *bedroom) {
			b.sleeper("1001-mobile", "10.0.3.1", "t1")
			b.do("1001", roster.Select{Status: presence.SelectDND})
		}, 480},
		"the mobile's option is off": {func(b *bedroom) {
			b.sleeper("1001-mobile", "10.0.3.1", "t1")
			b.do("1001", roster.SetOptions{Options: presence.Options{SIPPhone: true}})
		}, 480},
		"only our flow would reach it": {func(b *bedroom) {
			b.register("1001-mobile", "10.0.3.1:40000", "sip:1001@192.168.0.5"+asleep+"t1").Close()
			time.Sleep(time.Second)
		}, 480},
		"a campaign call": {func(b *bedroom) { b.sleeper("1001-mobile", "10.0.3.1", "t1") }, 480},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBedroom(t)
				tc.prepare(b)
				var hs []message.Header
				if strings.Contains(name, "campaign") {
					hs = append(hs, message.Header{Name: message.CallKind, Value: "campaign"})
				}
				start := time.Now()
				res := b.invite(pbx, called, outside, hs...)
				if res.Status != tc.status || time.Since(start) > 0 || b.pushes() != 0 {
					t.Errorf("%d after %v and %d pushes", res.Status, time.Since(start), b.pushes())
				}
			})
		})
	}
}

// What the push service refuses is not waited for, and a token that is gone ends.
func TestPushThatFailsEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBedroom(t)
		b.sleeper("1001-mobile", "10.0.3.1", "t1")
		b.answer = 410
		start := time.Now()
		res := b.invite(pbx, called, outside)
		if res.Status != 480 || time.Since(start) > time.Second {
			t.Errorf("%d after %v", res.Status, time.Since(start))
		}
		if r := lastDecision(t, b.house); !strings.Contains(reasons(&r), "mobile: its push token is no longer valid") {
			t.Errorf("decided: %s", reasons(&r))
		}
		time.Sleep(time.Second)
		if bs := b.reg.Bindings(b.agent("1001")); len(bs) != 0 {
			t.Errorf("left %+v", bs)
		}
		if res = b.invite(pbx, called, outside); res.Status != 480 || b.pushes() != 1 {
			t.Errorf("afterwards %d and %d pushes", res.Status, b.pushes())
		}
	})
}

func TestFirstOfSeveralMobilesIsEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBedroom(t)
		b.sleeper("1001-mobile", "10.0.3.1", "t1")
		b.sleeper("1001-second", "10.0.3.2", "t2")
		p, _ := b.ring()
		time.Sleep(3 * time.Second)
		if b.pushes() != 2 {
			t.Errorf("pushed %v", b.pushed)
		}
		// Reinstalled meanwhile: another contact with another token, the same device.
		b.register("1001-second", "10.0.3.9:40009", "sip:new@10.0.3.9:5099"+asleep+"t3")
		res := p.Expect(siptest.Final)
		if res.Status != 302 || strings.Join(res.Values(message.Contact), "|") != "<sip:new@10.0.3.9:5099;transport=tcp>;q=1.0" {
			t.Fatalf("%s", res.Raw)
		}
		r := lastDecision(t, b.house)
		if got := reasons(&r); !strings.Contains(got, "woken by push after 3.0 s") || !strings.Contains(got, "another mobile woke first") {
			t.Errorf("decided: %s", got)
		}
	})
}

// What changes while the call waits counts.
func TestTheCallIsDecidedAgainWhenTheMobileWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBedroom(t)
		b.sleeper("1001-mobile", "10.0.3.1", "t1")
		p, _ := b.ring()
		time.Sleep(time.Second)
		b.do("1001", roster.Select{Status: presence.SelectDND})
		b.register("1001-mobile", "10.0.3.1:40009", "sip:1001@10.0.3.1:5099"+asleep+"t1")
		if res := p.Expect(siptest.Final); res.Status != 480 || !strings.Contains(res.Get(message.Reason), "Do Not Disturb") {
			t.Errorf("%s", res.Raw)
		}
	})
}

// A browser that was closed takes its registration with it: the call is not sent
// there, and not answered as if the server were at fault.
func TestClosedBrowserIsNoTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBedroom(t)
		b.register("1001", "10.0.3.1:40000", "sip:x@10.0.3.1;transport=tcp").Close()
		time.Sleep(time.Second)
		res := b.invite(pbx, called, outside)
		if res.Status != 480 || !strings.Contains(res.Get(message.Reason), "no device reachable") || res.Has(message.Contact) {
			t.Errorf("%s", res.Raw)
		}
	})
}
