package message

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

const register = "REGISTER sip:demo.lamplight.test SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP 192.168.1.20:5062;branch=z9hG4bK-524287-1---5f1a3c;rport\r\n" +
	"Max-Forwards: 70\r\n" +
	"Contact: <sip:1001@192.168.1.20:5062;ob>;expires=300;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>\"\r\n" +
	"To: \"Desk 1001\" <sip:1001@demo.lamplight.test>\r\n" +
	"From: \"Desk 1001\" <sip:1001@demo.lamplight.test>;tag=a73kszlfl\r\n" +
	"Call-ID: 1j9FpLxk3uxtm8tn@192.168.1.20\r\n" +
	"CSeq: 1826 REGISTER\r\n" +
	"Expires: 300\r\n" +
	"Allow: INVITE, ACK, CANCEL, BYE, NOTIFY, REFER, MESSAGE, OPTIONS, INFO, SUBSCRIBE\r\n" +
	"Supported: path, outbound, gruu\r\n" +
	"User-Agent: Example Desk 7.1\r\n" +
	"Authorization: Digest username=\"1001\", realm=\"demo.lamplight.test\", nonce=\"5f2b91d6c1d34a5e8c7f\", uri=\"sip:demo.lamplight.test\", response=\"6629fae49393a05397450978507c4ef1\", cnonce=\"0a4f113b\", nc=00000001, qop=auth, algorithm=MD5\r\n" +
	"Content-Length: 0\r\n\r\n"

const notifyOK = "SIP/2.0 200 OK\r\n" +
	"Via: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bKab12cd34ef56ab12cd34ef56;rport=5060;received=10.0.0.1\r\n" +
	"From: <sip:1002@demo.lamplight.test>;tag=9fxced76sl\r\n" +
	"To: \"Desk 1001\" <sip:1001@demo.lamplight.test>;tag=8321234356\r\n" +
	"Call-ID: 3848276298220188511@192.168.1.20\r\n" +
	"CSeq: 2 NOTIFY\r\n" +
	"User-Agent: Example Desk 7.1\r\n" +
	"Contact: <sip:1001@192.168.1.20:5062>\r\n" +
	"Content-Length: 0\r\n\r\n"

const subscribe = "SUBSCRIBE sip:1002@demo.lamplight.test SIP/2.0\r\n" +
	"v: SIP/2.0/TCP 192.168.1.20:5062;branch=z9hG4bKnashds7\r\n" +
	"t: <sip:1002@demo.lamplight.test>\r\nf: <sip:1001@demo.lamplight.test>;tag=xfg9\r\n" +
	"i: 2010@192.168.1.20\r\nCSeq: 17766 SUBSCRIBE\r\nMax-Forwards: 70\r\no: dialog\r\n" +
	"m: <sip:1001@192.168.1.20;transport=tcp>\r\nExpires: 600\r\nAccept: application/dialog-info+xml\r\nl: 0\r\n\r\n"

// request is a sound request with some lines changed or added.
func request(change ...string) string {
	lines := []string{
		"OPTIONS sip:bob@example.com SIP/2.0", "Via: SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK1", "Max-Forwards: 70",
		"From: <sip:alice@example.com>;tag=1", "To: <sip:bob@example.com>", "Call-ID: 1@example.com", "CSeq: 1 OPTIONS", "Content-Length: 0",
	}
	for _, c := range change {
		name, _, _ := strings.Cut(c, ":")
		at := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, name+":") })
		switch {
		case strings.HasPrefix(c, "+"):
			lines = append(lines, c[1:])
		case strings.HasSuffix(c, " SIP/2.0"):
			lines[0] = c
		case strings.HasSuffix(c, ":-"):
			lines = slices.Delete(lines, at, at+1)
		case at >= 0:
			lines[at] = c
		default:
			lines = append(lines, c)
		}
	}
	return strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func TestLeanTakesHotShapes(t *testing.T) {
	for name, raw := range map[string]string{"REGISTER": register, "200 to NOTIFY": notifyOK, "SUBSCRIBE": subscribe} {
		if parseLean([]byte(raw)) == nil {
			t.Errorf("%s falls through to the full parser", name)
		}
	}
}

func TestParse(t *testing.T) {
	m, err := Parse([]byte("\r\n\r\n" + register))
	if err != nil {
		t.Fatal(err)
	}
	if m.Method != "REGISTER" || m.URI != "sip:demo.lamplight.test" || m.FromTag() != "a73kszlfl" || m.ToTag() != "" {
		t.Errorf("%+v", m)
	}
	if e, ok := m.ExpiresHeader(); e != 300 || !ok {
		t.Errorf("expires %d %v", e, ok)
	}
	c, err := m.Contacts()
	if err != nil || len(c) != 1 {
		t.Fatalf("contacts %v %v", c, err)
	}
	if v, ok := c[0].Params.Get("+sip.instance"); !ok || v != "<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>" {
		t.Errorf("instance %q", v)
	}
	if v := m.Values(Authorization); len(v) != 1 {
		t.Errorf("credentials were split: %q", v)
	}
	if v := m.Values(Supported); !slices.Equal(v, []string{"path", "outbound", "gruu"}) {
		t.Errorf("supported %q", v)
	}
}

func TestUnsupportedExtensions(t *testing.T) {
	m := &Message{Headers: []Header{{Require, "path, x"}, {Supported, "z"}, {ProxyRequire, "y"}, {Require, "PATH"}}}
	if u := m.UnsupportedExtensions("Path"); !slices.Equal(u, []string{"x", "y"}) {
		t.Errorf("unsupported %q", u)
	}
}

func TestCompactAndFolded(t *testing.T) {
	raw := request("+sUpPoRtEd: a,\r\n\tb ,\r\n  c", "+K: d", "+call-info: <http://x>", "+x-MINE: 1")
	m, err := Parse([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	if v := m.Values(Supported); !slices.Equal(v, []string{"a", "b", "c", "d"}) {
		t.Errorf("supported %q", v)
	}
	if m.Get("Call-Info") != "<http://x>" || m.Get("X-Mine") != "1" {
		t.Errorf("headers %+v", m.Headers)
	}
	for in, want := range map[string]Name{"CALL-ID": CallID, "cseq": CSeq, "sip-etag": SIPETag, "SIP-IF-MATCH": SIPIfMatch,
		"www-authenticate": WWWAuthenticate, "l": ContentLength, "O": Event, "q": "Q", "x-lamplight-call-kind": CallKind} {
		if got := canonical(in); got != want {
			t.Errorf("canonical(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	long := strings.Repeat("a", MaxLine)
	for name, c := range map[string]struct {
		raw  string
		want error
	}{
		"empty":           {"", ErrMalformed},
		"no blank line":   {"OPTIONS sip:a@b SIP/2.0\r\nVia: x\r\n", ErrMalformed},
		"bare LF":         {strings.ReplaceAll(request(), "\r\n", "\n"), ErrMalformed},
		"smuggled line":   {request("+X: a\nY: b"), ErrMalformed},
		"bare CR":         {request("+X: a\rY: b"), ErrMalformed},
		"NUL":             {request("+X: a\x00"), ErrMalformed},
		"no colon":        {request("+nothing here"), ErrMalformed},
		"bad name":        {request("+X y: 1"), ErrMalformed},
		"long line":       {request("+X: " + long), ErrTooLarge},
		"many lines":      {request("+X: 1" + strings.Repeat("\r\nX: 1", MaxHeaders)), ErrTooLarge},
		"large head":      {request(slices.Repeat([]string{"+X: " + long[:8000]}, 10)...), ErrTooLarge},
		"length too much": {request("Content-Length: 1"), ErrBody},
		"status 99":       {"SIP/2.0 099 X\r\n\r\n", ErrMalformed},
		"status 0200":     {"SIP/2.0 0200 X\r\n\r\n", ErrMalformed},
		"HTTP":            {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", ErrMalformed},
		"zeros":           {strings.Repeat("\x00", 500), ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			if m, err := Parse([]byte(c.raw)); !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v (%+v)", err, c.want, m)
			}
		})
	}
}

func TestBody(t *testing.T) {
	body := "v=0\r\n\r\nrest"
	for name, c := range map[string]struct{ raw, want string }{
		"length":             {request("Content-Length: 5") + body, body[:5]},
		"no length":          {request("Content-Length:-") + body, body},
		"zero":               {request() + body, ""},
		"length in odd form": {request("Content-Length: 005") + body, body[:5]},
	} {
		m, err := Parse([]byte(c.raw))
		if err != nil || string(m.Body) != c.want {
			t.Errorf("%s: %q, want %q (%v)", name, m.Body, c.want, err)
		}
	}
}

func TestParseOwnsItsBytes(t *testing.T) {
	raw := []byte(register)
	m, _ := Parse(raw)
	clear(raw)
	if m.CallID() != "1j9FpLxk3uxtm8tn@192.168.1.20" || !bytes.Equal(m.Raw, []byte(register)) {
		t.Error("the message changed with the caller's buffer")
	}
}

func TestValidate(t *testing.T) {
	for name, c := range map[string]struct {
		change []string
		want   int
	}{
		"sound":                 {nil, 0},
		"no Max-Forwards":       {[]string{"Max-Forwards:-"}, 0},
		"hops used up, ours":    {[]string{"Max-Forwards: 0"}, 0},
		"hops used up, a call":  {[]string{"INVITE sip:bob@example.com SIP/2.0", "CSeq: 1 INVITE", "Max-Forwards: 0"}, 483},
		"hops no number":        {[]string{"Max-Forwards: -1"}, 400},
		"hops too many":         {[]string{"Max-Forwards: 256"}, 400},
		"no Via":                {[]string{"Via:-"}, 400},
		"bad Via":               {[]string{"Via: SIP/2.0/UDP"}, 400},
		"Via port":              {[]string{"Via: SIP/2.0/UDP a:99999;branch=z9hG4bK1"}, 400},
		"bad second Via":        {[]string{"+Via: nonsense"}, 400},
		"no From":               {[]string{"From:-"}, 400},
		"two To":                {[]string{"+To: <sip:x@y>"}, 400},
		"From without tag":      {[]string{"From: <sip:alice@example.com>"}, 0},
		"From star":             {[]string{"From: *"}, 400},
		"To unbalanced":         {[]string{`To: "Bob <sip:bob@example.com>`}, 400},
		"To of another scheme":  {[]string{"To: <urn:service:sos>"}, 0},
		"no Call-ID":            {[]string{"Call-ID:-"}, 400},
		"empty Call-ID":         {[]string{"Call-ID:"}, 400},
		"CSeq too large":        {[]string{"CSeq: 2147483648 OPTIONS"}, 400},
		"CSeq of another":       {[]string{"CSeq: 1 INVITE"}, 400},
		"CSeq case":             {[]string{"CSeq: 1 options"}, 400},
		"unknown method":        {[]string{"FROB sip:bob@example.com SIP/2.0", "CSeq: 1 FROB"}, 0},
		"tel":                   {[]string{"OPTIONS tel:+123456 SIP/2.0"}, 0},
		"unknown scheme":        {[]string{"OPTIONS urn:service:sos SIP/2.0"}, 416},
		"a call for help":       {[]string{"INVITE urn:service:sos.fire SIP/2.0", "CSeq: 1 INVITE"}, 0},
		"a call for advice":     {[]string{"INVITE urn:service:counseling SIP/2.0", "CSeq: 1 INVITE"}, 416},
		"URI without host":      {[]string{"OPTIONS sip:bob@ SIP/2.0"}, 400},
		"URI port":              {[]string{"OPTIONS sip:bob@example.com:70000 SIP/2.0"}, 400},
		"IPv6":                  {[]string{"OPTIONS sip:bob@[2001:db8::1]:5060 SIP/2.0", "Via: SIP/2.0/UDP [2001:db8::9]:5060;branch=z9hG4bK1"}, 0},
		"two lengths, the same": {[]string{"+Content-Length: 0"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := verdict([]byte(request(c.change...))); got != c.want {
				t.Errorf("verdict %d, want %d", got, c.want)
			}
		})
	}
	if got := verdict([]byte(strings.Replace(request(), " SIP/2.0", " SIP/3.0", 1))); got != 505 {
		t.Errorf("version 3: %d", got)
	}
}
