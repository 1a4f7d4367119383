package anchor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"lamplight/sip/message"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a gateway that only says what it was asked. Descriptions of browsers begin
// with "web", those of phones with "tel".
type rig struct {
	t          *testing.T
	cs         *Calls
	page, desk *transport.Flow

	mu      sync.Mutex
	bridges []*bridge // guarded by mu
	full    bool      // guarded by mu
	told    []Lost    // guarded by mu
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, page: &transport.Flow{}, desk: &transport.Flow{}}
	r.cs = New(Options{Gateway: r, Log: zerolog.Nop(), Lose: r.loses})
	r.cs.page = func(f *transport.Flow) bool { return f == r.page }
	t.Cleanup(func() {
		r.cs.Close()
		for _, b := range r.made() {
			if !b.isClosed() {
				t.Error("a bridge is left open:", b.said())
			}
		}
		if n := r.cs.Live(); n != 0 {
			t.Errorf("%d calls left", n)
		}
	})
	return r
}

func (r *rig) Meets(offer []byte, browser bool) bool {
	return strings.HasPrefix(string(offer), "web") == browser
}

func (r *rig) Bridge(string, netip.Addr) (Bridge, int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full {
		return nil, 503
	}
	b := &bridge{dead: make(chan struct{}), number: len(r.bridges) + 1}
	r.bridges = append(r.bridges, b)
	return b, 0
}

func (r *rig) Warning(err error) (code int, text string) {
	if errors.Is(err, errNo) {
		return 399, "bad"
	}
	return 0, ""
}

func (r *rig) made() []*bridge {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bridges
}

// bridge notes what it is asked.
type bridge struct {
	number int
	mu     sync.Mutex
	log    []string // guarded by mu
	closed bool     // guarded by mu
	dead   chan struct{}
}

var errNo = errors.New("no")

func (b *bridge) note(what, sdp string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.log = append(b.log, strings.TrimSpace(what+" "+sdp))
	if strings.Contains(sdp, "bad") {
		return errNo
	}
	return nil
}

func (b *bridge) said() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := strings.Join(b.log, ", ")
	b.log = nil
	return s
}

func (b *bridge) isClosed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closed
}

func (b *bridge) BrowserOffer(s string) error       { return b.note("web offers", s) }
func (b *bridge) BrowserAnswer(s string) error      { return b.note("web answers", s) }
func (b *bridge) PhoneAnswer(s []byte) error        { return b.note("tel answers", string(s)) }
func (b *bridge) PhoneOffer(s []byte) (bool, error) { return false, b.note("tel offers", string(s)) }
func (b *bridge) Withdraw()                         { _ = b.note("withdrawn", "") }
func (b *bridge) OfferPhone() ([]byte, error)       { return fmt.Appendf(nil, "tel-offer-%d", b.number), nil }
func (b *bridge) AnswerPhone() ([]byte, error) {
	return fmt.Appendf(nil, "tel-answer-%d", b.number), nil
}
func (b *bridge) Taken()                {}
func (b *bridge) Dead() <-chan struct{} { return b.dead }
func (b *bridge) OfferBrowser(context.Context, bool) (string, error) {
	return fmt.Sprintf("web-offer-%d", b.number), nil
}
func (b *bridge) AnswerBrowser(context.Context) (string, error) {
	return fmt.Sprintf("web-answer-%d", b.number), nil
}

func (b *bridge) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.closed {
		b.closed = true
		select {
		case <-b.dead:
		default:
			close(b.dead)
		}
	}
	return nil
}

// message is one of the call, of the caller unless it says by the callee.
func (r *rig) message(first, sdp string, byCallee bool) *message.Message {
	r.t.Helper()
	from, to := "<sip:a@x>;tag=caller", "<sip:b@x>;tag=callee"
	if byCallee {
		from, to = to, from
	}
	method, _, _ := strings.Cut(first, " ")
	if method == "SIP/2.0" {
		method = "INVITE"
	}
	text := first + "\r\nVia: SIP/2.0/WS x;branch=z9hG4bK1\r\nFrom: " + from + "\r\nTo: " + to + "\r\nCall-ID: c1\r\nCSeq: 1 " + method + "\r\n"
	if sdp != "" {
		text += "Content-Type: application/sdp\r\n"
	}
	m, err := message.Parse([]byte(text + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(sdp), sdp)))
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

func (r *rig) invite(sdp string) *message.Message {
	return r.message("INVITE sip:b@x SIP/2.0", sdp, false)
}

func (r *rig) response(status int, sdp string) *message.Message {
	return r.message(fmt.Sprintf("SIP/2.0 %d X", status), sdp, false)
}

func (r *rig) request(c fork.Media, target string, to *transport.Flow, want string, wantStatus int) {
	r.t.Helper()
	body, status := c.Request(r.invite(""), target, to)
	if string(body) != want || status != wantStatus {
		r.t.Errorf("%s is offered %q, %d; want %q, %d", target, body, status, want, wantStatus)
	}
}

// passes checks a response: "-" stands for as it is.
func (r *rig) passes(c fork.Media, target string, status int, sdp, want string) {
	r.t.Helper()
	body, refused := c.Response(r.response(status, sdp), target)
	got := string(body)
	switch {
	case refused != 0:
		got = fmt.Sprint("refused ", refused)
	case body == nil:
		got = "-"
	}
	if got != want {
		r.t.Errorf("%d %q of %s becomes %q, want %q", status, sdp, target, got, want)
	}
}

func (r *rig) hears(n int, want string) {
	r.t.Helper()
	if got := r.made()[n-1].said(); got != want {
		r.t.Errorf("bridge %d: %s; want %s", n, got, want)
	}
}

func (r *rig) open(want ...int) {
	r.t.Helper()
	end := time.Now().Add(3 * time.Second)
	for {
		var open []int
		for _, b := range r.made() {
			if !b.isClosed() {
				open = append(open, b.number)
			}
		}
		if fmt.Sprint(open) == fmt.Sprint(want) {
			return
		}
		if time.Now().After(end) {
			r.t.Fatalf("open are %v, want %v", open, want)
		}
		time.Sleep(time.Millisecond)
	}
}

func TestPhonesMeetWithoutIt(t *testing.T) {
	r := newRig(t)
	c := r.cs.Begin(r.invite("tel"), r.desk)
	r.request(c, "b", r.desk, "", 0)
	r.passes(c, "b", 200, "tel", "-")
	c.Told(fork.Event{What: fork.Over, Status: 200})
	if len(r.made()) != 0 || r.cs.Within(r.invite("tel")) != nil {
		t.Error("the gateway is in the way")
	}
	var none *Calls
	none.Begin(r.invite("web"), r.page).Told(fork.Event{What: fork.Over})
	none.Seen(r.invite(""))
	if none.Within(r.invite("web")) != nil || none.Ack(r.invite("web")) != nil {
		t.Error("without a gateway")
	}
}

func TestBrowserCallsPhones(t *testing.T) {
	r := newRig(t)
	c := r.cs.Begin(r.invite("web"), r.page)
	r.request(c, "phone-1", r.desk, "tel-offer-1", 0)
	r.passes(c, "phone-1", 183, "tel", "web-answer-1") // one phone: early media
	r.hears(1, "web offers web, tel answers tel")
	r.request(c, "phone-2", r.desk, "tel-offer-1", 0)
	r.request(c, "page", r.page, "", 0)
	r.passes(c, "phone-2", 183, "tel2", "")
	r.passes(c, "phone-2", 180, "", "-")
	r.passes(c, "phone-1", 486, "", "-")
	r.passes(c, "phone-2", 200, "tel2", "web-answer-1")
	r.passes(c, "phone-2", 200, "tel2", "web-answer-1") // again
	r.hears(1, "tel answers tel2, tel answers tel2")
	c.Told(fork.Event{What: fork.Over, Status: 200})
	r.open(1)
	r.cs.Seen(r.message("BYE sip:b@x SIP/2.0", "", true))
	r.open()
}

func TestPhoneCallsBrowsers(t *testing.T) {
	r := newRig(t)
	c := r.cs.Begin(r.invite("tel"), r.desk)
	r.request(c, "page-1", r.page, "web-offer-1", 0)
	r.request(c, "page-2", r.page, "web-offer-2", 0)
	r.request(c, "phone", r.desk, "", 0)
	r.passes(c, "page-2", 200, "web", "tel-answer-2")
	r.hears(2, "tel offers tel, web answers web")
	r.open(2)
	c.Told(fork.Event{What: fork.Over, Status: 200})
	close(r.made()[1].dead) // its browser is gone for good
	r.open()
	r.lost("<sip:a@x>;tag=caller 2 <sip:b@x>;tag=callee 1")
}

func TestAnsweredWithoutIt(t *testing.T) {
	r := newRig(t)
	c := r.cs.Begin(r.invite("web"), r.page)
	r.request(c, "phone", r.desk, "tel-offer-1", 0)
	r.request(c, "page", r.page, "", 0)
	r.passes(c, "page", 200, "web", "-")
	c.Told(fork.Event{What: fork.Over, Status: 200})
	r.open()
}

func TestRefusedCallsLeaveNothing(t *testing.T) {
	r := newRig(t)
	c := r.cs.Begin(r.invite("web"), r.page)
	r.request(c, "phone", r.desk, "tel-offer-1", 0)
	r.passes(c, "phone", 486, "", "-")
	c.Told(fork.Event{What: fork.Over, Status: 486})
	r.open()
	r.request(c, "late", r.desk, "", 487) // a mobile that woke too late
}

func TestWhatTheGatewayRefuses(t *testing.T) {
	r := newRig(t)
	c := r.cs.Begin(r.invite("web bad"), r.page)
	r.request(c, "phone", r.desk, "", 488)
	if w := c.Warning(); w != `399 lamplight "bad"` {
		t.Errorf("the caller is told %q", w)
	}
	c.Told(fork.Event{What: fork.Over, Status: 488})
	r.open()
	r.mu.Lock()
	r.full = true
	r.mu.Unlock()
	c = r.cs.Begin(r.invite("web"), r.page)
	r.request(c, "phone", r.desk, "", 503)
	c.Told(fork.Event{What: fork.Over, Status: 503})
}

func TestExchangesOfACall(t *testing.T) {
	r := newRig(t)
	c := r.cs.Begin(r.invite("web"), r.page)
	r.request(c, "phone", r.desk, "tel-offer-1", 0)
	r.passes(c, "phone", 200, "tel", "web-answer-1")
	c.Told(fork.Event{What: fork.Over, Status: 200})
	r.hears(1, "web offers web, tel answers tel")
	exchange := func(sdp string, byCallee bool, want string, wantStatus int) fork.Media {
		t.Helper()
		m := r.message("INVITE sip:x SIP/2.0", sdp, byCallee)
		x := r.cs.Within(m)
		body, status := x.Request(m, "dialog", nil)
		if string(body) != want || status != wantStatus {
			t.Errorf("%q becomes %q, %d; want %q, %d", sdp, body, status, want, wantStatus)
		}
		return x
	}
	t.Run("by the browser", func(t *testing.T) {
		x := exchange("web2", false, "tel-offer-1", 0)
		r.passes(x, "dialog", 200, "tel2", "web-answer-1")
		r.passes(x, "dialog", 200, "tel2", "web-answer-1") // again
		r.hears(1, "web offers web2, tel answers tel2")
	})
	t.Run("by the phone", func(t *testing.T) {
		x := exchange("tel3", true, "web-offer-1", 0)
		r.passes(x, "dialog", 200, "web3", "tel-answer-1")
		r.hears(1, "tel offers tel3, web answers web3")
	})
	t.Run("refused by the other side", func(t *testing.T) {
		x := exchange("tel4", true, "web-offer-1", 0)
		r.passes(x, "dialog", 488, "", "-")
		r.hears(1, "tel offers tel4, withdrawn")
	})
	t.Run("refused by the gateway", func(t *testing.T) {
		exchange("tel bad", true, "", 488)
		r.hears(1, "tel offers tel bad")
	})
	t.Run("with the offer in the answer", func(t *testing.T) {
		x := exchange("", true, "", 0)
		r.passes(x, "dialog", 200, "web5", "tel-offer-1")
		if body := r.cs.Ack(r.message("ACK sip:x SIP/2.0", "tel5", true)); string(body) != "web-answer-1" {
			t.Errorf("the ACK gets %q", body)
		}
		r.hears(1, "web offers web5, tel answers tel5")
	})
	t.Run("nothing after the end", func(t *testing.T) {
		r.cs.Seen(r.message("BYE sip:x SIP/2.0", "", false))
		if r.cs.Within(r.invite("web")) != nil {
			t.Error("still in it")
		}
		r.open()
	})
}
