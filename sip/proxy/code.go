package proxy

import (
	"strings"

	"lamplight/sip/featurecode"
	"lamplight/sip/message"
	"lamplight/sip/transaction"
)

// dialled deals with an INVITE to a feature code; false: it is to no code. A code
// is for the agent whose device dials it, so a peer that passes on what phones of
// ours dial is not asked who it is: the phone is.
func (p *Proxy) dialled(req *transaction.Request, c *caller) bool {
	uri, err := message.ParseURI(req.URI)
	if err != nil || p.o.Codes == nil {
		return false
	}
	dom, ok := p.domain(uri.Host, c)
	if !ok || !dom.Policy.Codes.Looks(uri.UserDecoded()) {
		return false
	}
	by := *c
	if c.peer != nil {
		if by, ok = p.device(req); !ok {
			return true // it was answered
		}
		if by.domain.ID != dom.ID {
			p.refuse(req, 403, "Not Allowed for This Domain")
			return true
		}
	}
	if no := req.UnsupportedExtensions(); len(no) > 0 { // RFC 3261 §8.2.2.3
		p.respond(req, message.NewResponse(req.Message, 420, "").Add(message.Unsupported, strings.Join(no, ", ")))
		return true
	}
	if p.pickupCode(req, &by, uri.UserDecoded()) {
		return true
	}
	return p.o.Codes.Serve(req, featurecode.Caller{Domain: by.domain, Device: by.device, Username: by.user, Agent: by.agent})
}
