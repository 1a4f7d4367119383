package proxy

import (
	"context"
	"errors"

	"lamplight/presence"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

// Pages are the webphones. Each is a user agent at the end of a flow in memory, which
// ends with its session; no registration says where it is.
type Pages interface {
	// Reach is the Request-URI of a session's phone and the flow there; false: its page
	// does not answer now.
	Reach(session string) (uri string, f *transport.Flow, ok bool)
	// Owner is whose phone is at the end of a flow, and as which device; false: it is
	// no page's.
	Owner(f *transport.Flow) (presence.AgentID, presence.DeviceID, bool)
}

var errNoPage = errors.New("proxy: the page does not answer")

// page is an agent's webphone as a target. A page that does not say that it rings
// refuses in less than a second, and what comes next rings.
func (x *passage) page(out fork.Target) (fork.Target, string) {
	if x.p.o.Pages == nil {
		return out, "no call can be carried to a page"
	}
	uri, f, ok := x.p.o.Pages.Reach(out.ID)
	if !ok { // it was there when the rules were asked: it fails at once, and what is next rings
		out.URI, out.Reach = "sip:page.invalid", func(context.Context) (*transport.Flow, error) { return nil, errNoPage }
		return out, ""
	}
	out.URI, out.Flow = uri, f
	return out, ""
}

// pageCaller is the webphone that sent the request, which needs no credential: who logged
// in has the flow. found is false where the flow is no page's; on !ok it has answered.
func (p *Proxy) pageCaller(req *transaction.Request) (c caller, found, ok bool) {
	if p.o.Pages == nil {
		return caller{}, false, false
	}
	id, device, found := p.o.Pages.Owner(req.Flow)
	if !found {
		return caller{}, false, false
	}
	a, known := p.o.Directory.Agent(id)
	var dom *presence.Domain
	if known {
		dom, known = p.o.Directory.Domain(a.Domain)
	}
	if !known || len(a.AORs) == 0 {
		return caller{}, true, p.refuse(req, 403, "Not an Agent Any More")
	}
	return caller{
		domain: dom, name: "webphone:" + a.Number, uri: "sip:" + a.AORs[0], agent: id, device: device, page: true,
	}, true, true
}
