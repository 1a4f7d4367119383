package proxy

import (
	"lamplight/sip/transaction"
)

// replaces deals with an INVITE that is to take the place of a dialog (RFC 3891):
// the Request-URI may be a phone's own, or the number of who calls, so the dialog
// that it names says where it goes. One that names no dialog of ours is refused as
// its receiver would refuse it: it must not become a call of its own.
func (p *Proxy) replaces(req *transaction.Request, c *caller) {
	name, ok := req.Replaces()
	switch {
	case !ok: // RFC 3891 §3: more than one, or none that can be read
		p.refuse(req, 400, "Replaces Cannot Be Read")
	case p.picks(req, c, name), p.takesPlace(req, c, name):
	default:
		p.refuse(req, 481, "")
	}
}
