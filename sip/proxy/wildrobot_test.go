package proxy_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// robot is a phone or a trunk that rolls dice: when it answers, refuses, gives up
// or hangs up. It has the timers of RFC 3261, for whoever loses datagrams.
type robot struct {
	to     netip.AddrPort
	from   string // its own URI, as a caller
	port   *siptest.Port
	wrong  func(format string, args ...any)
	secret func(res *message.Message, method, uri string) (message.Name, string)

	mu      sync.Mutex
	rng     *rand.Rand                        // guarded by mu, as all below
	legs    map[string]*robotLeg              // by Call-ID and own part in it
	replies map[string][]byte                 // to requests that may come again
	waits   map[string]func(*message.Message) // for responses, by branch and method
}

// robotLeg is a robot's part in a call.
type robotLeg struct {
	caller bool
	inv    *message.Message // as sent, or as received
	plan   string           // what it does when called
	said   int              // its own last response
	acked  bool
	heard  []string // of the caller: final responses, each once
	first  bool     // a provisional response has come
	wants  bool     // to give up
	gaveUp bool
	seen   *message.Message // what makes the dialog; nil: none
	ack    []byte
	over   bool // BYE was sent or received
	seq    uint32
	asks   bool // an INVITE within the call is open
}

const t1, t2 = 500 * time.Millisecond, 4 * time.Second

func newRobot(n *siptest.Net, addr, from string, seed uint64, wrong func(string, ...any)) *robot {
	r := &robot{
		to: netip.MustParseAddrPort(server), from: from, wrong: wrong, rng: rand.New(rand.NewPCG(seed, 1)),
		legs: make(map[string]*robotLeg), replies: make(map[string][]byte), waits: make(map[string]func(*message.Message)),
	}
	r.port = n.Attach(addr, r.receive)
	return r
}

func (r *robot) send(b []byte) { r.port.Send(r.to, b) }

func (r *robot) via(branch string) string {
	return "SIP/2.0/UDP " + r.port.Addr().String() + ";branch=" + branch + ";rport"
}

func (r *robot) contact() string { return "<sip:robot@" + r.port.Addr().String() + ">" }

func (r *robot) between(least, most time.Duration) time.Duration {
	return least + time.Duration(r.rng.Int64N(int64(most-least)))
}

// after does something later, under the lock.
func (r *robot) after(d time.Duration, do func()) {
	time.AfterFunc(d, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		do()
	})
}

// repeatLocked sends now and again until it is not wanted any more, at most for
// 64×T1; then it says what was missing.
func (r *robot) repeatLocked(raw []byte, most time.Duration, wanted func() bool, missing string) {
	start, wait := time.Now(), t1
	r.send(raw)
	var again func()
	again = func() {
		if !wanted() {
			return
		}
		if time.Since(start) > 64*t1 {
			if missing != "" {
				r.wrong("%s: %s\n%s", r.port.Addr(), missing, raw)
			}
			return
		}
		r.send(raw)
		wait = min(2*wait, most)
		r.after(wait, again)
	}
	r.after(wait, again)
}

// askLocked is a non-INVITE client transaction.
func (r *robot) askLocked(b *message.Builder, missing string) {
	branch := message.NewBranch()
	k := branch + " " + b.Method()
	done := false
	r.waits[k] = func(*message.Message) { done = true }
	r.repeatLocked(b.Via(r.via(branch)).Bytes(), t2, func() bool { return !done }, missing)
}

func (r *robot) receive(_ netip.AddrPort, b []byte) {
	m, err := message.Parse(b)
	if err != nil {
		r.wrong("%s received what is no SIP: %v\n%s", r.port.Addr(), err, b)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	via, _ := m.TopVia()
	if !m.IsRequest() {
		_, method := m.CSeq()
		if f := r.waits[via.Branch+" "+method]; f != nil && (m.Status >= 200 || method == "INVITE") {
			f(m)
		}
		return
	}
	k := via.Branch + " " + m.Method
	if reply, again := r.replies[k]; again {
		if reply != nil {
			r.send(reply)
		}
		return
	}
	switch m.Method {
	case "INVITE":
		r.inviteLocked(k, m)
	case "ACK":
		r.ackedLocked(m)
	case "CANCEL":
		r.canceledLocked(k, m, via.Branch)
	case "BYE":
		status := 481
		for _, l := range r.legs {
			if l.has(m) && !l.over {
				status, l.over, l.acked = 200, true, true
			}
		}
		r.replyLocked(k, m, status)
	default:
		r.replyLocked(k, m, 200)
	}
}

func (r *robot) replyLocked(k string, m *message.Message, status int) {
	raw := message.NewResponse(m, status, "").Bytes()
	r.replies[k] = raw
	r.send(raw)
}

// has reports whether a request of the other end is of the leg's dialog: one robot
// may be both ends of a call.
func (l *robotLeg) has(m *message.Message) bool {
	if l.seen == nil || l.seen.CallID() != m.CallID() {
		return false
	}
	own, other := l.seen.ToTag(), l.seen.FromTag()
	if l.caller {
		own, other = other, own
	}
	return own == m.ToTag() && other == m.FromTag()
}

// inDialog starts a request of a leg's dialog.
func (l *robotLeg) inDialog(method string, seq uint32) *message.Builder {
	routes := l.seen.Values(message.RecordRoute)
	from, to := l.seen.Get(message.From), l.seen.Get(message.To)
	if l.caller {
		slices.Reverse(routes)
	} else {
		from, to = to, from
	}
	target := ""
	if contacts, err := l.seen.Contacts(); err == nil && len(contacts) > 0 {
		target = contacts[0].URI
	}
	b := message.NewRequest(method, target).Add(message.MaxForwards, "70").Add(message.From, from).Add(message.To, to).
		Add(message.CallID, l.seen.CallID()).Add(message.CSeq, fmt.Sprint(seq, " ", method))
	for _, route := range routes {
		b.Add(message.Route, route)
	}
	return b
}

func (r *robot) hangUpLocked(l *robotLeg) {
	if l.over || l.seen == nil {
		return
	}
	l.over = true
	l.seq++
	r.askLocked(l.inDialog("BYE", l.seq), "") // the other may be gone as well
}

// holdLocked asks the other end anew, as hold does.
func (r *robot) holdLocked(l *robotLeg) {
	if l.over || l.asks || l.seen == nil {
		return
	}
	l.asks = true
	l.seq++
	b := l.inDialog("INVITE", l.seq).Add(message.Contact, r.contact())
	branch := message.NewBranch()
	raw := b.Via(r.via(branch)).Bytes()
	inv, err := message.Parse(raw)
	if err != nil {
		r.wrong("%v", err)
		return
	}
	quiet, seq := false, l.seq
	var ack []byte
	r.waits[branch+" INVITE"] = func(m *message.Message) {
		quiet = true
		if m.Status < 200 {
			return
		}
		l.asks = false
		if ack == nil && m.Status < 300 {
			ack = l.inDialog("ACK", seq).Via(r.via(message.NewBranch())).Bytes()
		} else if ack == nil {
			ack = hopBy(inv, "ACK", m.Get(message.To))
		}
		r.send(ack)
	}
	r.repeatLocked(raw, 32*time.Second, func() bool { return !quiet }, "")
}

// inviteLocked takes a call, by dice, or a hold.
func (r *robot) inviteLocked(k string, m *message.Message) {
	if m.ToTag() != "" {
		r.heldLocked(k, m)
		return
	}
	l := &robotLeg{inv: m, plan: plans[r.rng.IntN(len(plans))], seq: 1000}
	r.legs[k] = l
	r.replies[k] = nil
	if l.plan == "dead" {
		return
	}
	r.sayLocked(k, l, 100)
	if r.rng.IntN(4) > 0 {
		r.after(r.between(0, 2*time.Second), func() { r.sayLocked(k, l, 180+3*r.rng.IntN(2)) })
	}
	wait := r.between(100*time.Millisecond, 30*time.Second)
	switch l.plan {
	case "answer", "stubborn":
		r.after(wait, func() { r.sayLocked(k, l, 200) })
	case "refuse":
		refusals := []int{486, 480, 404, 500, 503, 603}
		r.after(wait, func() { r.sayLocked(k, l, refusals[r.rng.IntN(len(refusals))]) })
	}
}

// plans are what a robot does that is called: stubborn answers though it is
// canceled, ring never does anything, dead says nothing at all.
var plans = []string{"answer", "answer", "answer", "stubborn", "refuse", "ring", "dead"} //nolint:gochecknoglobals // a table

// sayLocked responds to an INVITE; after a final response it says no other, but a
// provisional one that was too slow does leave.
func (r *robot) sayLocked(k string, l *robotLeg, status int) {
	if l.said >= 200 && (status >= 200 || r.rng.IntN(2) > 0) {
		return
	}
	raw := message.NewResponse(l.inv, status, "").Add(message.Contact, r.contact()).Bytes()
	if status < 200 {
		if l.said < 200 {
			l.said, r.replies[k] = status, raw
		}
		r.send(raw)
		return
	}
	l.said, r.replies[k] = status, raw
	if status < 300 {
		res, err := message.Parse(raw)
		if err != nil {
			r.wrong("%v", err)
			return
		}
		l.seen = siptest.WithToTag(l.inv, res.Get(message.To))
		if r.rng.IntN(3) == 0 {
			r.after(r.between(0, 20*time.Second), func() { r.hangUpLocked(l) })
		}
		if r.rng.IntN(4) == 0 {
			r.after(r.between(5*time.Second, 10*time.Second), func() { r.holdLocked(l) })
		}
	}
	r.repeatLocked(raw, t2, func() bool { return !l.acked }, fmt.Sprint("no ACK of its ", status))
}

// heldLocked answers an INVITE within a call.
func (r *robot) heldLocked(k string, m *message.Message) {
	status := 481
	for _, l := range r.legs {
		if !l.has(m) || l.over {
			continue
		}
		if status = 200; l.asks {
			status = 491
		}
	}
	raw := message.NewResponse(m, status, "").Add(message.Contact, r.contact()).Bytes()
	r.replies[k] = raw
	at := &robotLeg{inv: m, said: status}
	r.legs[k] = at
	r.repeatLocked(raw, t2, func() bool { return !at.acked }, "") // a BYE may have gone before
}

// ackedLocked finds what an ACK is of: a refusal by its branch, a 2xx by its tag.
func (r *robot) ackedLocked(m *message.Message) {
	via, _ := m.TopVia()
	seq, _ := m.CSeq()
	for k, l := range r.legs {
		invSeq, _ := l.inv.CSeq()
		if l.caller && l.inv.CallID() == m.CallID() || l.inv.CallID() != m.CallID() || invSeq != seq {
			continue
		}
		if l.said >= 300 && strings.HasPrefix(k, via.Branch+" ") {
			l.acked = true
		}
		if l.said >= 200 && l.said < 300 && (l.seen == nil || l.seen.ToTag() == m.ToTag()) {
			l.acked = true
		}
	}
}

func (r *robot) canceledLocked(k string, m *message.Message, branch string) {
	ki := branch + " INVITE"
	l := r.legs[ki]
	if l == nil {
		r.replyLocked(k, m, 481)
		return
	}
	r.replyLocked(k, m, 200)
	if l.said >= 200 {
		return
	}
	if l.plan == "stubborn" { // its user picked up in this moment
		r.sayLocked(ki, l, 200)
		return
	}
	r.sayLocked(ki, l, 487)
}
