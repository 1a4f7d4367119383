package siptest

import (
	"fmt"
	"strings"
	"time"

	"github.com/icholy/digest"

	"lamplight/sip/message"
)

// Status matches responses of that status.
func Status(status int) func(*message.Message) bool {
	return func(m *message.Message) bool { return m.Status == status }
}

// Final matches any final response.
func Final(m *message.Message) bool { return m.Status >= 200 }

// Method matches requests of that method.
func Method(method string) func(*message.Message) bool {
	return func(m *message.Message) bool { return m.Method == method }
}

// Request starts a request outside a dialog, complete but for its Via: from and
// to are URIs, "" for to means the Request-URI.
func (p *Peer) Request(method, uri, from, to string) *message.Builder {
	p.mu.Lock()
	p.seq++
	seq := p.seq
	p.mu.Unlock()
	return p.request(method, uri, from, to, message.NewCallID(""), seq)
}

func (p *Peer) request(method, uri, from, to, callID string, seq uint32) *message.Builder {
	if to == "" {
		to = uri
	}
	return message.NewRequest(method, uri).
		Add(message.MaxForwards, "70").
		Add(message.From, "<"+from+">;tag="+message.NewTag()).
		Add(message.To, "<"+to+">").
		Add(message.CallID, callID).
		Add(message.CSeq, fmt.Sprint(seq, " ", method))
}

// Do sends a request, over UDP again as Timer E would, and returns its final
// response.
func (p *Peer) Do(b *message.Builder) *message.Message {
	p.t.Helper()
	branch := p.Send(b)
	match := func(m *message.Message) bool {
		via, _ := m.TopVia()
		return m.Status >= 200 && via.Branch == branch
	}
	if p.conn.transport() != "UDP" {
		return p.Expect(match)
	}
	wait, waited := 500*time.Millisecond, time.Duration(0)
	for waited < p.Timeout {
		if m := p.await(match, wait); m != nil {
			return m
		}
		p.SendRaw(b.Bytes())
		waited += wait
		wait = min(2*wait, 4*time.Second)
	}
	return p.Expect(match)
}

// DoAuth is Do that answers one digest challenge. build makes the request, anew
// for each attempt, so that its CSeq grows.
func (p *Peer) DoAuth(user, password string, build func() *message.Builder) *message.Message {
	p.t.Helper()
	first := build()
	res := p.Do(first)
	if res.Status != 401 && res.Status != 407 {
		return res
	}
	second := build()
	name, value := p.Authorize(res, second.Method(), second.URI(), user, password)
	return p.Do(second.Add(name, value))
}

// Authorize answers the first challenge of a 401 or 407 that digest knows.
func (p *Peer) Authorize(res *message.Message, method, uri, user, password string) (message.Name, string) {
	p.t.Helper()
	ask, answer := message.WWWAuthenticate, message.Authorization
	if res.Status == 407 {
		ask, answer = message.ProxyAuthenticate, message.ProxyAuthorization
	}
	for _, v := range res.Values(ask) {
		c, err := digest.ParseChallenge(v)
		if err != nil {
			continue
		}
		cred, err := digest.Digest(c, digest.Options{Method: method, URI: uri, Username: user, Password: password, Count: 1})
		if err == nil {
			return answer, cred.String()
		}
	}
	p.t.Fatalf("peer %s: no challenge to answer in:\n%s", p.Addr(), res.Raw)
	return "", ""
}

// Register registers aor ("sip:1001@example.com") at the peer's own address as
// contact, answering the challenge, and returns the final response. Calling it
// again refreshes: the Call-ID stays.
func (p *Peer) Register(aor, user, password string, expires int) *message.Message {
	p.t.Helper()
	p.mu.Lock()
	callID := p.callIDs[aor]
	if callID == "" {
		callID = message.NewCallID("")
		p.callIDs[aor] = callID
	}
	p.mu.Unlock()
	u, err := message.ParseURI(aor)
	if err != nil {
		p.t.Fatal(err)
	}
	return p.DoAuth(user, password, func() *message.Builder {
		p.mu.Lock()
		p.seq++
		seq := p.seq
		p.mu.Unlock()
		return p.request("REGISTER", "sip:"+u.Host, aor, aor, callID, seq).
			Add(message.Contact, "<"+p.Contact(u.User)+">").
			Add(message.Expires, fmt.Sprint(expires))
	})
}

// Contact is the URI of a user at this peer.
func (p *Peer) Contact(user string) string {
	s := fmt.Sprintf("sip:%s@%s", user, p.Addr())
	switch t := p.conn.transport(); t {
	case "UDP":
	case "WSS":
		s += ";transport=ws" // RFC 7118 §5.2
	default:
		s += ";transport=" + strings.ToLower(t)
	}
	return s
}
