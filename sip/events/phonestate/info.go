package phonestate

import (
	"slices"
	"time"

	"lamplight/presence"
)

// Info is a publication as diagnostics show it.
type Info struct {
	Domain  presence.DomainID
	Agent   presence.AgentID
	Device  presence.DeviceID // that published; zero: Peer did
	Peer    string
	ETag    string
	Expires time.Time
}

// chunk is how many publications are read under one lock.
const chunk = 256

// Publications calls f with every live publication, in no order, until f returns
// false. Nothing is locked while f runs; one that ends meanwhile may be told
// still.
func (a *Agent) Publications(f func(Info) bool) {
	a.mu.Lock()
	all := make([]*entry, 0, len(a.all))
	for _, e := range a.all {
		all = append(all, e)
	}
	a.mu.Unlock()
	for part := range slices.Chunk(all, chunk) {
		list := make([]publication, 0, chunk)
		a.mu.Lock()
		for _, e := range part {
			list = append(list, e.publication)
		}
		a.mu.Unlock()
		for i := range list {
			p := &list[i]
			info := Info{Domain: p.Domain, Agent: p.Agent, Device: p.Device, ETag: p.entityTag(), Expires: p.Expires}
			if p.Device.IsZero() {
				info.Peer = p.Owner
			}
			if !f(info) {
				return
			}
		}
	}
}
