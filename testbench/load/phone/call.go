package phone

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sdp is what either side of a call offers or answers; no media flows.
const sdp = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 49170 RTP/AVP 8 101\r\n" +
	"a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"

// Call is a call that a phone made and that was answered.
type Call struct {
	// Took is how long it took from the INVITE to its 200.
	Took time.Duration

	p        *Phone
	id, to   string
	target   string
	routes   string // Route lines, each with its CRLF
	from     string
	sequence int
}

// Call calls a number and acknowledges the answer. The call is nil unless it is
// answered with 200.
func (p *Phone) Call(number string) (*Call, Response, error) {
	uri := "sip:" + number + "@" + p.Domain
	id := "c" + strconv.FormatUint(p.Line.ids.Add(1), 36) + "-" + p.Line.id()
	c := &Call{p: p, id: id, to: "<" + uri + ">", from: "<sip:" + p.Number + "@" + p.Domain + ">;tag=" + id}
	began := time.Now()
	res, err := p.Do("INVITE", uri, func() string {
		return c.head("INVITE") + "Contact: <" + p.Contact(0) + ">\r\nContent-Type: application/sdp\r\n"
	}, sdp)
	c.Took = time.Since(began)
	if err != nil {
		return nil, res, err
	}
	c.to = res.Get("To")
	if res.Status != 200 {
		return nil, res, c.refused(uri, res)
	}
	c.target, _, _ = strings.Cut(strings.TrimPrefix(res.Get("Contact"), "<"), ">")
	routes := res.All("Record-Route")
	slices.Reverse(routes)
	for _, r := range routes {
		c.routes += "Route: " + r + "\r\n"
	}
	_, b := p.Line.head("ACK", c.target)
	b = append(b, c.routes+c.ack()+"Content-Length: 0\r\n\r\n"...)
	return c, res, p.Line.Send(b)
}

// head is what a request of the dialog has beside its Via; it counts.
func (c *Call) head(method string) string {
	c.sequence++
	return fmt.Sprintf("From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\n", c.from, c.to, c.id, c.sequence, method)
}

// ack is head for an ACK, which has the INVITE's number.
func (c *Call) ack() string {
	c.sequence--
	return c.head("ACK")
}

// refused acknowledges a refusal; that ACK is of the INVITE's transaction (RFC
// 3261 §17.1.1.3).
func (c *Call) refused(uri string, res Response) error {
	return c.p.Line.Send([]byte("ACK " + uri + " SIP/2.0\r\nVia: " + res.Get("Via") + "\r\nMax-Forwards: 70\r\n" + c.ack() + "Content-Length: 0\r\n\r\n"))
}

// HangUp ends the call.
func (c *Call) HangUp() (Response, error) {
	return c.p.Do("BYE", c.target, func() string { return c.routes + c.head("BYE") }, "")
}

// pickUp lets a phone ring and answers at once. A 200 that gets lost is not sent
// again: its call fails.
func (l *Line) pickUp(invite []byte) {
	l.Rung.Add(1)
	to := field(invite, "To")
	tag := ";tag=" + md5hex(field(invite, "Call-ID"))[:12]
	more := ""
	for _, r := range (Response{Raw: invite}).All("Record-Route") {
		more += "Record-Route: " + r + "\r\n"
	}
	uri, _, _ := strings.Cut(strings.TrimPrefix(string(invite), "INVITE "), " ")
	more += "Contact: <" + uri + ">\r\n"
	end := []byte("Content-Length: 0\r\n\r\n")
	for _, status := range []string{"180 Ringing", "200 OK"} {
		b := bytes.Replace(answer(invite, status), []byte(to), []byte(to+tag), 1)
		b = append(bytes.TrimSuffix(b, end), more...)
		if status == "200 OK" {
			b = append(b, "Content-Type: application/sdp\r\nContent-Length: "+strconv.Itoa(len(sdp))+"\r\n\r\n"+sdp...)
		} else {
			b = append(b, end...)
		}
		_ = l.Send(b)
	}
}
