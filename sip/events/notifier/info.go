package notifier

import (
	"net/netip"
	"time"

	"lamplight/presence"
	"lamplight/presence/consent"
)

// Info is a subscription as diagnostics show it.
type Info struct {
	ID         string
	Event      string
	Pending    bool            // it waits for the watched to allow it
	Watcher    consent.Watcher // whose it is; zero: nobody's any more
	Device     presence.DeviceID
	Quirks     []string
	Since      time.Time // zero: not known
	Presentity presence.AgentID
	Entity     string // URI subscribed to
	Contact    string // where NOTIFYs go
	CallID     string
	Transport  string
	Remote     netip.AddrPort
	Connected  bool // a flow to the watcher is known
	Expires    time.Time
	NextCSeq   uint32
	InFlight   bool
	Failures   int // NOTIFYs that failed in a row
}

// chunk is how many subscriptions of one presentity are read under its lock.
const chunk = 256

// Subscriptions calls f with every live subscription, or those of one
// presentity, until f returns false. Nothing is locked while f runs; one that
// ends meanwhile may be left out, or another told twice.
func (n *Notifier) Subscriptions(of presence.AgentID, f func(Info) bool) {
	visit := func(p *presentity) bool {
		for from := 0; ; from += chunk {
			list, more := n.infos(p, from, chunk)
			for _, i := range list {
				if !f(i) {
					return false
				}
			}
			if !more {
				return true
			}
		}
	}
	if of != (presence.AgentID{}) {
		if p := n.people.find(of); p != nil {
			visit(p)
		}
		return
	}
	n.people.each(visit)
}

// Watched calls f with every agent and bare address that somebody watches, in no
// order, until f returns false.
func (n *Notifier) Watched(f func(presence.AgentID) bool) {
	n.people.each(func(p *presentity) bool { return f(p.agent) })
}

// Watchers is a part of the subscriptions to a presentity: at most so many, from
// that place on; more if there are others behind.
func (n *Notifier) Watchers(of presence.AgentID, from, most int) (list []Info, more bool) {
	p := n.people.find(of)
	if p == nil {
		return nil, false
	}
	return n.infos(p, from, most)
}

func (n *Notifier) infos(p *presentity, from, most int) (out []Info, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	to := min(from+most, len(p.subs))
	for _, s := range p.subs[min(from, to):to] {
		if s.state != active {
			continue
		}
		out = append(out, n.infoLocked(s))
	}
	return out, to < len(p.subs)
}

func (n *Notifier) infoLocked(s *subscription) Info {
	i := Info{
		ID: tagText(s.tag), Pending: s.pending, Quirks: s.quirks.Names(),
		Event: n.packages[s.pkg].Name(), Presentity: s.pres.agent, Entity: s.entity, Contact: s.target(), CallID: s.part(s.callID),
		Transport: transportName(s.transport), Remote: s.remote, Connected: s.transport == overUDP || s.way.flow() != nil,
		Expires: s.until.time(), NextCSeq: s.next + 1, InFlight: s.inflight != 0, Failures: int(s.failures),
	}
	i.Watcher, _ = n.consentOf(s)
	if !s.peer {
		i.Device = presence.DeviceID{ID: presence.ID(s.owner)}
	}
	if s.since != 0 {
		i.Since = s.since.time()
	}
	return i
}
