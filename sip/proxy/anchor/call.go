package anchor

import (
	"context"
	"net/netip"
	"strings"
	"sync"

	"lamplight/sip/message"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/transport"
)

// Call is one call on its way; it is its fork.Media. A nil *Call changes nothing.
type Call struct {
	cs     *Calls
	id     string
	caller string // From tag of the INVITE
	offer  []byte // nil: who answers makes it
	from   *transport.Flow

	mu     sync.Mutex
	legs   map[string]*leg            // by target; guarded by mu, as all below
	ways   map[string]*transport.Flow // to each target, where there was no offer
	first  *leg                       // of a browser that calls: all its targets share it
	many   bool                       // several targets ring on it
	won    *leg                       // has the call
	callee string                     // To tag of who has it
	over   bool
	said   said
	warn   string    // of the newest description the gateway refused
	late   *exchange // the newest INVITE without an offer whose answer had one
}

// leg is a bridge and what passed through it.
type leg struct {
	bridge Bridge
	pages  bool   // a browser calls; else a browser is called
	body   []byte // what the target is offered
	answer []byte // what the caller is answered; nil: nothing yet
	closed bool
}

// Request is the offer a target gets (fork.Media).
func (c *Call) Request(_ *message.Message, target string, to *transport.Flow) (body []byte, status int) {
	page := c.cs.page(to)
	if c.offer != nil && c.cs.g.Meets(c.offer, page) {
		return nil, 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over:
		return nil, 487
	case c.offer == nil:
		c.ways[target] = to
		return nil, 0
	}
	if l := c.legs[target]; l != nil && !l.closed { // asked by another way
		return l.body, 0
	}
	if c.first != nil {
		c.legs[target], c.many = c.first, true
		return c.first.body, 0
	}
	phone := c.from
	if !page {
		phone = to
	}
	b, status := c.bridgeLocked(phone)
	if status != 0 {
		return nil, status
	}
	l := &leg{bridge: b, pages: !page}
	var err error
	if l.body, err = l.offered(c.offer, l.pages); err != nil {
		c.refusedLocked(err, "no gateway for an offer")
		c.closeLocked(l)
		return nil, 488
	}
	c.legs[target] = l
	if l.pages {
		c.first = l
	}
	return l.body, 0
}

// bridgeLocked makes a bridge to the phone at the end of that flow.
func (c *Call) bridgeLocked(phone *transport.Flow) (b Bridge, status int) {
	return c.cs.g.Bridge(c.id, netip.Addr.Unmap(phone.Remote().Addr()))
}

// refusedLocked notes why the gateway has no use for a description.
func (c *Call) refusedLocked(err error, what string) {
	c.cs.log.Info().Err(err).Str("call_id", c.id).Msg(what)
	c.warn = ""
	if code, text := c.cs.g.Warning(err); code != 0 {
		c.warn = message.WarningOf(code, "lamplight", text)
	}
}

// Warning is that of the newest refusal (fork.Warner).
func (c *Call) Warning() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.warn
}

// offered takes an offer of one side and makes the one for the other.
func (l *leg) offered(sdp []byte, byPage bool) ([]byte, error) {
	if byPage {
		if err := l.bridge.BrowserOffer(string(sdp)); err != nil {
			return nil, err
		}
		return l.bridge.OfferPhone()
	}
	if _, err := l.bridge.PhoneOffer(sdp); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	s, err := l.bridge.OfferBrowser(ctx, false)
	return []byte(s), err
}

// answered takes the answer of one side and makes the one for the other.
func (l *leg) answered(sdp []byte, byPage bool) ([]byte, error) {
	if byPage {
		if err := l.bridge.BrowserAnswer(string(sdp)); err != nil {
			return nil, err
		}
		return l.bridge.AnswerPhone()
	}
	if err := l.bridge.PhoneAnswer(sdp); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	s, err := l.bridge.AnswerBrowser(ctx)
	return []byte(s), err
}

// Response is the answer the caller gets (fork.Media). A 2xx that the gateway has no use
// for would leave both sides in silence, so it is refused.
func (c *Call) Response(m *message.Message, target string) (body []byte, status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.offer == nil {
		return c.lateLocked(m, target)
	}
	l := c.legs[target]
	if m.Status >= 200 && m.Status < 300 && c.won == nil {
		c.wonLocked(l, m)
	}
	switch {
	case l == nil || !described(m) || m.Status >= 300: // of none the caller thinks himself
		return nil, 0
	case m.Status < 200 && c.many: // the browser can have one answer only
		return []byte{}, 0
	case l.answer != nil && !l.pages:
		return l.answer, 0
	case l.answer != nil: // of another phone of the fork, perhaps
		if err := l.bridge.PhoneAnswer(m.Body); err != nil {
			if _, status = c.uselessLocked(m, err); status != 0 {
				return []byte{}, status
			}
		}
		return l.answer, 0
	}
	answer, err := l.answered(m.Body, !l.pages)
	if err != nil {
		return c.uselessLocked(m, err)
	}
	l.answer = answer
	return answer, 0
}

// uselessLocked is what becomes of an answer that the gateway has no use for.
func (c *Call) uselessLocked(m *message.Message, err error) (body []byte, status int) {
	c.refusedLocked(err, "the gateway has no use for an answer")
	if m.Status < 200 { // the next may be better
		return []byte{}, 0
	}
	return []byte{}, 488
}

// wonLocked: l has the call by that answer, or nobody of the gateway's has.
func (c *Call) wonLocked(l *leg, m *message.Message) {
	c.won, c.callee = l, strings.Clone(m.ToTag())
	c.said.answers(m)
	for _, other := range c.legs {
		if other != l {
			c.closeLocked(other)
		}
	}
	if l == nil {
		c.over = true
		c.cs.drop(c)
		return
	}
	l.bridge.Taken()
	c.cs.begin(func() { <-l.bridge.Dead(); c.lost() })
}

// Told is told what happens to the call.
func (c *Call) Told(e fork.Event) {
	if c == nil {
		return
	}
	if e.What == fork.Failed {
		c.failed(e.Target)
	}
	if e.What != fork.Over {
		return
	}
	c.mu.Lock()
	kept := c.won != nil && e.Status < 300
	c.mu.Unlock()
	if !kept {
		c.end()
	}
}

// failed closes the bridge to who has not taken the call, which may go on to many.
func (c *Call) failed(target string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if l := c.legs[target]; l != nil && l != c.first && l != c.won {
		c.closeLocked(l)
		delete(c.legs, target)
	}
}

// end closes every bridge of the call.
func (c *Call) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endLocked()
}

func (c *Call) endLocked() {
	c.over = true
	for _, l := range c.legs {
		c.closeLocked(l)
	}
	c.cs.drop(c)
}

// closeLocked ends a bridge, which takes its time.
func (c *Call) closeLocked(l *leg) {
	if l.closed {
		return
	}
	l.closed = true
	c.cs.work.Go(func() {
		if err := l.bridge.Close(); err != nil {
			c.cs.log.Debug().Err(err).Str("call_id", c.id).Msg("bridge")
		}
	})
}
