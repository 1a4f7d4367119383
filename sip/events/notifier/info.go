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

// Subscriptions calls f with every live subscription, or those of one
// presentity, until f returns false. Nothing is locked while f runs.
func (n *Notifier) Subscriptions(of presence.AgentID, f func(Info) bool) {
	visit := func(p *presentity) bool {
		for _, i := range n.infos(p) {
			if !f(i) {
				return false
			}
		}
		return true
	}
	if of != (presence.AgentID{}) {
		if p := n.people.find(of); p != nil {
			visit(p)
		}
		return
	}
	n.people.each(visit)
}

func (n *Notifier) infos(p *presentity) []Info {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Info, 0, len(p.subs))
	for _, s := range p.subs {
		if s.state != active {
			continue
		}
		i := Info{
			ID: tagText(s.tag), Pending: s.pending, Quirks: s.quirks.Names(),
			Event: n.packages[s.pkg].Name(), Presentity: p.agent, Entity: s.entity, Contact: s.target(), CallID: s.part(s.callID),
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
		out = append(out, i)
	}
	return out
}
