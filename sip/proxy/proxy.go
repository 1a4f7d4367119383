package proxy

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/hunt"
	"lamplight/presence/roster"
	"lamplight/presence/routing"
	"lamplight/presence/waiting"
	"lamplight/sip/digest"
	"lamplight/sip/featurecode"
	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/proxy/calls"
	"lamplight/sip/quirks"
	"lamplight/sip/registrar"
	"lamplight/sip/transaction"
	"lamplight/store"
)

// Options of a proxy. The services must be set.
type Options struct {
	Store     store.Store
	Directory *directory.Directory
	Roster    *roster.Roster
	Auth      *digest.Authority
	Peers     peers.Table
	Waker     Waker                 // default: no device is woken
	Carrier   *Carrier              // nil: calls are redirected only
	Pages     Pages                 // nil: there are no webphones
	Codes     *featurecode.Server   // default: there are no feature codes
	Board     *hunt.Board           // nil: there are no ring groups
	Lines     *waiting.Lines        // who waits in them; default: lines of its own
	Instances Instances             // nil: no GRUU is known
	Phones    quirks.Table          // which phones are asked to replace a call
	Node      string                // default "node-1"
	Log       zerolog.Logger        // default: none
	Metrics   prometheus.Registerer // default: none
}

// Proxy is safe for concurrent use and owns no goroutine.
type Proxy struct {
	o      Options
	peers  atomic.Pointer[peers.Table]
	phones atomic.Pointer[quirks.Table]
	count  *prometheus.CounterVec
	// alerts counts agents who let several calls of a group ring out in a row.
	alerts prometheus.Counter
	// ringing are the calls that can be picked up.
	ringing ringing
	// refusals are the phones that refuse by themselves.
	refusals refusals
}

// New makes a proxy.
func New(o Options) *Proxy {
	if o.Node == "" {
		o.Node = "node-1"
	}
	if o.Lines == nil {
		o.Lines = waiting.New(waiting.Options{})
	}
	p := &Proxy{o: o}
	p.SetPeers(o.Peers)
	p.SetPhones(o.Phones)
	p.count = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lamplight_sip_redirect_total", Help: "INVITEs by final answer.",
	}, []string{"status"})
	p.alerts = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "lamplight_group_misses_total", Help: "Agents who did not take three calls of a group in a row.",
	})
	if o.Metrics != nil {
		for _, c := range []prometheus.Collector{p.count, p.alerts} {
			if err := o.Metrics.Register(c); err != nil {
				o.Log.Error().Err(err).Msg("calls are not counted")
			}
		}
	}
	return p
}

// SetPeers replaces the table of peers, for requests from now on.
func (p *Proxy) SetPeers(t peers.Table) { p.peers.Store(&t) }

// SetPhones replaces the table of phones, for calls from now on.
func (p *Proxy) SetPhones(t quirks.Table) { p.phones.Store(&t) }

// ServeSIP answers an INVITE. An ACK that belongs to no transaction is dropped,
// a CANCEL has been dealt with by the transaction layer.
func (p *Proxy) ServeSIP(req *transaction.Request) {
	if req.Method == "OPTIONS" {
		p.options(req)
		return
	}
	if p.o.Codes != nil && p.o.Codes.InDialog(req) {
		return
	}
	if req.Method == "MESSAGE" {
		p.text(req)
		return
	}
	if req.Method == "PRACK" && p.o.Carrier != nil {
		p.o.Carrier.Forker.Acknowledged(req)
		return
	}
	if req.Method != "INVITE" {
		if req.Method != "ACK" {
			req.Reply(481)
		}
		return
	}
	if req.ToTag() != "" {
		p.refuse(req, 481, "")
		return
	}
	caller, ok := p.caller(req)
	if !ok {
		return // answered there
	}
	if p.emergency(req, &caller) || p.dialled(req, &caller) {
		return
	}
	no := req.UnsupportedExtensions() // RFC 3261 §8.2.2.3
	if p.carries(&caller) {
		no = req.UnsupportedByProxy()
	}
	if len(no) > 0 {
		p.respond(req, message.NewResponse(req.Message, 420, "").Add(message.Unsupported, strings.Join(no, ", ")))
		return
	}
	if req.Has(message.Replaces) && p.carries(&caller) {
		p.replaces(req, &caller)
		return
	}
	agent, ok := p.called(req, &caller)
	if !ok {
		return
	}
	if p.carries(&caller) {
		p.carry(req, &caller, agent)
		return
	}
	p.decide(req, &caller, agent)
}

// caller is who asks, and for which domain it may ask.
type caller struct {
	peer   *peers.Peer // nil for one of our own devices
	domain *presence.Domain
	name   string            // for the log: "peer:pbx", "device:1001"
	uri    string            // who calls, as far as it is known
	agent  presence.AgentID  // whose device it is; zero: a peer
	device presence.DeviceID // zero: a peer
	user   string            // of the device's credential
	sos    string            // what was dialled for help; empty: it is no such call
	page   bool              // it is a webphone
	drop   message.Name      // one more header that stays here; empty: none

	// only are the bindings of the one phone that is called by its GRUU, ways the
	// same with all that is known of them; nil: all of the agent's devices.
	only []string
	ways []registrar.Binding
}

// party is the caller's side of a call.
func (c *caller) party() calls.Party { return calls.Party{Agent: c.agent, Device: c.device} }

// caller settles whether the sender may learn anything.
func (p *Proxy) caller(req *transaction.Request) (caller, bool) {
	if c, found, ok := p.pageCaller(req); found {
		return c, ok
	}
	if peer, ok := p.peers.Load().Find(req.Flow.Neighbour(), req.Flow.Transport()); ok {
		if peer.Mode != peers.ModeRedirect && (peer.Mode != peers.ModeProxy || p.o.Carrier == nil) {
			p.refuse(req, 403, "No Calls From This Peer")
			return caller{}, false
		}
		return caller{peer: peer, name: "peer:" + peer.Name, uri: req.From().URI}, true
	}
	// A stranger gets no challenge: it has nothing to answer it with, and would
	// learn that there is something behind it.
	_, host, ok := digest.SplitAddress(req.Get(message.From))
	if ok {
		_, ok = p.o.Directory.DomainByName(host)
	}
	if !ok {
		d := routing.Stranger()
		p.refuse(req, d.Code, d.Text)
		return caller{}, false
	}
	return p.device(req)
}

// device is the one of ours that sent the request, by its credential.
func (p *Proxy) device(req *transaction.Request) (caller, bool) {
	id, ok := p.o.Auth.Authenticate(req)
	if !ok {
		return caller{}, false
	}
	c := caller{domain: id.Domain, name: "device:" + id.Username, uri: "sip:" + id.Username + "@" + id.Domain.Name(), device: id.Device, user: id.Username}
	if holder, ok := p.o.Directory.Holder(id.Device, time.Now()); ok {
		if a, ok := p.o.Directory.Agent(holder); ok && len(a.AORs) > 0 {
			c.uri, c.agent = "sip:"+a.AORs[0], holder
		}
	}
	return c, true
}

// called finds the agent of the Request-URI and the domain it is in.
func (p *Proxy) called(req *transaction.Request, c *caller) (*presence.Agent, bool) {
	uri, err := message.ParseURI(req.URI)
	number, tel := telephone(&uri, c)
	if err != nil || uri.Scheme != "sip" && uri.Scheme != "sips" && !tel {
		p.refuse(req, 416, "")
		return nil, false
	}
	if tel {
		uri = message.URI{Scheme: "sip", User: message.UserURI(number), Host: c.domain.Name()}
	}
	dom, ok := p.domain(uri.Host, c)
	if !ok {
		return nil, p.refuse(req, 403, "Not Allowed for This Domain")
	}
	c.domain = dom
	if p.o.Instances != nil && registrar.IsGRUU(&uri) {
		return p.instance(req, c, &uri)
	}
	user := uri.UserDecoded()
	a, ok := p.o.Directory.AgentByAOR(user, dom.Name())
	if !ok {
		a, ok = p.o.Directory.AgentByNumber(dom.ID, user)
	}
	if !ok && req.Method == "INVITE" {
		if g, is := p.group(c, user); is {
			p.ringGroup(req, c, g)
			return nil, false
		}
	}
	if !ok {
		if req.Method == "INVITE" && c.peer == nil && p.carries(c) {
			p.dial(req, c, user)
			return nil, false
		}
		return nil, p.refuse(req, 404, "Unknown Agent")
	}
	return a, true
}

// domain is the one that was called. A PBX that knows us by address only means
// its own one domain, if it has just one.
func (p *Proxy) domain(host string, c *caller) (*presence.Domain, bool) {
	dom, ok := p.o.Directory.DomainByName(host)
	if c.peer == nil {
		return dom, ok && dom.ID == c.domain.ID
	}
	if !ok && len(c.peer.Domains) == 1 {
		dom, ok = p.o.Directory.DomainByName(c.peer.Domains[0])
	}
	if !ok {
		return nil, false
	}
	for _, name := range dom.Names {
		if c.peer.SpeaksFor(name) {
			return dom, true
		}
	}
	return nil, false
}

// kind is what kind of call it is. Only a peer may say; whoever else sends the
// header is calling a colleague.
func kind(req *transaction.Request, c *caller) presence.CallKind {
	if c.peer == nil {
		return presence.CallInternal
	}
	switch k := presence.CallKind(strings.ToLower(req.Get(message.CallKind))); k {
	case presence.CallRegular, presence.CallCampaign, presence.CallInternal:
		return k
	}
	if c.peer.Campaign {
		return presence.CallCampaign
	}
	return presence.CallRegular
}

// refuse answers and returns false.
func (p *Proxy) refuse(req *transaction.Request, status int, phrase string) bool {
	p.respond(req, message.NewResponse(req.Message, status, phrase))
	return false
}

func (p *Proxy) respond(req *transaction.Request, b *message.Builder) {
	p.count.WithLabelValues(strconv.Itoa(b.Status())).Inc()
	req.Respond(b)
}
