package proxy

import (
	"strings"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
)

// emergency takes a call for help from one of our own devices to the trunk, whatever
// else is dialled by that number and whatever becomes of the device's other calls;
// false: it is none. Nothing of the request is found wrong but that nobody proved who
// sent it.
func (p *Proxy) emergency(req *transaction.Request, c *caller) bool {
	if c.peer != nil || p.o.Carrier == nil || req.Method != "INVITE" {
		return false
	}
	dialled := req.URI
	if uri, err := message.ParseURI(req.URI); err == nil && (uri.Scheme == "sip" || uri.Scheme == "sips") {
		dialled = uri.UserDecoded()
	}
	number, ok := c.domain.Policy.EmergencyNumber(dialled)
	if !ok {
		return false
	}
	c.sos = dialled
	p.dial(req, c, number)
	return true
}

// telephone is the number of a telephone URI (RFC 3966), which one of our own devices
// dials as it would the number alone.
func telephone(uri *message.URI, c *caller) (number string, ok bool) {
	if uri.Scheme != "tel" || c.peer != nil {
		return "", false
	}
	return strings.NewReplacer("-", "", ".", "", "(", "", ")", "").Replace(uri.User), true
}
