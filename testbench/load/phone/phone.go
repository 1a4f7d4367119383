package phone

import (
	"fmt"
	"strconv"
	"sync"
)

// Phone is one device: a user name, a password and the agent's number, which is
// the address of record it registers. Requests of one phone are made one after
// the other.
type Phone struct {
	Line             *Line
	User, Number     string
	Domain, Password string
	// Anonymous requests carry no credentials: a trusted peer needs none.
	Anonymous bool
	// Headers are further lines of every request, each with its CRLF, such as the
	// phone's User-Agent.
	Headers string

	mu         sync.Mutex
	realm      string // guarded by mu, like all below
	nonce      string
	nc         uint32
	ha1        string
	callID     string
	cseq       uint32
	Challenged int // how often a request was challenged
}

// AOR is the address of record.
func (p *Phone) AOR() string { return "sip:" + p.Number + "@" + p.Domain }

// Contact is where the phone is reached; n tells several of one phone apart.
func (p *Phone) Contact(n int) string {
	c := "sip:" + p.User + "." + strconv.Itoa(n) + "@" + p.Line.Addr()
	if p.Line.udp == nil {
		c += ";transport=tcp"
	}
	return c
}

// Do sends a request whose head rest completes (without Via, Max-Forwards,
// Authorization and Content-Length), answering a challenge. rest is asked anew
// for each attempt, so that CSeq can grow.
func (p *Phone) Do(method, uri string, rest func() string, content string) (Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for attempt := 0; ; attempt++ {
		branch, b := p.Line.head(method, uri)
		b = append(append(b, rest()...), p.Headers...)
		b = p.authorizeLocked(b, method, uri)
		b = append(b, "Content-Length: "+strconv.Itoa(len(content))+"\r\n\r\n"+content...)
		res, err := p.Line.do(branch, b)
		if err != nil || res.Status != 401 || attempt == 2 || p.Anonymous {
			return res, err
		}
		ch := res.Get("WWW-Authenticate")
		p.realm, p.nonce, p.nc = param(ch, "realm"), param(ch, "nonce"), 0
		p.ha1 = md5hex(p.User + ":" + p.realm + ":" + p.Password)
		p.Challenged++
	}
}

func (p *Phone) authorizeLocked(b []byte, method, uri string) []byte {
	if p.nonce == "" || p.Anonymous {
		return b
	}
	p.nc++
	nc := fmt.Sprintf("%08x", p.nc)
	ha2 := md5hex(method + ":" + uri)
	response := md5hex(p.ha1 + ":" + p.nonce + ":" + nc + ":c0ffee:auth:" + ha2)
	return append(b, "Authorization: Digest username=\""+p.User+"\",realm=\""+p.realm+"\",nonce=\""+p.nonce+
		"\",uri=\""+uri+"\",response=\""+response+"\",algorithm=MD5,cnonce=\"c0ffee\",qop=auth,nc="+nc+"\r\n"...)
}

// Register binds contacts, each given whole ("<sip:…>;expires=60"); none asks
// what is bound.
func (p *Phone) Register(contacts ...string) (Response, error) {
	return p.Do("REGISTER", "sip:"+p.Domain, func() string {
		if p.callID == "" {
			p.callID = "r" + p.User + "-" + p.Line.id()
		}
		p.cseq++
		s := "From: <" + p.AOR() + ">;tag=" + p.User + "\r\nTo: <" + p.AOR() + ">\r\nCall-ID: " + p.callID +
			"\r\nCSeq: " + strconv.Itoa(int(p.cseq)) + " REGISTER\r\n"
		for _, c := range contacts {
			s += "Contact: " + c + "\r\n"
		}
		return s
	}, "")
}

// Publisher is what a PBX says about one address of record.
type Publisher struct {
	Phone *Phone // Anonymous, on the PBX's address
	AOR   string
	Kind  string // X-Lamplight-Call-Kind, if not empty
	etag  string
	n     int
}

// Publish tells one dialog's state; "" tells of none (an empty document removes
// what was published: Expires 0).
func (p *Publisher) Publish(id, state string, expires int) (Response, error) {
	doc := ""
	if state != "" {
		doc = fmt.Sprintf(`<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="%d" state="full" entity="%s">`+
			`<dialog id="%s" call-id="%s" local-tag="l" remote-tag="r" direction="recipient"><state>%s</state>`+
			`<remote><identity>sip:900@pstn.test</identity></remote></dialog></dialog-info>`, p.n, p.AOR, id, id, state)
	}
	res, err := p.Phone.Do("PUBLISH", p.AOR, func() string {
		p.n++
		s := "From: <" + p.AOR + ">;tag=p" + strconv.Itoa(p.n) + "\r\nTo: <" + p.AOR + ">\r\nCall-ID: p" + strconv.Itoa(p.n) + "-" + p.AOR[4:] + p.Phone.Line.id() +
			"\r\nCSeq: 1 PUBLISH\r\nEvent: dialog\r\nExpires: " + strconv.Itoa(expires) + "\r\n"
		if p.etag != "" {
			s += "SIP-If-Match: " + p.etag + "\r\n"
		}
		if p.Kind != "" {
			s += "X-Lamplight-Call-Kind: " + p.Kind + "\r\n"
		}
		if doc != "" {
			s += "Content-Type: application/dialog-info+xml\r\n"
		}
		return s
	}, doc)
	if err == nil && res.Status == 200 {
		p.etag = res.Get("SIP-ETag")
		if expires == 0 {
			p.etag = ""
		}
	}
	if err == nil && res.Status == 412 {
		p.etag = ""
	}
	return res, err
}

// Forget drops the entity tag: the next PUBLISH makes a publication anew.
func (p *Publisher) Forget() { p.etag = "" }
