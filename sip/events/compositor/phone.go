package compositor

import (
	"time"

	"lamplight/sip/peers"
	"lamplight/sip/transaction"
)

// publisher finds out who publishes: a trusted peer by its address, or, where
// that is switched on for the device, a phone by digest. A phone is an observer
// of its own agent's calls: what a peer or we ourselves know of a call counts
// more. On false the request has been answered.
func (c *Compositor) publisher(r *transaction.Request, j *job) bool {
	peer, ok := c.peerTable().Find(r.Flow.Neighbour(), r.Flow.Transport())
	switch {
	case ok && peer.Publish:
		j.peer = peer
		return true
	case ok || c.auth == nil:
		c.answer(r, 403, "Publishing Is Not Allowed")
		return false
	}
	id, ok := c.auth.Authenticate(r)
	if !ok {
		return false
	}
	dev, ok := c.directory.Device(id.Device)
	if !ok || !dev.PublishCalls {
		c.answer(r, 403, "Publishing Calls Is Not Allowed for This Device")
		return false
	}
	if j.only, ok = c.directory.Holder(id.Device, time.Now()); !ok {
		c.answer(r, 403, "Device Is Nobody's")
		return false
	}
	j.peer = &peers.Peer{Name: "device:" + id.Device.String(), Publish: true, Observer: true, Domains: id.Domain.Names}
	return true
}
