package ua

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
)

// Refer transfers the other side of the call (RFC 3515): to a URI, or to the other
// side of a call of the same phone, whose place it is to take (RFC 3891, RFC 5589
// §7). How far that has come the handler hears (Transferred); hanging up is the
// owner's.
func (c *Call) Refer(to string, with *Call) error {
	if with != nil {
		with.mu.Lock()
		if with.state != talked {
			with.mu.Unlock()
			return ErrState
		}
		name := message.DialogName{CallID: with.id, ToTag: with.remoteTag, FromTag: with.tag}
		to = with.target
		with.mu.Unlock()
		u, err := message.ParseURI(to)
		if err != nil {
			return fmt.Errorf("ua: %w", err)
		}
		u.Headers = "Replaces=" + url.QueryEscape(name.String())
		to = u.String()
	}
	c.mu.Lock()
	if c.state != talked {
		c.mu.Unlock()
		return ErrState
	}
	b := c.requestLocked("REFER").Add(message.Contact, "<"+c.phone.contact+">").
		Add(message.ReferTo, "<"+to+">").Add(message.ReferredBy, "<"+c.phone.o.Address+">")
	c.mu.Unlock()
	c.phone.stack.tx.Send(c.phone.flow, b, func(m *message.Message, err error) {
		status := statusOf(m, err)
		if status < 300 {
			status = 100
		}
		c.tell(func(h Handler) { h.Transferred(status) })
	})
	return nil
}

// notified takes what the other side says of a transfer (RFC 3515 §2.4.4).
func (c *Call) notified(r *transaction.Request) {
	event, _, _ := strings.Cut(r.Get(message.Event), ";")
	if strings.TrimSpace(event) != "refer" {
		refuse(r, 489, "")
		return
	}
	r.Respond(message.NewResponse(r.Message, 200, ""))
	rest, ok := strings.CutPrefix(string(r.Body), "SIP/2.0 ")
	if !ok || len(rest) < 3 {
		return
	}
	if status, err := strconv.Atoi(rest[:3]); err == nil && status >= 100 && status < 700 {
		c.tell(func(h Handler) { h.Transferred(status) })
	}
}

// Referral is that the other side wants us to call somebody in its place. Refuse
// or Accept it once, then tell how far it has come.
type Referral struct {
	To         string // a URI
	Replaces   string // value of the header, "" for none
	ReferredBy string

	c     *Call
	r     *transaction.Request
	quiet bool // no NOTIFY is wanted (RFC 4488)
}

// referred takes a REFER.
func (c *Call) referred(r *transaction.Request) {
	a, err := message.ParseNameAddr(r.Get(message.ReferTo))
	if err != nil {
		refuse(r, 400, "Refer-To Cannot Be Read")
		return
	}
	u, err := message.ParseURI(a.URI)
	if err != nil || u.Scheme != "sip" && u.Scheme != "sips" {
		refuse(r, 416, "")
		return
	}
	ref := &Referral{
		ReferredBy: strings.Clone(r.Get(message.ReferredBy)), c: c, r: r,
		quiet: strings.EqualFold(strings.TrimSpace(r.Get("Refer-Sub")), "false"),
	}
	for h := range strings.SplitSeq(u.Headers, "&") {
		name, value, _ := strings.Cut(h, "=")
		if value, err = url.PathUnescape(value); err == nil && strings.EqualFold(name, string(message.Replaces)) {
			ref.Replaces = value
		}
	}
	u.Headers = ""
	ref.To = u.String()
	c.tell(func(h Handler) { h.Referred(ref) })
}

// Refuse does not call.
func (r *Referral) Refuse(status int) { refuse(r.r, status, "") }

// Accept says that it is tried.
func (r *Referral) Accept() {
	b := r.c.phone.describe(message.NewResponse(r.r.Message, 202, ""))
	if r.quiet {
		b.Add("Refer-Sub", "false")
	}
	r.r.Respond(b)
	r.Progress(100)
}

// Progress tells how far it has come; a final status is the last.
func (r *Referral) Progress(status int) {
	if r.quiet {
		return
	}
	c := r.c
	seq, _ := r.r.CSeq()
	c.mu.Lock()
	if c.state != talked {
		c.mu.Unlock()
		return
	}
	life := "active;expires=60"
	if status >= 200 {
		life = "terminated;reason=noresource"
	}
	b := c.requestLocked("NOTIFY").Add(message.Contact, "<"+c.phone.contact+">").
		Add(message.Event, "refer;id="+strconv.FormatUint(uint64(seq), 10)).Add(message.SubscriptionState, life).
		Body("message/sipfrag;version=2.0", []byte("SIP/2.0 "+strconv.Itoa(status)+" "+message.Phrase(status)+"\r\n"))
	c.mu.Unlock()
	c.phone.stack.tx.Send(c.phone.flow, b, func(*message.Message, error) {})
}
