package fork

import (
	"strconv"
	"strings"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
)

// ours are the provisional responses that come from us and not from a branch. One
// at a time is on its way reliably, the newest that follows waits for that (RFC
// 3262 §3).
type ours struct {
	rseq   uint32
	unsure *message.Builder // sent again until the caller's PRACK; nil: none
	after  *message.Builder // is sent then
	pause  time.Duration
	until  time.Time
	timer  *time.Timer
}

// T1 of RFC 3261 §17.1.1.1, by which RFC 3262 §3 sends again.
const t1 = 500 * time.Millisecond

// Provisional tells the caller how his call fares while nothing rings, such as by
// 182; nothing happens once it is decided. To a caller that requires 100rel it goes
// reliably, and needs a Contact that leads here. Who uses it repeats it each minute,
// or hops before us give the call up (RFC 3261 §13.3.1.1, §16.8).
func (c *Call) Provisional(status int, phrase string, headers ...message.Header) {
	b := message.NewResponse(c.req.Message, status, phrase)
	for _, h := range headers {
		b.Add(h.Name, h.Value)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over:
	case !requires(c.req.Message, "100rel"):
		c.req.Respond(b)
	case c.own.unsure != nil:
		c.own.after = b
	default:
		c.assureLocked(b)
	}
}

func requires(m *message.Message, tag string) bool {
	for _, v := range m.Values(message.Require) {
		if strings.EqualFold(v, tag) {
			return true
		}
	}
	return false
}

// assureLocked sends it until it is acknowledged.
func (c *Call) assureLocked(b *message.Builder) {
	o := &c.own
	o.rseq++
	b.Add(message.Require, "100rel").Add("RSeq", strconv.FormatUint(uint64(o.rseq), 10))
	o.unsure, o.pause, o.until = b, t1, time.Now().Add(64*t1)
	c.f.listen(c)
	c.req.Respond(b)
	o.timer = time.AfterFunc(o.pause, c.assureAgain)
}

// assureAgain: RFC 3262 §3 would give up the call of who does not acknowledge for
// 64*T1. The caller has lost nothing but a number then, so the call goes on.
func (c *Call) assureAgain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := &c.own
	if c.over || o.unsure == nil {
		return
	}
	if !time.Now().Before(o.until) {
		o.unsure, o.after = nil, nil // nothing old follows what is said later
		return
	}
	c.req.Respond(o.unsure)
	o.pause *= 2
	o.timer.Reset(o.pause)
}

// acknowledgedLocked takes the PRACK's RAck: response number, CSeq number, method
// (RFC 3262 §7.2).
func (c *Call) acknowledgedLocked(rack string) bool {
	o, f := &c.own, strings.Fields(rack)
	seq, method := c.req.CSeq()
	if o.unsure == nil || len(f) != 3 || f[0] != strconv.FormatUint(uint64(o.rseq), 10) || f[1] != strconv.FormatUint(uint64(seq), 10) || f[2] != method {
		return false
	}
	o.timer.Stop()
	o.unsure = nil
	if c.over {
		c.f.forget(c)
	}
	if b := o.after; b != nil {
		o.after = nil
		c.assureLocked(b)
	}
	return true
}

// stopLocked ends the sending, as the call has its final response. A PRACK may still
// be on its way, and has to be answered (RFC 3262 §3).
func (o *ours) stopLocked(c *Call) {
	o.timer.Stop()
	if o.after = nil; o.unsure == nil {
		c.f.forget(c)
		return
	}
	o.timer = time.AfterFunc(64*t1, func() { c.f.forget(c) })
}

// Acknowledged answers a PRACK of a provisional response of our own: 200, or 481
// where there is none that it may mean.
func (f *Forker) Acknowledged(req *transaction.Request) {
	f.mu.Lock()
	c := f.assuring[dialog{req.CallID(), req.FromTag()}]
	f.mu.Unlock()
	status := 481
	if c != nil {
		c.mu.Lock()
		if c.acknowledgedLocked(req.Get("RAck")) {
			status = 200
		}
		c.mu.Unlock()
	}
	req.Reply(status)
}

// dialog names the caller's half of one.
type dialog struct{ call, from string }

// listen has PRACKs find the call, until it is decided.
func (f *Forker) listen(c *Call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.assuring[dialog{c.req.CallID(), c.req.FromTag()}] = c
}

func (f *Forker) forget(c *Call) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if k := (dialog{c.req.CallID(), c.req.FromTag()}); f.assuring[k] == c {
		delete(f.assuring, k)
	}
}
