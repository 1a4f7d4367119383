package notifier

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/presence/consent"
	"lamplight/sip/message"
)

// A Surveyor is a Package that tells who watches the presentity by means of
// another package (RFC 3857). It is a Package for its name and types; its Append
// is called for nobody.
type Surveyor interface {
	// Surveys is the name of the other package.
	Surveys() string
	// AppendWatchers appends the document of all who watch, those who wait first,
	// at most maxSurveyed, and returns where its version belongs. It may allocate.
	AppendWatchers(dst []byte, all []Watching, v View) (doc []byte, version int)
}

// maxSurveyed bounds the watchers of one document, and maxLeavers those of them
// that have just ended, each told for leaverTime seconds.
const (
	maxSurveyed = 1000
	maxLeavers  = 16
	leaverTime  = 32
)

// Watching is a subscription as those are told of it who may know who watches.
type Watching struct {
	ID      string // unique and stable
	URI     string // of the watcher
	Display string // name of the watcher, may be empty
	Pending bool
	// Event is what made it so, in the words of RFC 3858 §3: subscribe, approved,
	// or how it ended.
	Event   string
	Ended   bool
	Since   time.Duration // how long it has lasted
	Expires time.Duration // until it ends by itself
}

// leaver is a watcher that has ended.
type leaver struct {
	Watching
	pkg uint8
	at  stamp
}

// recountLocked notes that the watchers of a presentity by means of a package
// changed, and has those told who watch them.
func (n *Notifier) recountLocked(p *presentity, pkg uint8) {
	if p.surveyors == 0 {
		return
	}
	p.census[pkg] = n.census.Add(1)
	for _, s := range p.subs {
		if n.surveyed[s.pkg] == int16(pkg) {
			n.markSubLocked(s)
		}
	}
}

// joinedLocked and leftLocked keep count of who watches the watchers.
func (n *Notifier) joinedLocked(s *subscription) {
	p := s.pres
	if n.surveyed[s.pkg] < 0 {
		n.recountLocked(p, s.pkg)
		return
	}
	n.surveyors.Add(1)
	if p.surveyors++; p.census == nil {
		p.census = make([]uint64, len(n.packages))
		for i := range p.census {
			p.census[i] = n.census.Add(1)
		}
	}
}

// censusOf numbers the watchers that a Surveyor's subscription tells of. One that
// is no member of its presentity, as a look is not, has a number of its own.
func (n *Notifier) censusOf(s *subscription) uint64 {
	if pkg := n.surveyed[s.pkg]; pkg >= 0 && s.pres.census != nil {
		return s.pres.census[pkg]
	}
	return n.census.Add(1)
}

func (n *Notifier) leftLocked(s *subscription) {
	p := s.pres
	if n.surveyed[s.pkg] >= 0 {
		n.surveyors.Add(-1)
		if p.surveyors--; p.surveyors == 0 {
			p.leavers, p.census = nil, nil
		}
		return
	}
	if s.telling != nil {
		n.recountSoon(s, 0)
	}
	if p.surveyors > 0 {
		now := stampOf(time.Now())
		w := n.watchingLocked(s, now)
		w.Ended, w.Pending, w.Event, w.Expires = true, false, reasonText(s.reason), 0
		if len(p.leavers) == maxLeavers {
			p.leavers = slices.Delete(p.leavers, 0, 1)
		}
		p.leavers = append(p.leavers, leaver{w, s.pkg, now})
	}
	n.recountLocked(p, s.pkg)
}

// surveyedBy are the numbers of the packages that each package surveys, negative
// for none.
func surveyedBy(packages []Package) []int16 {
	out := make([]int16, len(packages))
	for i, p := range packages {
		out[i] = -1
		if sv, ok := p.(Surveyor); ok {
			out[i] = int16(slices.IndexFunc(packages, func(q Package) bool { return q.Name() == sv.Surveys() }))
		}
	}
	return out
}

// watchersLocked are who a Surveyor's subscription tells of. A look stands beside
// the presentity, whose lock it then takes.
func (n *Notifier) watchersLocked(s *subscription, now stamp) []Watching {
	p := s.pres
	if p.gone {
		if p = n.people.find(p.agent); p == nil {
			return nil
		}
		p.mu.Lock()
		defer p.mu.Unlock()
	}
	return n.surveyLocked(p, n.surveyed[s.pkg], now)
}

// surveyLocked lists who watches a presentity by means of a package.
func (n *Notifier) surveyLocked(p *presentity, pkg int16, now stamp) []Watching {
	var all []Watching
	for _, s := range p.subs {
		if s.state == active && int16(s.pkg) == pkg {
			all = append(all, n.watchingLocked(s, now))
		}
	}
	p.byListsLocked(func(s *subscription, m mark) bool {
		if int16(s.pkg) == pkg {
			w := n.watchingLocked(s, now)
			if w.Pending = m&awaiting != 0; !w.Pending && n.consented(p.agent, s) {
				w.Event = "approved"
			}
			all = append(all, w)
		}
		return true
	})
	for _, l := range p.leavers {
		if int16(l.pkg) == pkg && l.at+leaverTime > now {
			all = append(all, l.Watching)
		}
	}
	rank := func(w Watching) int {
		switch {
		case w.Pending:
			return 0
		case w.Ended:
			return 1
		}
		return 2
	}
	slices.SortFunc(all, func(a, b Watching) int { return cmp.Or(rank(a)-rank(b), strings.Compare(a.ID, b.ID)) })
	return all[:min(len(all), maxSurveyed)]
}

// watchingLocked describes a subscription.
func (n *Notifier) watchingLocked(s *subscription, now stamp) Watching {
	w := Watching{ID: tagText(s.tag), Pending: s.pending, Event: "subscribe", Expires: time.Duration(remaining(s.until, now)) * time.Second}
	if n.consented(s.pres.agent, s) {
		w.Event = "approved"
	}
	if s.since != 0 {
		w.Since = time.Duration(now-min(s.since, now)) * time.Second
	}
	w.URI, w.Display = n.nameOf(s)
	return w
}

// nameOf is who watches: the agent whose phone it is, a peer as it calls itself.
func (n *Notifier) nameOf(s *subscription) (uri, display string) {
	if w, ok := n.watcherOf(s); ok && !s.peer {
		if a, ok := n.directory.Agent(w.holder); ok && len(a.AORs) > 0 {
			return "sip:" + a.AORs[0], a.Name
		}
	}
	_, rest, _ := strings.Cut(string(s.head[s.line:]), "\r\nTo: ")
	value, _, _ := strings.Cut(rest, "\r\n")
	to, err := message.ParseNameAddr(value)
	if err != nil {
		return s.target(), ""
	}
	return to.URI, to.Display
}

// consented reports whether the watched said yes to the watcher.
func (n *Notifier) consented(of presence.AgentID, s *subscription) bool {
	if n.consent == nil || s.pending {
		return false
	}
	by, ok := n.consentOf(s)
	allow, decided := n.consent.Verdict(of, by)
	return ok && decided && allow
}

// consentOf is who would need the consent of the watched.
func (n *Notifier) consentOf(s *subscription) (consent.Watcher, bool) {
	w, ok := n.watcherOf(s)
	return w.consenting(), ok
}
