package webrtc

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"lamplight/sip/ua"
	"lamplight/webrtc/media"
	"lamplight/webrtc/signalling"
)

// call is one call of a page: a dialog of its phone, the audio between, and what the
// page is told. All that happens to it is done by one goroutine (run), one thing after
// the other; others post. A seat's lock comes before nothing here: run takes it to
// write to the page, who posts may hold it.
type call struct {
	x    *session
	id   string
	out  bool
	leg  atomic.Pointer[leg] // the dialog it has now; nil before there is one
	seen seen                // by others

	wake chan struct{}
	mu   sync.Mutex
	todo []func() // guarded by mu
	full bool     // more than maxTodo waited; guarded by mu
	come []*leg   // want the other side's place, and are not answered; guarded by mu
	gone bool     // run is over; guarded by mu

	// What follows is run's own.
	number, name string // who is at the other end
	bridge       Bridge
	keys         sync.WaitGroup // keys being pressed
	over         bool
	state        signalling.CallState
	msg          signalling.CallMsg // what the page was told
	asked        time.Time          // when the page was asked to ring
	acked        bool               // the page rings
	picked       bool               // the agent picked up
	ready        bool               // the page has answered our first offer
	answered     bool               // the page has our first answer
	offering     bool               // the page has an offer to answer
	fresh        freshness
	ours         bool      // the offer to SIP was ours: an ACK brings the answer
	theirs       *ua.Offer // waits for the page
	held, there  bool
	telling      *leg // has an offer of ours to answer; nil: nobody
	stale        bool // and how things are has changed since
	muted        bool
	warn         string
	moving       bool // a transfer that the agent wanted is under way
	unheardOf    bool // it was, and nothing came of it for too long
	transfers    int  // that the agent wanted
	next         *leg // to whom the other side wants to be transferred
	referral     *ua.Referral
	again        func()      // makes a call of the agent's once more
	failing      *time.Timer // ends the call unless its media comes back
	candidates   int
	far          farKeys
	typed        typedKeys
	taken        uint64 // number of the last thing to be done once that arrived
}

// maxTodo is how much may wait to be done in one call.
const maxTodo = 256

func newCall(x *session, id string) *call {
	return &call{x: x, id: id, wake: make(chan struct{}, 1), state: signalling.CallDialling}
}

// post has something done by the call's goroutine; after its end nothing is.
func (c *call) post(f func()) {
	c.mu.Lock()
	if len(c.todo) < maxTodo {
		c.todo = append(c.todo, f)
	} else {
		c.full = true
	}
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *call) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() { c.post(f) })
}

// run is the call's goroutine.
func (c *call) run(begin func()) {
	defer c.x.srv.tasks.Done()
	begin()
	for !c.over {
		var events <-chan media.Event
		if c.bridge != nil {
			events = c.bridge.Events()
		}
		select {
		case <-c.wake:
			c.work()
		case e, ok := <-events:
			if !ok {
				c.end(signalling.WhyMedia, 503, "")
				break
			}
			c.heard(e)
		}
	}
	if c.failing != nil {
		c.failing.Stop()
	}
	if c.bridge != nil {
		if err := c.bridge.Close(); err != nil {
			c.x.srv.o.Log.Info().Str("call", c.id).Err(err).Msg("webphone media not closed cleanly")
		}
	}
	c.turnAway()
	c.keys.Wait()
	c.x.seat.mu.Lock()
	delete(c.x.calls, c.id)
	c.x.holding.ends(c)
	c.x.past = append(c.x.past[max(0, len(c.x.past)-maxPast+1):], c.seen.now())
	c.x.seat.mu.Unlock()
	c.x.srv.calling.Add(-1)
}

func (c *call) work() {
	c.mu.Lock()
	todo, full := c.todo, c.full
	c.todo = nil
	c.mu.Unlock()
	if full {
		c.end(signalling.WhyMedia, 503, "Too much happened at once.")
	}
	for _, f := range todo {
		if c.over {
			return
		}
		f()
	}
}

// to changes the state and tells the page.
func (c *call) to(s signalling.CallState) {
	c.state = s
	c.tell()
}

// tell tells the page how the call is.
func (c *call) tell() {
	c.msg = signalling.CallMsg{
		T: signalling.Call, Call: c.id, State: c.state, Out: c.out, From: c.number, Name: c.name,
		Held: c.held, There: c.there, Muted: c.muted, Moving: c.moving || c.next != nil, Warn: c.warn,
		Taken: c.taken,
	}
	c.show()
	c.msg.Talked = c.talked().Milliseconds()
	c.x.say(c.msg)
}

// end ends the call: the other side is told by the status, the page by why.
func (c *call) end(why string, status int, sentence string) {
	if c.over {
		return
	}
	c.over = true
	if l := c.leg.Load(); l != nil {
		l.ua.End(status)
	}
	if c.next != nil {
		c.next.ua.End(status)
	}
	c.ended(why, 0, sentence)
}

// ended tells the page that it is over.
func (c *call) ended(why string, status int, sentence string) {
	c.over = true
	c.state, c.moving, c.next, c.warn = signalling.CallOver, false, nil, ""
	c.msg = signalling.CallMsg{
		T: signalling.Call, Call: c.id, State: c.state, Out: c.out, From: c.number, Name: c.name,
		Status: status, Why: why, Sentence: sentence,
	}
	c.show()
	c.x.say(c.msg)
	c.x.srv.m.call(c.out, why)
	c.x.srv.o.Log.Info().Str("session", c.x.id).Str("agent", c.x.seat.agent.String()).Str("call", c.id).
		Bool("out", c.out).Str("why", why).Int("status", status).Fields(c.summed()).Msg("webphone call ended")
}

// page takes a message of the page.
func (c *call) page(m signalling.In, with *call) {
	switch m.T {
	case signalling.RingAck:
		c.rings()
	case signalling.Accept:
		c.pickUp()
	case signalling.Reject:
		if !c.out && c.state != signalling.CallTalking {
			c.end(signalling.WhyRejected, 486, "")
		}
	case signalling.Hangup:
		why := signalling.WhyHungUp
		if !c.out && c.state != signalling.CallTalking {
			why = signalling.WhyRejected
		}
		c.end(why, 486, "")
	case signalling.Answer:
		c.pageAnswer(m.SDP)
	case signalling.Offer:
		c.pageOffer(m.SDP)
	case signalling.Cand:
		c.candidate(m.Candidate)
	case signalling.Restart:
		if m.Fresh {
			c.refresh()
		} else {
			c.restart()
		}
	case signalling.Hold:
		c.hold(m.On)
	case signalling.Mute:
		c.muted = m.On
		c.tell()
	case signalling.Keys:
		if c.takes(m.N) {
			c.press(m.Keys)
		}
	case signalling.Figures:
		c.measured(m.Stats)
	case signalling.Transfer:
		if c.takes(m.N) {
			c.transfer(m, with)
		}
	}
}

// shown is how an address is shown: a number alone where it is one.
func shown(uri string) string {
	rest := strings.TrimPrefix(strings.TrimPrefix(uri, "sips:"), "sip:")
	rest, _, _ = strings.Cut(rest, ";")
	user, _, at := strings.Cut(rest, "@")
	digits := func(r rune) bool { return !strings.ContainsRune("+0123456789*#", r) }
	if at && user != "" && !slices.ContainsFunc([]rune(user), digits) {
		return user
	}
	return rest
}
