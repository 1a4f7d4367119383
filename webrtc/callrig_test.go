package webrtc

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"lamplight/sip/ua"
	"lamplight/webrtc/media"
	"lamplight/webrtc/signalling"
)

// exchange is a lab whose pages are phones. Whatever they call, it is the one far
// phone that rings.
type exchange struct {
	*lab
	far *far
	// full refuses bridges.
	full bool
	// other: there is another family of addresses.
	other bool

	mu      sync.Mutex
	bridges []*fakeBridge
}

// far is the phone at the other end.
type far struct {
	*ua.Phone
	answer func(*ua.Call)

	mu    sync.Mutex
	heard []string
	calls []*ua.Call
	offer *ua.Offer
	refer *ua.Referral
}

func (f *far) note(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.heard = append(f.heard, fmt.Sprintf(format, args...))
}

func (f *far) said() string {
	synctest.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	s := strings.Join(f.heard, ", ")
	f.heard = nil
	return s
}

func (f *far) Progress(status int, _ []byte) { f.note("%d", status) }
func (f *far) Answered(sdp []byte)           { f.note("answered %s", word(sdp)) }
func (f *far) Acknowledged([]byte)           {}
func (f *far) Offered(o *ua.Offer)           { f.note("offered"); f.mu.Lock(); f.offer = o; f.mu.Unlock() }
func (f *far) Transferred(status int)        { f.note("transferred %d", status) }
func (f *far) Ended(e ua.End)                { f.note("ended %d", e.Status) }
func (f *far) Referred(r *ua.Referral) {
	f.note("referred %s", shown(r.To))
	f.mu.Lock()
	f.refer = r
	f.mu.Unlock()
}

func (f *far) incoming(c *ua.Call) ua.Handler {
	f.note("incoming")
	f.mu.Lock()
	f.calls = append(f.calls, c)
	answer := f.answer
	f.mu.Unlock()
	if answer != nil {
		answer(c)
	}
	return f
}

func newExchange(t *testing.T) *exchange {
	t.Helper()
	x := &exchange{far: &far{}}
	here, there := ua.New(ua.Options{}), ua.New(ua.Options{})
	t.Cleanup(func() { here.Close(); there.Close() })
	x.lab = newLab(t, 2, Options{TrustWithoutTest: true, Calling: Calling{
		Phone: func(o ua.PhoneOptions) (*ua.Phone, error) {
			p, q, err := ua.Direct(here, there, o, ua.PhoneOptions{Address: "sip:+4930123@trunk.test", Name: "Anna", Incoming: x.far.incoming})
			x.far.Phone = q
			return p, err
		},
		Bridge: func(media.BridgeOptions) (Bridge, error) {
			x.mu.Lock()
			defer x.mu.Unlock()
			if x.full {
				return nil, media.ErrBusy
			}
			b := &fakeBridge{events: make(chan media.Event, 32), other: x.other}
			x.bridges = append(x.bridges, b)
			return b, nil
		},
	}})
	for i, a := range x.agents {
		a.AORs = []string{fmt.Sprintf("100%d@demo.test", i+1)}
	}
	return x
}

func (x *exchange) bridge() *fakeBridge {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.bridges[len(x.bridges)-1]
}

// online opens a page that leads and whose phone is there.
func (x *exchange) online() *page {
	x.t.Helper()
	p := x.login("page")
	synctest.Wait()
	if _, f, ok := x.srv.Reach(p.greeting().Session); !ok || f == nil {
		x.t.Fatal("the page cannot be called")
	}
	return p
}

// calls has the far phone call the page, and returns what the page is told.
func (x *exchange) calls(p *page) (u *ua.Call, ring signalling.RingMsg) {
	x.t.Helper()
	u, err := x.far.Call(ua.Dial{To: "sip:1001@demo.test", SDP: []byte(sdpOf("far-offer"))}, x.far)
	if err != nil {
		x.t.Fatal(err)
	}
	synctest.Wait()
	if err := json.Unmarshal(p.last(signalling.Ring), &ring); err != nil {
		x.t.Fatalf("the page does not ring: %v", err)
	}
	return u, ring
}

// about has the page say something about a call.
func (p *page) about(t signalling.Type, call string, edit ...func(*signalling.In)) {
	m := signalling.In{T: t, Call: call}
	for _, f := range edit {
		f(&m)
	}
	p.say(m)
	synctest.Wait()
}

func on(m *signalling.In)     { m.On = true }
func answer(m *signalling.In) { m.SDP = "page-sdp" }

// told is what the page was told of its calls last.
func (p *page) told() (m signalling.CallMsg) {
	synctest.Wait()
	_ = json.Unmarshal(p.last(signalling.Call), &m)
	return m
}

// toldOf is what it was told of one of them last.
func (p *page) toldOf(call string) (m signalling.CallMsg) {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, raw := range slices.Backward(p.seen[signalling.Call]) {
		if _ = json.Unmarshal(raw, &m); m.Call == call {
			return m
		}
	}
	return signalling.CallMsg{}
}

// talks has a call come that the page answers.
func (x *exchange) talks(p *page) (*ua.Call, string) {
	x.t.Helper()
	u, ring := x.calls(p)
	p.about(signalling.RingAck, ring.Call)
	p.about(signalling.Answer, ring.Call, answer)
	p.about(signalling.Accept, ring.Call)
	if got := p.told(); got.State != signalling.CallTalking {
		x.t.Fatalf("the call is %+v", got)
	}
	x.far.said()
	x.bridge().did()
	return u, ring.Call
}

func (x *exchange) dials(p *page, call, to string) {
	p.about(signalling.Dial, call, func(m *signalling.In) { m.To, m.SDP = to, "page-sdp" })
}

func check(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}
