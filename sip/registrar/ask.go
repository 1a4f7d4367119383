package registrar

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/push"
	"lamplight/sip/transport"
)

// ask is what a REGISTER asks for, read and checked.
type ask struct {
	domain *presence.Domain
	agent  presence.AgentID
	device presence.DeviceID
	kind   presence.DeviceKind
	aor    string
	said   string // what the device calls itself, where that is not aor

	callID string
	cseq   uint32

	star     bool     // remove everything
	contacts []want   // none, without star: list what there is
	pns      []string // push services to name in the answer (RFC 8599 §8.2)
	path     []string
	outbound bool // the client supports it, and it was applied (RFC 5626)
	raw      rawRequest

	by     string // transport
	source netip.AddrPort
	flow   *transport.Flow
}

// want is one contact of a REGISTER.
type want struct {
	contact, head   string
	uri             message.URI
	instance, regID string
	q               int
	pn              push.Asked
	asksPush        bool          // it says something of push, and that is ours
	push            bool          // a push can wake the device
	grant           time.Duration // zero: remove
}

// refusal is a final answer other than 200.
type refusal struct {
	status int
	phrase string
	extra  []message.Header
}

func refuse(status int, phrase string, extra ...message.Header) *refusal {
	return &refusal{status: status, phrase: phrase, extra: extra}
}

// rawOf takes from a REGISTER what tells a refresh from a change. ok is false when
// there are several Contact or Path headers: such a request is always read.
func rawOf(m *message.Message) (r rawRequest, ok bool) {
	for i := range m.Headers {
		h := &m.Headers[i]
		switch h.Name {
		case message.Contact:
			if r.contact != "" {
				return r, false
			}
			r.contact = h.Value
		case message.Path:
			if r.path != "" {
				return r, false
			}
			r.path = h.Value
		case message.Expires:
			r.expires = h.Value
		case message.UserAgent:
			r.userAgent = h.Value
		case message.Require, message.ProxyRequire:
			return r, false
		}
	}
	return r, r.contact != ""
}

func (r rawRequest) size() int {
	return len(r.contact) + len(r.expires) + len(r.path) + len(r.userAgent)
}

func (r rawRequest) clone(under *Limits) rawRequest {
	return rawRequest{strings.Clone(r.contact), strings.Clone(r.expires), strings.Clone(r.path), strings.Clone(r.userAgent), under}
}

// read fills in the contacts (RFC 3261 §10.3 steps 1, 2, 6 and 7).
func (a *ask) read(m *message.Message, l *Limits) *refusal {
	if tags := m.UnsupportedExtensions("path", "outbound", "gruu"); len(tags) > 0 {
		return refuse(420, "", message.Header{Name: message.Unsupported, Value: strings.Join(tags, ", ")})
	}
	var method string
	if a.cseq, method = m.CSeq(); method == "" {
		return refuse(400, "Bad CSeq header")
	}
	a.callID = strings.Clone(m.CallID())
	list, err := m.Contacts()
	if err != nil {
		return refuse(400, "Bad Contact header")
	}
	if len(list) > max(maxAsked, l.Contacts) {
		return refuse(403, "Too Many Contacts")
	}
	raw, ok := rawOf(m)
	a.raw = rawRequest{userAgent: strings.Clone(cut(raw.userAgent, maxUserAgent))}
	if ok && raw.size() <= maxRaw {
		a.raw = raw.clone(l)
	}
	header, given := m.ExpiresHeader()
	for _, c := range list {
		if c.Star {
			// §10.2.2: "*" only alone and only to remove.
			if len(list) != 1 || !given || header != 0 || len(c.Params) > 0 {
				return refuse(400, "Contact * Needs Expires 0 and No Other")
			}
			a.star = true
			return nil
		}
		w, no := readContact(c)
		if no != nil {
			return no
		}
		if IsGRUU(&w.uri) && a.ours(w.uri.Host) {
			return refuse(403, "Contact Is a GRUU") // RFC 5627 §5.1: it would lead to itself
		}
		w.readPush(m, l)
		if no = w.setGrant(c, header, given, l); no != nil {
			return no
		}
		if no = a.checkPush(&w, l); no != nil {
			return no
		}
		if a.translated(&w) && !m.Has(message.Path) && !w.push {
			w.grant = min(w.grant, max(l.NATExpires, l.MinExpires))
		}
		a.contacts = append(a.contacts, w)
	}
	if no := a.readPath(m); no != nil {
		return no
	}
	return a.readOutbound(m, l)
}

func readContact(c message.NameAddr) (w want, no *refusal) {
	uri, err := message.ParseURI(c.URI)
	if err != nil || uri.Scheme != "sip" && uri.Scheme != "sips" || uri.Headers != "" {
		return w, refuse(400, "Contact Is Not a SIP URI")
	}
	w = want{uri: uri, q: 1000}
	if q, given := c.Params.Get("q"); given {
		if w.q, given = parseQ(q); !given {
			return w, refuse(400, "Bad q in Contact header")
		}
	}
	// Outbound's instance is a URI in angle brackets in quotes (RFC 5626 §4.1).
	instance, _ := c.Params.Get("+sip.instance")
	regID, _ := c.Params.Get("reg-id")
	w.instance = strings.Clone(strings.ToLower(strings.Trim(instance, "<>")))
	w.regID = strings.Clone(regID)
	head := message.NameAddr{URI: c.URI}
	for _, p := range c.Params {
		if p.Key != "expires" && p.Key != "pub-gruu" && p.Key != "temp-gruu" { // what we say of it
			head.Params = append(head.Params, p)
		}
	}
	if w.head = head.String(); len(w.head) > maxContact {
		return w, refuse(400, "Contact Too Long")
	}
	w.contact = w.head[1 : 1+len(c.URI)] // after the bracket: one text for both
	return w, nil
}

// setGrant decides how long the contact is bound (RFC 3261 §10.3 step 7): its
// own parameter, else the header, else the default; one that cannot be read
// counts as the default (§20.10).
func (w *want) setGrant(c message.NameAddr, header int, given bool, l *Limits) *refusal {
	w.grant = l.DefaultExpires
	seconds, ok := header, given
	if v, has := c.Params.Get("expires"); has {
		seconds, ok = message.ParseSeconds(v)
	}
	if !ok {
		return nil
	}
	w.grant = time.Duration(min(seconds, int(l.most(w)/time.Second))) * time.Second
	if seconds > 0 && w.grant < l.MinExpires {
		return refuse(423, "", message.Header{Name: message.MinExpires, Value: strconv.Itoa(int((l.MinExpires + time.Second - 1) / time.Second))})
	}
	return nil
}

// ours: the host is a name of the domain.
func (a *ask) ours(host string) bool {
	return slices.ContainsFunc(a.domain.Names, func(n string) bool { return strings.EqualFold(n, host) })
}

// translated: a datagram came from another address than the contact names, so
// there is a translator of addresses between.
func (a *ask) translated(w *want) bool {
	host, err := netip.ParseAddr(w.uri.Host)
	return err == nil && a.by == udp && host.Unmap() != a.source.Addr().Unmap()
}

func (a *ask) readPath(m *message.Message) *refusal {
	if !m.Has(message.Path) {
		return nil
	}
	hops, err := m.Addresses(message.Path)
	if err != nil {
		return refuse(400, "Bad Path header")
	}
	size := 0
	for _, h := range hops {
		if _, err := message.ParseURI(h.URI); err != nil || h.Star {
			return refuse(400, "Bad Path header")
		}
		v := h.String()
		a.path = append(a.path, v)
		size += len(v)
	}
	if size > maxPath {
		return refuse(400, "Path Too Long")
	}
	return nil
}

// parseQ reads a qvalue (RFC 3261 §25.1) in thousandths.
func parseQ(s string) (int, bool) {
	whole, frac, dot := strings.Cut(s, ".")
	if whole != "0" && whole != "1" && (whole != "" || frac == "") || dot && len(frac) > 3 {
		return 0, false
	}
	q := 0
	for i := range 3 {
		q *= 10
		if i < len(frac) {
			if frac[i] < '0' || frac[i] > '9' {
				return 0, false
			}
			q += int(frac[i] - '0')
		}
	}
	if whole == "1" {
		q += 1000
	}
	return q, q <= 1000
}

// cut holds a client's word to a length.
func cut(s string, most int) string { return s[:min(len(s), most)] }
