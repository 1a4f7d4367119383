package proxy

import (
	"slices"
	"strconv"
	"sync"
	"time"

	"lamplight/presence"
	"lamplight/presence/routing"
	"lamplight/sip/message"
	"lamplight/sip/push"
	"lamplight/sip/transaction"
)

// Waker wakes the devices of sleeping bindings for a call; a push.Waker is one.
type Waker interface {
	Wake(agent presence.AgentID, bindings []string, call string, on func(push.Event)) (stop func())
}

// sleepers are the devices that a decided call waits for: those that would ring if
// they were woken, where nothing else does.
func (p *Proxy) sleepers(r *routing.Record) []string {
	if p.o.Waker == nil || rings(&r.Outcome) {
		return nil
	}
	return routing.Sleepers(r.Snapshot, r.Policy, *r.Call)
}

// rings: some device of the agent's own is called. A fallback is none.
func rings(o *routing.Outcome) bool { return o.Status == 302 && !o.Decision.Fallback }

// wait is an INVITE that is answered when a device has woken, or none will.
type wait struct {
	p     *Proxy
	req   *transaction.Request
	c     caller
	agent *presence.Agent
	began time.Time

	mu   sync.Mutex
	call routing.Call // mu; with what came of each device so far
	left []string     // mu; devices nothing is known of yet
	stop func()       // mu
	over bool         // mu
}

func (p *Proxy) wait(req *transaction.Request, c *caller, a *presence.Agent, call routing.Call, ids []string) {
	w := &wait{p: p, req: req, c: *c, agent: a, began: time.Now(), call: call, left: slices.Clone(ids)}
	req.Reply(100) // RFC 3261 §17.2.1: it will take longer than 200 ms
	req.OnCancel(w.cancelled)
	stop := p.o.Waker.Wake(a.ID, ids, call.ID, w.event)
	w.mu.Lock()
	w.stop = stop
	over := w.over
	w.mu.Unlock()
	if over {
		stop()
	}
}

// event takes what became of one device. The first that makes the call ring, or the
// last, ends the wait.
func (w *wait) event(e push.Event) {
	w.mu.Lock()
	if w.over {
		w.mu.Unlock()
		return
	}
	id := e.Asked
	w.left = slices.DeleteFunc(w.left, func(l string) bool { return l == id })
	if e.Woken {
		id = e.Binding
	}
	w.call.Wakings = append(w.call.Wakings, routing.Waking{ID: id, Woken: e.Woken, Text: e.Text()})
	if !e.Woken && !e.Last {
		w.mu.Unlock()
		return
	}
	r := w.recordLocked("not waited for: another mobile woke first")
	b := answer(&r.Outcome, w.req, &w.c)
	if !e.Last && !rings(&r.Outcome) {
		w.mu.Unlock()
		return
	}
	stop := w.endLocked()
	w.mu.Unlock()
	stop()
	w.p.respond(w.req, b)
	w.p.keep(&w.c, w.agent.ID.ID, r)
}

// recordLocked decides again; of devices that nothing is known of it says why.
func (w *wait) recordLocked(why string) *routing.Record {
	call := w.call
	call.Wakings = slices.Clone(call.Wakings)
	for _, id := range w.left {
		call.Wakings = append(call.Wakings, routing.Waking{ID: id, Text: why})
	}
	return w.p.record(&w.c, w.agent, call)
}

func (w *wait) endLocked() (stop func()) {
	w.over = true
	if w.stop == nil { // Wake has not returned; who called it will
		return func() {}
	}
	return w.stop
}

// cancelled: the caller gave up (RFC 3261 §9.2). The record says that too.
func (w *wait) cancelled() {
	w.mu.Lock()
	if w.over {
		w.mu.Unlock()
		return
	}
	after := strconv.FormatFloat(time.Since(w.began).Seconds(), 'f', 1, 64)
	r := w.recordLocked("the caller gave up after " + after + " s")
	r.Status = 487
	stop := w.endLocked()
	w.mu.Unlock()
	stop()
	w.p.respond(w.req, message.NewResponse(w.req.Message, 487, "").Add(DecisionHeader, r.ID))
	w.p.keep(&w.c, w.agent.ID.ID, r)
}
