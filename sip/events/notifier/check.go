package notifier

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/quirks"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

// extensions refuses what demands one that we have not (RFC 3261 §8.2.2.3).
func (n *Notifier) extensions(r *transaction.Request) bool {
	no := r.UnsupportedExtensions(n.options()...)
	if len(no) > 0 {
		n.answer(r, message.NewResponse(r.Message, 420, "").Add(message.Unsupported, strings.Join(no, ", ")))
	}
	return len(no) == 0
}

// chosen finds the event package (RFC 6665 §4.2.1.1: 489 with what we have).
func (n *Notifier) chosen(r *transaction.Request, s *subscription) bool {
	name, _, ok := event(r.Get(message.Event))
	if !ok {
		n.refuse(r, 400, "Bad Event header")
		return false
	}
	for i, p := range n.packages {
		if strings.EqualFold(p.Name(), name) {
			s.pkg = uint8(i)
			return true
		}
	}
	n.answer(r, message.NewResponse(r.Message, 489, "").Add(message.AllowEvents, n.allowEvents))
	return false
}

// resource finds out what is to be watched, and that this watcher may.
func (n *Notifier) resource(r *transaction.Request, w watcher, s *subscription) (presence.AgentID, bool) {
	uri, err := message.ParseURI(r.URI)
	if err != nil || uri.Scheme != "sip" && uri.Scheme != "sips" {
		n.refuse(r, 416, "")
		return presence.AgentID{}, false
	}
	dom, ok := n.directory.DomainByName(uri.Host)
	if !ok && w.domain != nil && (isLocal(r.Flow, uri.Host) || n.bringsList(r)) {
		dom, ok = w.domain, true // phones that know us by address only
	}
	switch {
	case !ok && w.peer != nil:
		n.refuse(r, 404, "Domain Not Served Here")
		return presence.AgentID{}, false
	case !ok || !w.mayWatch(dom):
		n.refuse(r, 403, "Watching This Domain Is Not Allowed")
		return presence.AgentID{}, false
	}
	user := uri.UserDecoded()
	s.entity = entityOf(uri)
	n.recognise(s, dom, r.Get(message.UserAgent))
	if id, is, ok := n.listOf(r, w, s, dom, user); is {
		return id, ok
	}
	if a, ok := n.named(&w, dom, &uri); ok {
		return a, true
	}
	if user == "" || !n.packages[s.pkg].Bare() {
		n.refuse(r, 404, "")
		return presence.AgentID{}, false
	}
	s.bare = true
	return presence.BareAgentID(dom.ID, user+"@"+dom.Name()), true
}

// named is the agent that a URI of the domain names, as this watcher says it.
func (n *Notifier) named(w *watcher, dom *presence.Domain, uri *message.URI) (presence.AgentID, bool) {
	if a, ok := n.owner(uri); ok {
		return a, true
	}
	user := uri.UserDecoded()
	if a, ok := n.directory.AgentByAOR(user, dom.Name()); ok {
		return a.ID, true
	}
	if a, ok := n.directory.AgentByNumber(dom.ID, user); ok {
		return a.ID, true
	}
	if c, ok := n.directory.Credential(dom.ID, user); ok && w.peer == nil && watcherID(c.Device.ID) == w.id {
		return w.holder, true // a phone asks for its own user, whoever sits at it
	}
	return presence.AgentID{}, false
}

// recognise notes, once, what is different about the watcher's phone. A domain
// may add that its lamps show a status that takes no calls.
func (n *Notifier) recognise(s *subscription, dom *presence.Domain, userAgent string) {
	phone := n.phones.Load().Find(userAgent)
	s.quirks, s.largest = phone.Quirks, uint16(phone.LargestBody)
	if slices.ContainsFunc(dom.Policy.BusyLamp, func(pattern string) bool { return quirks.Match(pattern, userAgent) }) {
		s.quirks |= quirks.BusyLamp
	}
}

// isLocal reports whether a host is the address the request was sent to.
func isLocal(f *transport.Flow, host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.Unmap().String() == f.Host()
}

// entityOf is the URI subscribed to without parameters and headers: phones
// compare it, as a string, with what they asked for.
func entityOf(u message.URI) string {
	return message.URI{Scheme: u.Scheme, User: u.User, Host: u.Host, Port: u.Port}.String()
}

// expiry reads what is asked for and bounds it (RFC 6665 §4.2.1.1). Too short is
// 423, too long is shortened.
func (n *Notifier) expiry(r *transaction.Request) (seconds uint32, ok bool) {
	asked, given := r.ExpiresHeader()
	switch {
	case !given:
		asked = n.defaultExpires
	case asked > 0 && asked < n.minExpires:
		n.answer(r, message.NewResponse(r.Message, 423, "").AddInt(message.MinExpires, n.minExpires))
		return 0, false
	}
	return uint32(min(asked, n.maxExpires)), true
}

// dialog reads what makes the dialog (RFC 6665 §4.4.1, RFC 3261 §12.1.1) into
// the subscription.
func (n *Notifier) dialog(r *transaction.Request, s *subscription) bool {
	_, id, _ := event(r.Get(message.Event))
	var fine bool
	if s.rates, fine = ratesOf(r.Get(message.Event)); !fine {
		n.refuse(r, 400, "Bad Rate in Event header")
		return false
	}
	target, ok := contactOf(r.Message)
	if !ok {
		n.refuse(r, 400, "Missing or Bad Contact header")
		return false
	}
	s.tag = rand.Uint64()
	d := dialog{
		target: target, callID: r.CallID(), remote: r.Get(message.From), remoteTag: r.FromTag(),
		local: r.Get(message.To) + ";tag=" + tagText(s.tag), event: n.eventName(s), id: id,
	}
	hops, err := r.Addresses(message.RecordRoute)
	if err != nil {
		n.refuse(r, 400, "Bad Record-Route header")
		return false
	}
	for i, h := range hops {
		d.routes = append(d.routes, h.String())
		if u, err := message.ParseURI(h.URI); i == 0 && err == nil {
			if _, loose := u.Params.Get("lr"); !loose {
				d.strict = h.URI
			}
		}
	}
	if d.remoteTag == "" {
		n.refuse(r, 400, "Missing tag in From header")
		return false
	}
	if !d.clean() || !s.setHead(&d) {
		n.refuse(r, 400, "Headers Too Long or Malformed")
		return false
	}
	s.remoteCSeq, _ = r.CSeq()
	s.condition = conditionOf(r.Message)
	s.setWay(n.wayBack(r, target, len(hops) > 0))
	return true
}

// clean reports whether all texts can be written back as they came.
func (d *dialog) clean() bool {
	for _, s := range append([]string{d.target, d.local, d.remote, d.callID, d.id}, d.routes...) {
		if !clean(s) {
			return false
		}
	}
	return !strings.ContainsAny(d.target, " \t<>\"")
}

// contactOf is the URI of the one contact a SUBSCRIBE must have.
func contactOf(m *message.Message) (string, bool) {
	all, err := m.Contacts()
	if err != nil || len(all) == 0 || all[0].Star {
		return "", false
	}
	u, err := message.ParseURI(all[0].URI)
	return all[0].URI, err == nil && (u.Scheme == "sip" || u.Scheme == "sips") && clean(all[0].URI)
}

// wayBack is the flow NOTIFYs take: the one the SUBSCRIBE came by, which alone
// reaches a phone behind a translator and a browser. An exception is a datagram
// sender that did not ask for symmetric answers (RFC 3581) and names another
// port of its own address: that is where it listens.
func (n *Notifier) wayBack(r *transaction.Request, target string, routed bool) *transport.Flow {
	if via, ok := r.TopVia(); !ok || via.HasRPort || routed || r.Flow.Transport() != "UDP" {
		return r.Flow
	}
	u, err := message.ParseURI(target)
	if err != nil {
		return r.Flow
	}
	a, err := netip.ParseAddr(u.Host)
	if err != nil || a.Unmap() != r.Flow.Remote().Addr().Unmap() {
		return r.Flow
	}
	port := u.Port
	if port == 0 {
		port = 5060
	}
	if port == int(r.Flow.Remote().Port()) {
		return r.Flow
	}
	return r.Flow.On(netip.AddrPortFrom(r.Flow.Remote().Addr(), uint16(port)))
}

// setWay remembers a flow and what finds it again.
func (s *subscription) setWay(f *transport.Flow) {
	s.way, s.remote, s.transport = wayOf(f), f.Remote(), transportNumber(f.Transport())
}

// refuse answers with a status that needs no headers.
func (n *Notifier) refuse(r *transaction.Request, status int, phrase string) {
	n.answer(r, message.NewResponse(r.Message, status, phrase))
}

// retryLater answers 503 (RFC 3261 §21.5.4).
func (n *Notifier) retryLater(r *transaction.Request, why string, seconds int) {
	n.metrics.limited(why)
	n.answer(r, message.NewResponse(r.Message, 503, "").AddInt(message.RetryAfter, seconds))
}

func (n *Notifier) answer(r *transaction.Request, b *message.Builder) {
	n.metrics.answered(b.Status())
	r.Respond(b)
}

// granted answers 200 (RFC 6665 §4.2.1.1: with the time granted).
func (n *Notifier) granted(r *transaction.Request, s *subscription, seconds uint32) {
	n.grantedAs(r, s, 200, seconds)
}

// grantedAs is the same with 200 or 204.
func (n *Notifier) grantedAs(r *transaction.Request, s *subscription, status int, seconds uint32) {
	b := message.NewResponse(r.Message, status, "").ToTag(tagText(s.tag)).
		Add(message.Contact, "<"+n.localOf(r.Flow).uri+">").
		Add(message.Expires, strconv.FormatUint(uint64(seconds), 10))
	if s.telling != nil { // RFC 4662 §4.4
		b.Add(message.Require, eventList)
	}
	n.answer(r, b)
}
