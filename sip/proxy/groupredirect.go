package proxy

import (
	"strconv"
	"time"

	"lamplight/presence"
	"lamplight/presence/routing"
	"lamplight/sip/message"
	"lamplight/sip/transaction"
)

// mostContacts is how many places a redirect names.
const mostContacts = 20

// redirectGroup answers who carries his calls himself with the members' contacts,
// in the order that he is to ring them. Nobody is reserved: what becomes of the
// call is not seen here.
func (p *Proxy) redirectGroup(req *transaction.Request, c *caller, g *presence.Group) {
	h := newHunting(&passage{p: p, req: req, c: *c}, g)
	q := h.questionLocked()
	r := &routing.Record{
		Inputs: routing.Inputs{Policy: c.domain.Policy, Group: &q}, Outcome: routing.Outcome{ID: presence.NewID().String(), Decision: routing.DecideGroup(q)},
	}
	o := &r.Outcome
	for i, step := range o.Decision.Steps {
		for _, t := range step.Targets {
			p.redirectMember(o, c, &q, t.ID, max(1000-50*i, 50))
		}
	}
	b := message.NewResponse(req.Message, 302, "")
	if o.Status = 302; len(o.Contacts) == 0 {
		b = refusal(o, req, c, "Nobody of the group can be redirected to")
	} else {
		for _, contact := range o.Contacts {
			b.Add(message.Contact, contact)
		}
		b = explained(b, o, c)
	}
	p.respond(req, b)
	p.keep(c, g.ID.ID, r)
}

// redirectMember adds the contacts of one member, all at the same q.
func (p *Proxy) redirectMember(o *routing.Outcome, c *caller, q *routing.GroupCall, number string, at int) {
	a, ok := p.o.Directory.AgentByNumber(c.domain.ID, number)
	if !ok {
		return
	}
	s, _ := p.o.Roster.Snapshot(a.ID)
	d := routing.Decide(s, c.domain.Policy, routing.Call{ID: q.ID, Kind: q.Kind, Caller: q.Caller, Group: q.Group.Number, Hours: q.Group.Hours, Redirect: true, At: time.Now().UTC()})
	for _, step := range d.Steps {
		for i := range step.Targets {
			t := &step.Targets[i]
			uri, why := redirectURI(t, c)
			switch {
			case why != "":
				o.LeftOut = append(o.LeftOut, number+" "+string(t.Kind)+" "+t.ID+": "+why)
			case len(o.Contacts) == mostContacts:
				o.LeftOut = append(o.LeftOut, number+" "+string(t.Kind)+" "+t.ID+": more than "+strconv.Itoa(mostContacts)+" contacts")
			default:
				o.Contacts = append(o.Contacts, "<"+uri+">;q="+qvalue(at))
			}
		}
	}
}
