package phonestate

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/sip/events/pidf"
	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/transaction"
)

// job is one PUBLISH on its way, or the end of a publication's time.
type job struct {
	req     *transaction.Request // nil: an expiry
	id      uint64               // publication named by the entity tag; 0: a new one
	change  uint32               // the rest of the tag
	seconds int                  // asked for and bounded; 0: removal
	says    *value               // nil: a refresh

	owner  string
	actor  string
	device presence.DeviceID
	domain presence.DomainID
	agent  presence.AgentID
}

// ServeSIP answers a PUBLISH (RFC 3903 §6). It does not block: the answer
// follows when the store has committed.
func (a *Agent) ServeSIP(r *transaction.Request) {
	j := job{req: r}
	if !a.publisher(&j) || !a.headers(&j) || !a.body(&j) {
		return
	}
	a.turn(j)
}

// publisher finds out who publishes, and for whom. On false the request has been
// answered.
func (a *Agent) publisher(j *job) bool {
	r := j.req
	uri, err := message.ParseURI(r.URI)
	if err != nil || uri.Scheme != "sip" && uri.Scheme != "sips" {
		return a.refuse(r, 416, "")
	}
	user := uri.UserDecoded()
	if p, ok := a.peers.Load().Find(r.Flow.Neighbour(), r.Flow.Transport()); ok {
		return a.peer(j, p, uri.Host, user)
	}
	id, ok := a.o.Auth.Authenticate(r)
	if !ok {
		return false
	}
	holder, held := a.o.Directory.Holder(id.Device, time.Now())
	if !held {
		return a.refuse(r, 403, "Device Is Nobody's")
	}
	agent, known := a.named(id.Domain, user)
	if !known && user == id.Username {
		agent, known = holder, true // a phone tells of its own user, whoever sits at it
	}
	if !known || agent != holder {
		return a.refuse(r, 403, "Not This Device's Agent")
	}
	j.owner, j.actor, j.device = id.Device.String(), "device:"+id.Username, id.Device
	j.domain, j.agent = id.Domain.ID, holder
	return true
}

// peer admits a trusted peer.
func (a *Agent) peer(j *job, p *peers.Peer, host, user string) bool {
	if !p.Publish {
		return a.refuse(j.req, 403, "Publishing Is Not Allowed")
	}
	dom, ok := a.o.Directory.DomainByName(host)
	if !ok {
		return a.refuse(j.req, 404, "Domain Not Served Here")
	}
	for _, name := range dom.Names {
		if !p.SpeaksFor(name) {
			continue
		}
		if j.agent, ok = a.named(dom, user); !ok {
			return a.refuse(j.req, 404, "No Such Agent")
		}
		j.owner, j.actor, j.domain = "peer:"+p.Name, "peer:"+p.Name, dom.ID
		return true
	}
	return a.refuse(j.req, 403, "Not Your Domain")
}

func (a *Agent) named(dom *presence.Domain, user string) (presence.AgentID, bool) {
	agent, ok := a.o.Directory.AgentByAOR(user, dom.Name())
	if !ok {
		agent, ok = a.o.Directory.AgentByNumber(dom.ID, user)
	}
	if !ok {
		return presence.AgentID{}, false
	}
	return agent.ID, true
}

// headers checks extensions, expiry and entity tag.
func (a *Agent) headers(j *job) bool {
	r := j.req
	if no := r.UnsupportedExtensions(); len(no) > 0 {
		return a.respond(r, message.NewResponse(r.Message, 420, "").Add(message.Unsupported, strings.Join(no, ", ")))
	}
	least := int(a.o.MinExpires / time.Second)
	asked, given := r.ExpiresHeader()
	if !given {
		asked = int(a.o.DefaultExpires / time.Second)
	}
	if asked > 0 && asked < least {
		return a.respond(r, message.NewResponse(r.Message, 423, "").AddInt(message.MinExpires, least))
	}
	j.seconds = min(asked, int(a.o.MaxExpires/time.Second))
	if tag := r.Get(message.SIPIfMatch); tag != "" {
		var ok bool
		if j.id, j.change, ok = parseTag(tag); !ok {
			return a.refuse(r, 412, "")
		}
	}
	return true
}

// body reads the document. Only a refresh and a removal may come without (RFC
// 3903 §4.1, table 1).
func (a *Agent) body(j *job) bool {
	r := j.req
	if len(r.Body) == 0 || j.seconds == 0 && j.id != 0 {
		if j.id == 0 {
			return a.refuse(r, 400, "Missing body")
		}
		return true
	}
	typ, _, _ := strings.Cut(r.Get(message.ContentType), ";")
	typ = strings.ToLower(strings.TrimSpace(typ))
	coding := r.Get(message.ContentEncoding)
	if typ != pidf.ContentType && typ != pidf.ContentTypeCPIM || coding != "" && !strings.EqualFold(coding, "identity") {
		return a.respond(r, message.NewResponse(r.Message, 415, "").Add(message.Accept, pidf.ContentType).Add("Accept-Encoding", "identity"))
	}
	doc, err := pidf.Parse(r.Body)
	if err != nil {
		a.o.Log.Info().Err(err).Str("call_id", r.CallID()).Str("method", "PUBLISH").Str("src", r.Flow.Sender()).Str("by", j.actor).Msg("publication refused")
		if errors.Is(err, pidf.ErrTooLarge) {
			return a.refuse(r, 413, "")
		}
		return a.refuse(r, 400, "Bad presence document")
	}
	says := valueOf(doc)
	j.says = &says
	return true
}

// refuse answers and returns false.
func (a *Agent) refuse(r *transaction.Request, status int, phrase string) bool {
	return a.respond(r, message.NewResponse(r.Message, status, phrase))
}

func (a *Agent) retryLater(r *transaction.Request) {
	a.respond(r, message.NewResponse(r.Message, 503, "").AddInt(message.RetryAfter, 5))
}

func (a *Agent) respond(r *transaction.Request, b *message.Builder) bool {
	a.metrics.answers.WithLabelValues(strconv.Itoa(b.Status())).Inc()
	r.Respond(b)
	return false
}
