package proxy

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/presence/routing"
	"lamplight/sip/message"
	"lamplight/sip/transaction"
	"lamplight/store"
)

// DecisionHeader names the stored decision an answer was made from.
const DecisionHeader message.Name = "X-Lamplight-Decision"

// decide asks for a decision, answers by it, and hands both to the log.
func (p *Proxy) decide(req *transaction.Request, c *caller, a *presence.Agent) {
	call := routing.Call{ID: req.CallID(), Kind: kind(req, c), Caller: c.uri, Redirect: true}
	r := p.record(c, a, call)
	b := answer(&r.Outcome, req, c)
	if ids := p.sleepers(r); len(ids) > 0 {
		p.wait(req, c, a, call, ids)
		return
	}
	p.respond(req, b)
	p.keep(c, a.ID.ID, r)
}

// record makes the decision as of now.
func (p *Proxy) record(c *caller, a *presence.Agent, call routing.Call) *routing.Record {
	s, _ := p.o.Roster.Snapshot(a.ID)
	call.At = time.Now().UTC()
	return &routing.Record{
		Inputs:  routing.Inputs{Snapshot: s, Policy: c.domain.Policy, Call: &call, Only: c.only},
		Outcome: routing.Outcome{ID: presence.NewID().String(), Decision: routing.Decide(s, c.domain.Policy, call).Only(c.only)},
	}
}

// answer is 302 with the targets by q (RFC 3261 §8.3), or the refusal with its
// reason (RFC 3326).
func answer(o *routing.Outcome, req *transaction.Request, c *caller) *message.Builder {
	d := &o.Decision
	if d.Allow {
		redirectTo(o, c)
	}
	if len(o.Contacts) == 0 {
		return refusal(o, req, c, "No device that can be redirected to")
	}
	o.Status = 302
	b := message.NewResponse(req.Message, o.Status, "")
	for _, contact := range o.Contacts {
		b.Add(message.Contact, contact)
	}
	return explained(b, o, c)
}

// refusal is the answer where nothing can be rung: the decision's reason, or none
// where the decision took devices that cannot be used after all.
func refusal(o *routing.Outcome, req *transaction.Request, c *caller, none string) *message.Builder {
	text := o.Decision.Text
	if o.Status = o.Decision.Code; o.Decision.Allow {
		o.Status, text = 480, none
	}
	b := message.NewResponse(req.Message, o.Status, "")
	return explained(b.Add(message.Reason, reason(o.Status, text)), o, c)
}

func reason(status int, text string) string {
	return "SIP;cause=" + strconv.Itoa(status) + ";text=" + message.Quote(text)
}

// explained adds what was left out, and the decision's id.
func explained(b *message.Builder, o *routing.Outcome, c *caller) *message.Builder {
	for _, why := range o.LeftOut {
		// RFC 3261 §20.43: 399 is a warning in words.
		b.Add(message.Warning, message.WarningOf(399, c.domain.Name(), why))
	}
	return b.Add(DecisionHeader, o.ID)
}

// redirectTo turns targets into contacts, the ones to ring first in front. A
// number can be reached by who has a trunk only; what the rules left out because
// of the redirect is said too.
func redirectTo(o *routing.Outcome, c *caller) {
	type contact struct {
		text string
		q    int
	}
	var list []contact
	for _, step := range o.Decision.Steps {
		for _, t := range step.Targets {
			uri, why := redirectURI(&t, c)
			if why != "" {
				o.LeftOut = append(o.LeftOut, string(t.Kind)+" "+t.ID+": "+why)
				continue
			}
			list = append(list, contact{"<" + uri + ">;q=" + qvalue(t.Q), t.Q})
		}
	}
	slices.SortStableFunc(list, func(x, y contact) int { return cmp.Compare(y.q, x.q) })
	for _, l := range list {
		o.Contacts = append(o.Contacts, l.text)
	}
	for _, dev := range o.Decision.Devices {
		if !dev.Taken && strings.Contains(dev.Reason, "only this server") {
			o.LeftOut = append(o.LeftOut, string(dev.Kind)+" "+dev.ID+": "+dev.Reason)
		}
	}
}

// redirectURI is where somebody else sends a call for the target, or why nobody
// can.
func redirectURI(t *routing.Target, c *caller) (uri, why string) {
	u, err := message.ParseURI(t.URI)
	if err != nil {
		return "", "has no URI"
	}
	// A number in our own domain would come straight back to us.
	number := t.Kind == presence.KindNumber || t.Kind == routing.KindFallback && strings.HasSuffix(t.URI, ";user=phone")
	if number && ours(c.domain, u.Host) {
		if c.peer == nil || c.peer.Trunk == "" {
			return "", "no trunk is known for numbers"
		}
		return "sip:" + u.User + "@" + c.peer.Trunk + ";user=phone", ""
	}
	if u.Scheme != "sip" && u.Scheme != "sips" && u.Scheme != "tel" {
		return "", "its URI cannot be called"
	}
	return t.URI, ""
}

func ours(d *presence.Domain, host string) bool {
	return slices.ContainsFunc(d.Names, func(n string) bool { return strings.EqualFold(n, host) })
}

// qvalue writes thousandths (RFC 3261 §25.1).
func qvalue(q int) string {
	if q >= 1000 {
		return "1.0"
	}
	s := strconv.Itoa(1000 + max(q, 0))[1:]
	if s = strings.TrimRight(s, "0"); s == "" {
		s = "0"
	}
	return "0." + s
}

// keep appends the decision to the change log. The caller has its answer by now;
// a log that cannot be written is reported, and no reason to refuse calls.
func (p *Proxy) keep(c *caller, a presence.ID, r *routing.Record) {
	before, after, err := r.Encode()
	if err != nil {
		p.notKept(a, r.ID, err)
		return
	}
	_, at := r.Asked()
	p.o.Store.Submit(store.Batch{Later: true, Log: []store.Entry{{
		Domain: c.domain.ID.String(), Time: at, Node: p.o.Node, Actor: c.name, Cause: "route",
		Kind: routing.KindDecision, Entity: a.String(), Before: before, After: after,
	}}}, func(err error) {
		if err != nil {
			p.notKept(a, r.ID, err)
		}
	})
}

func (p *Proxy) notKept(a presence.ID, id string, err error) {
	p.o.Log.Error().Err(err).Str("decision", id).Stringer("agent", a).Msg("decision not appended to the change log")
}
