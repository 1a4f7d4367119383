// Package anchor puts the media gateway between the two sides of a call that cannot
// meet without it: a SIP client in a browser (RFC 7118), which speaks ICE and
// DTLS-SRTP only, and a phone, which does not. Calls whose sides can meet pass as
// they are.
//
// Descriptions are replaced in passing, by the rules of offer and answer (RFC 3264):
// in the INVITE, in what answers it, in the ACK where an INVITE had no offer, and in the
// requests of the dialog; no dialog state of SIP is kept.
//
// # What is promised
//
//   - A bridge is made for a browser that calls, whatever rings for it, and one for
//     each browser that rings for a phone. When the call is answered the others are
//     closed; when it ends, all.
//   - A call whose audio is gone for good, because one of the sides is, is hung up both
//     ways (Options.Lose, Lost), and ends if it is found lost otherwise.
//   - What the gateway refuses fails that branch alone: 488, or 503 if it is full. An
//     answer that it has no use for ends the call: who gave it is released, and the
//     caller refused, or where he has had his answer hung up, too.
//   - A browser that calls and rings several phones at once hears early media of
//     none, for it can have one answer only.
package anchor

import (
	"context"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"lamplight/sip/message"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/transport"
)

// Gateway makes bridges.
type Gateway interface {
	// Meets reports whether who gets this offer can answer it, as a browser or as a
	// phone.
	Meets(offer []byte, browser bool) bool
	// Bridge makes one for the call of that name, whose phone's signalling comes from
	// there if it is known; status refuses.
	Bridge(name string, signalling netip.Addr) (b Bridge, status int)
	// Warning is what an error of a bridge's says of a description (RFC 3261 §20.43), 0
	// for nothing.
	Warning(err error) (code int, text string)
}

// Bridge is one call's audio, as webrtc/media has it.
type Bridge interface {
	BrowserOffer(sdp string) error
	AnswerBrowser(ctx context.Context) (string, error)
	OfferBrowser(ctx context.Context, restart bool) (string, error)
	BrowserAnswer(sdp string) error
	OfferPhone() ([]byte, error)
	PhoneAnswer(sdp []byte) error
	PhoneOffer(sdp []byte) (again bool, err error)
	AnswerPhone() ([]byte, error)
	// Withdraw takes back an offer that was refused.
	Withdraw()
	// Taken says that the call is answered: until then a phone may be silent.
	Taken()
	// Dead is closed when the browser is gone for good, or the phone.
	Dead() <-chan struct{}
	Close() error
}

// Options of Calls. Gateway is required.
type Options struct {
	Gateway Gateway
	// Lose is told of a call that has no audio any more, for who follows it to end it and
	// ask Lost how. It is called with no lock held and must not block; nil: nobody is.
	Lose func(message.DialogName)
	Log  zerolog.Logger
}

// Calls are those the gateway is in. A nil *Calls is in none.
type Calls struct {
	g    Gateway
	lose func(message.DialogName)
	log  zerolog.Logger
	page func(*transport.Flow) bool // it leads to a browser

	mu     sync.Mutex
	live   map[string]*Call // by Call-ID; guarded by mu
	closed bool             // guarded by mu
	work   sync.WaitGroup   // bridges that end
}

// New has the gateway put between sides that cannot meet.
func New(o Options) *Calls {
	if o.Lose == nil {
		o.Lose = func(message.DialogName) {}
	}
	return &Calls{g: o.Gateway, lose: o.Lose, log: o.Log, page: browser, live: map[string]*Call{}}
}

// Close ends every bridge and waits for them.
func (cs *Calls) Close() {
	cs.mu.Lock()
	cs.closed = true
	var all []*Call
	for _, c := range cs.live {
		all = append(all, c)
	}
	cs.mu.Unlock()
	for _, c := range all {
		c.end()
	}
	cs.work.Wait()
}

// pipes is where the ends of flows within the process are (transport.Pipe).
var pipes = netip.MustParsePrefix("100::/64") //nolint:gochecknoglobals // a constant

// browser reports whether the flow leads to a SIP client in a browser.
func browser(f *transport.Flow) bool {
	return (f.Transport() == transport.WS || f.Transport() == transport.WSS) && !pipes.Contains(f.Remote().Addr())
}

// described reports whether the message has a description.
func described(m *message.Message) bool {
	kind, _, _ := strings.Cut(m.Get(message.ContentType), ";")
	return len(m.Body) > 0 && strings.EqualFold(strings.TrimSpace(kind), fork.SDP)
}

// Begin looks after the descriptions of a call that begins; nil where there are
// none to look after.
func (cs *Calls) Begin(m *message.Message, from *transport.Flow) *Call {
	if cs == nil || len(m.Body) > 0 && !described(m) {
		return nil
	}
	c := &Call{cs: cs, id: m.CallID(), caller: m.FromTag(), from: from, legs: map[string]*leg{}}
	c.said.begins(m)
	if c.ways = map[string]*transport.Flow{}; described(m) {
		c.offer, c.ways = m.Body, nil
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.closed || cs.live[c.id] != nil { // one that went round comes through unchanged
		return nil
	}
	cs.live[c.id] = c
	return c
}

func (cs *Calls) find(id string) *Call {
	if cs == nil {
		return nil
	}
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.live[id]
}

func (cs *Calls) drop(c *Call) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.live[c.id] == c {
		delete(cs.live, c.id)
	}
}

// Seen is told of every request of a dialog, of which a BYE ends the call.
func (cs *Calls) Seen(m *message.Message) {
	c := cs.find(m.CallID())
	if c == nil {
		return
	}
	c.mu.Lock()
	byCaller, ok := c.hasLocked(m)
	if ok {
		c.said.counts(m, byCaller)
	}
	c.mu.Unlock()
	if ok && m.Method == "BYE" {
		c.end()
	}
}

// Live is how many calls are looked after, those without a bridge included.
func (cs *Calls) Live() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return len(cs.live)
}

// within bounds what the gateway may take for a description.
const within = 2 * time.Second
