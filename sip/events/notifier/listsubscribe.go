package notifier

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"io"
	"slices"
	"strings"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/lists"
	"lamplight/sip/events/resourcelists"
	"lamplight/sip/events/rlmi"
	"lamplight/sip/message"
	"lamplight/sip/quirks"
	"lamplight/sip/transaction"
)

// The option tags of lists: RFC 4662 §3.1 and RFC 5367 §4.
const (
	eventList        = "eventlist"
	recipientListTag = "recipient-list-subscribe"
)

// options are the extensions that a SUBSCRIBE may demand.
func (n *Notifier) options() []string {
	if n.lists == nil {
		return nil
	}
	return []string{eventList, recipientListTag}
}

// listOf finds out whether a SUBSCRIBE is about a list, by its address or because
// it brings one; is tells that it is, and ok is then false if it was refused.
func (n *Notifier) listOf(r *transaction.Request, w watcher, s *subscription, dom *presence.Domain, user string) (id presence.AgentID, is, ok bool) {
	if _, listable := n.packages[s.pkg].(Lister); !listable || n.lists == nil {
		return id, false, false
	}
	if n.bringsList(r) {
		entries, ok := n.broughtBy(r)
		s.telling = &telling{ref: lists.Ref{Domain: dom.ID}, brought: entries}
		return presence.AgentID{ID: presence.NewID()}, true, ok
	}
	ref, found, certain := n.lists.Find(dom.ID, w.holder, user)
	switch {
	case !found && certain:
		n.refuse(r, 404, "No Such List")
		return id, true, false
	case !found, !certain && n.isAgent(dom, user):
		return id, false, false
	case !takesLists(r) && !certain && n.packages[s.pkg].Bare():
		return id, false, false // an old phone that watches a queue or slot of this name
	case !takesLists(r): // RFC 4662 §4.3
		n.answer(r, message.NewResponse(r.Message, 421, "").Add(message.Require, eventList))
		return id, true, false
	}
	s.telling = &telling{ref: ref}
	return ref.ID(), true, true
}

// bringsList reports whether a SUBSCRIBE brings its list. Its Request-URI says
// nothing then: one family writes its maker's server there, whoever is asked.
func (n *Notifier) bringsList(r *transaction.Request) bool {
	return n.lists != nil && demands(r, recipientListTag)
}

func (n *Notifier) isAgent(dom *presence.Domain, user string) bool {
	if _, ok := n.directory.AgentByAOR(user, dom.Name()); ok {
		return true
	}
	_, ok := n.directory.AgentByNumber(dom.ID, user)
	return ok
}

// takesLists reports whether the watcher can read the state of a list. Phones
// that accept its type and forget the option tag can.
func takesLists(r *transaction.Request) bool {
	return slices.ContainsFunc(r.Values(message.Supported), func(v string) bool { return strings.EqualFold(strings.TrimSpace(v), eventList) }) ||
		demands(r, eventList) || takes(r.Values(message.Accept), rlmi.ContentType)
}

func demands(r *transaction.Request, tag string) bool {
	return slices.ContainsFunc(r.Values(message.Require), func(v string) bool { return strings.EqualFold(strings.TrimSpace(v), tag) })
}

// accepted are the types of documents the watcher accepts: those of a list are
// understood (RFC 4662 §4.2).
func accepted(r *transaction.Request, s *subscription) []string {
	all := r.Values(message.Accept)
	if s.telling == nil {
		return all
	}
	return slices.DeleteFunc(slices.Clone(all), func(a string) bool {
		a, _, _ = strings.Cut(a, ";")
		a = strings.ToLower(strings.TrimSpace(a))
		return a == rlmi.ContentType || strings.HasPrefix(a, "multipart/")
	})
}

// eventName is the Event of its NOTIFYs: one family writes it with a capital
// letter in those of a list, and ignores others.
func (n *Notifier) eventName(s *subscription) string {
	name := n.packages[s.pkg].Name()
	if s.telling != nil && s.quirks.Has(quirks.LinphoneList) {
		return strings.ToUpper(name[:1]) + name[1:]
	}
	return name
}

// broughtBy reads the list a SUBSCRIBE brings (RFC 5367 §4). On false it has been
// answered.
func (n *Notifier) broughtBy(r *transaction.Request) ([]resourcelists.Entry, bool) {
	typ, _, _ := strings.Cut(r.Get(message.ContentType), ";")
	if !strings.EqualFold(strings.TrimSpace(typ), resourcelists.ContentType) {
		n.answer(r, message.NewResponse(r.Message, 415, "").Add(message.Accept, resourcelists.ContentType))
		return nil, false
	}
	body, err := plain(r.Get(message.ContentEncoding), r.Body)
	switch {
	case errors.Is(err, errEncoding):
		n.answer(r, message.NewResponse(r.Message, 415, "").Add("Accept-Encoding", "deflate, identity"))
		return nil, false
	case errors.Is(err, resourcelists.ErrTooLarge):
		n.refuse(r, 413, "List Too Large")
		return nil, false
	case err != nil:
		n.refuse(r, 400, "Bad Compressed Body")
		return nil, false
	}
	entries, err := resourcelists.Parse(body, n.lists.Most())
	switch {
	case errors.Is(err, resourcelists.ErrTooLarge):
		n.refuse(r, 413, "List Too Large")
	case err != nil:
		n.refuse(r, 400, "Bad List")
	}
	return entries, err == nil
}

var errEncoding = errors.New("unknown content encoding")

// plain undoes a Content-Encoding. Deflate is the zlib format (RFC 9110
// §8.4.1.2); some send it bare, as its name says.
func plain(encoding string, body []byte) ([]byte, error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return body, nil
	case "deflate":
	default:
		return nil, errEncoding
	}
	var in io.Reader = flate.NewReader(bytes.NewReader(body))
	if z, err := zlib.NewReader(bytes.NewReader(body)); err == nil {
		in = z
	}
	out, err := io.ReadAll(io.LimitReader(in, resourcelists.MaxBytes+1))
	if err == nil && len(out) > resourcelists.MaxBytes {
		err = resourcelists.ErrTooLarge
	}
	return out, err
}

// rebring takes note of another list that a refresh brings; next is what the
// subscription becomes. On false the request has been answered.
func (n *Notifier) rebring(r *transaction.Request, next *subscription) (changed, ok bool) {
	t := next.telling
	if t == nil || !t.ref.Brought() || len(r.Body) == 0 {
		return false, true
	}
	entries, ok := n.broughtBy(r)
	if !ok || slices.Equal(entries, t.brought) {
		return false, ok
	}
	next.telling = &telling{ref: t.ref, brought: entries}
	return true, true
}

// relistLocked makes the NOTIFY that follows a refresh full state (RFC 4662
// §5.2), of the list that it brought if it did.
func (s *subscription) relistLocked(next *subscription) {
	t := s.telling
	if t == nil {
		return
	}
	if next.telling != t {
		l := s.pres.roll
		t.brought = next.telling.brought
		l.brought, l.stale = t.brought, true
	}
	t.restart()
}

// judgeList says whether a list may be watched: who may watch its domain may, an
// agent's own only by that agent's phones; of the members each is judged by
// itself.
func (n *Notifier) judgeList(w watcher, s *subscription) standing {
	ref := &s.telling.ref
	dom, ok := n.directory.Domain(ref.Domain)
	if ok && !w.mayWatch(dom) || !ref.Owner.IsZero() && ref.Owner != w.holder {
		return standing{verdict: presence.WatchDeny}
	}
	return standing{verdict: presence.WatchAllow}
}

// listChanged is told of a named list that was edited.
func (n *Notifier) listChanged(r lists.Ref) { n.renew(n.people.find(r.ID())) }

// membershipChanged finds the lists that an edit of the directory may concern:
// those its agents are on, those their addresses are on, and their teams.
func (n *Notifier) membershipChanged(e *directory.Edit) {
	if n.counts.listed() == 0 {
		return
	}
	if len(e.Domains) > 0 { // names of domains stand in all addresses
		n.people.each(func(p *presentity) bool {
			n.renew(p)
			return true
		})
	}
	for _, id := range e.DeleteAgents {
		n.renewAll(id)
	}
	for i := range e.Agents {
		a := &e.Agents[i]
		n.renewAll(a.ID)
		if dom, ok := n.directory.Domain(a.Domain); ok {
			for _, aor := range a.AORs {
				user, _, _ := strings.Cut(aor, "@")
				n.renewAll(presence.BareAgentID(dom.ID, user+"@"+dom.Name()))
			}
		}
		for _, t := range a.Teams {
			n.renew(n.people.find(lists.Ref{Domain: a.Domain, Team: directory.TeamAddress(t)}.ID()))
		}
	}
}

// renewAll renews the lists that somebody is on.
func (n *Notifier) renewAll(id presence.AgentID) {
	if p := n.people.find(id); p != nil {
		for _, l := range p.listed() {
			n.renew(l)
		}
	}
}

// renew has who is on a list read anew.
func (n *Notifier) renew(p *presentity) {
	if p == nil {
		return
	}
	p.mu.Lock()
	is := p.roll != nil
	if is {
		p.roll.stale = true
	}
	p.mu.Unlock()
	if is {
		n.mark(p)
	}
}
