//go:build testbench

// Package websocket drives a real server as browsers' SIP libraries do: SIP over
// a WebSocket (RFC 7118), with a contact that no name server knows, from a page
// of some origin.
package websocket

import (
	"bufio"
	"context"
	"crypto/md5" //nolint:gosec // what the browsers' libraries speak
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"lamplight/sip/message"
	"lamplight/testbench/lab"
)

const domain = "demo.lamplight.test"

// browser is a page with a SIP library: one WebSocket and one user.
type browser struct {
	t       *testing.T
	ws      *websocket.Conn
	tcp     net.Conn // instead of ws, of a desk phone
	stream  *bufio.Reader
	via     string // WS or WSS
	body    string // of the next request: a description
	user    string
	host    string // of the contact: made up, never to be looked up
	contact string
	callID  string
	tag     string
	seq     int
	count   uint32
}

// client trusts the server's self-made certificate.
func client() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // self-made
}

func dial(ctx context.Context, url string, protocols []string, origin string) (*websocket.Conn, *http.Response, error) {
	h := http.Header{}
	if origin != "" {
		h.Set("Origin", origin)
	}
	return websocket.Dial(ctx, url, &websocket.DialOptions{Subprotocols: protocols, HTTPHeader: h, HTTPClient: client()})
}

// open opens a page's WebSocket to scheme://host/sip from a page of that host.
func open(t *testing.T, scheme, host, user string) *browser {
	t.Helper()
	page := map[string]string{"ws": "http://", "wss": "https://"}[scheme] + host
	ws, _, err := dial(t.Context(), scheme+"://"+host+"/sip", []string{"sip"}, page)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.CloseNow() })
	b := &browser{t: t, ws: ws, via: strings.ToUpper(scheme), user: user, host: message.NewTag() + ".invalid", callID: message.NewTag(), tag: message.NewTag()}
	b.contact = "sip:" + message.NewTag() + "@" + b.host + ";transport=ws"
	return b
}

// request is one as JsSIP writes it.
func (b *browser) request(method, uri, to string, extra ...string) string {
	b.seq++
	lines := append([]string{
		method + " " + uri + " SIP/2.0",
		fmt.Sprintf("Via: SIP/2.0/%s %s;branch=%s", b.via, b.host, message.NewBranch()),
		"Max-Forwards: 69",
		"To: <" + to + ">",
		"From: <sip:" + b.user + "@" + domain + ">;tag=" + b.tag,
		"Call-ID: " + b.callID,
		fmt.Sprintf("CSeq: %d %s", b.seq, method),
		"Supported: path,gruu,outbound",
		"User-Agent: JsSIP 3.10.1",
	}, extra...)
	if b.body != "" {
		lines = append(lines, "Content-Type: application/sdp")
	}
	return strings.Join(lines, "\r\n") + fmt.Sprintf("\r\nContent-Length: %d\r\n\r\n", len(b.body)) + b.body
}

func (b *browser) send(text string) {
	b.t.Helper()
	if b.tcp != nil {
		_, _ = b.tcp.Write([]byte(text))
		return
	}
	if err := b.ws.Write(b.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		b.t.Fatal(err)
	}
}

func (b *browser) read() *message.Message {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 10*time.Second)
	defer cancel()
	raw, err := b.receive(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	m, err := message.Parse(raw)
	if err != nil {
		b.t.Fatalf("%v\n%s", err, raw)
	}
	return m
}

func (b *browser) receive(ctx context.Context) ([]byte, error) {
	if b.tcp == nil {
		_, raw, err := b.ws.Read(ctx)
		return raw, err
	}
	end, _ := ctx.Deadline()
	_ = b.tcp.SetReadDeadline(end)
	var raw []byte
	size := 0
	for {
		line, err := b.stream.ReadString('\n')
		if err != nil {
			return nil, err
		}
		raw = append(raw, line...)
		if _, err := fmt.Sscanf(line, "Content-Length: %d", &size); err == nil || line != "\r\n" {
			continue
		}
		body := make([]byte, size)
		_, err = io.ReadFull(b.stream, body)
		return append(raw, body...), err
	}
}

// do sends a request, answers the challenge and returns the answer.
func (b *browser) do(method, uri, to string, extra ...string) *message.Message {
	b.t.Helper()
	b.send(b.request(method, uri, to, extra...))
	m := b.read()
	if m.Status != 401 {
		return m
	}
	challenge := m.Get(message.WWWAuthenticate)
	nonce := regexp.MustCompile(`nonce="([^"]+)"`).FindStringSubmatch(challenge)
	realm := regexp.MustCompile(`realm="([^"]+)"`).FindStringSubmatch(challenge)
	if nonce == nil || realm == nil {
		b.t.Fatalf("challenge %q", challenge)
	}
	b.count++
	nc := fmt.Sprintf("%08x", b.count)
	hash := func(s string) string {
		sum := md5.Sum([]byte(s)) //nolint:gosec // see the import
		return hex.EncodeToString(sum[:])
	}
	response := hash(hash(b.user+":"+realm[1]+":demo-"+b.user[:4]) + ":" + nonce[1] + ":" + nc + ":c:auth:" + hash(method+":"+uri))
	auth := fmt.Sprintf(`Authorization: Digest algorithm=MD5, username="%s", realm="%s", nonce="%s", uri="%s", response="%s", qop=auth, cnonce="c", nc=%s`,
		b.user, realm[1], nonce[1], uri, response, nc)
	b.send(b.request(method, uri, to, append(extra, auth)...))
	return b.read()
}

// answer says 200 to a request of the server's.
func (b *browser) answer(m *message.Message) {
	b.send(string(message.NewResponse(m, 200, "").Bytes()))
}

func (b *browser) register(seconds string) *message.Message {
	b.t.Helper()
	contact := "Contact: <" + b.contact + `>;+sip.ice;reg-id=1;+sip.instance="<urn:uuid:` + b.tag + `>";expires=` + seconds
	return b.do("REGISTER", "sip:"+domain, "sip:"+b.user[:4]+"@"+domain, contact, "Expires: "+seconds)
}

// listed is the expires of this browser's contact in an answer, "" if it is not
// there.
func (b *browser) listed(m *message.Message) string {
	all, err := m.Contacts()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range all {
		if c.URI == b.contact {
			seconds, _ := c.Params.Get("expires")
			return seconds
		}
	}
	return ""
}

func TestBrowserRegistersAndWatches(t *testing.T) {
	srv := lab.Start(t, lab.Options{})
	for scheme, host := range map[string]string{"ws": srv.HTTP, "wss": srv.HTTPS} {
		t.Run(scheme, func(t *testing.T) {
			b := open(t, scheme, host, "1001-soft")
			m := b.register("600")
			if m.Status != 200 || b.listed(m) != "600" {
				t.Fatalf("the library looks for its own contact with expires in:\n%s", m.Raw)
			}
			w := open(t, scheme, host, "1002-soft")
			m = w.do("SUBSCRIBE", "sip:1001@"+domain, "sip:1001@"+domain, "Contact: <"+w.contact+">", "Event: dialog", "Accept: application/dialog-info+xml", "Expires: 600")
			if m.Status != 200 || m.Get(message.Expires) != "600" {
				t.Fatalf("%s", m.Raw)
			}
			n := w.read()
			if n.Method != "NOTIFY" || n.URI != w.contact || !strings.Contains(string(n.Body), `entity="sip:1001@`+domain+`"`) || !strings.Contains(string(n.Body), "<state>terminated") {
				t.Fatalf("%s", n.Raw)
			}
			if via, _ := n.TopVia(); via.Transport != w.via {
				t.Errorf("Via of a NOTIFY over %s: %+v", w.via, via)
			}
			w.answer(n)
			// The lamp lights by what the PBX says.
			publish(t, srv, b.callID, "confirmed")
			n = w.read()
			if n.Method != "NOTIFY" || !strings.Contains(string(n.Body), "<state>confirmed") {
				t.Fatalf("%s", n.Raw)
			}
			w.answer(n)
			publish(t, srv, b.callID, "terminated")
			if n = w.read(); !strings.Contains(string(n.Body), "<state>terminated") {
				t.Fatalf("%s", n.Raw)
			}
			w.answer(n)
			// A closed tab takes its binding with it.
			_ = b.ws.Close(websocket.StatusGoingAway, "")
			c := open(t, scheme, host, "1001")
			for end := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
				m = c.do("REGISTER", "sip:"+domain, "sip:1001@"+domain)
				if m.Status == 200 && b.listed(m) == "" {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("the binding outlives its WebSocket:\n%s", m.Raw)
				}
			}
		})
	}
}

// publish tells of one call of 1001 as the demo's PBX.
func publish(t *testing.T, srv *lab.Server, call, state string) {
	t.Helper()
	c, err := net.Dial("udp", srv.SIP)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	body := `<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="0" state="full" entity="sip:1001@` + domain +
		`"><dialog id="ws" call-id="` + call + `" direction="recipient"><state>` + state + `</state></dialog></dialog-info>`
	text := "PUBLISH sip:1001@" + domain + " SIP/2.0\r\nVia: SIP/2.0/UDP " + c.LocalAddr().String() + ";rport;branch=" + message.NewBranch() +
		"\r\nMax-Forwards: 70\r\nFrom: <sip:pbx@" + domain + ">;tag=1\r\nTo: <sip:1001@" + domain + ">\r\nCall-ID: " + message.NewTag() +
		"\r\nCSeq: 1 PUBLISH\r\nEvent: dialog\r\nExpires: 10\r\nContent-Type: application/dialog-info+xml\r\n" +
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	answer := make([]byte, 4096)
	for range 10 {
		_, _ = c.Write([]byte(text))
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		if n, err := c.Read(answer); err == nil {
			if !strings.HasPrefix(string(answer[:n]), "SIP/2.0 200 ") {
				t.Fatalf("%s", answer[:n])
			}
			return
		}
	}
	t.Fatal("PUBLISH was not answered")
}

func TestWhoMayOpen(t *testing.T) {
	srv := lab.Start(t, lab.Options{})
	for name, c := range map[string]struct {
		protocols []string
		origin    string
		status    int
	}{
		"a page of ours":            {[]string{"sip"}, "https://" + srv.HTTPS, 101},
		"no page at all":            {[]string{"sip"}, "", 101},
		"a foreign page":            {[]string{"sip"}, "https://evil.example", 403},
		"no subprotocol":            {nil, "https://" + srv.HTTPS, 400},
		"another subprotocol":       {[]string{"mqtt"}, "https://" + srv.HTTPS, 400},
		"sip among others":          {[]string{"mqtt", "sip"}, "", 101},
		"a page of a sandbox: null": {[]string{"sip"}, "null", 403},
	} {
		t.Run(name, func(t *testing.T) {
			ws, res, err := dial(t.Context(), "wss://"+srv.HTTPS+"/sip", c.protocols, c.origin)
			if res == nil || res.StatusCode != c.status {
				t.Fatalf("%v, %v; want %d", res, err, c.status)
			}
			if err == nil {
				if ws.Subprotocol() != "sip" {
					t.Errorf("subprotocol %q", ws.Subprotocol())
				}
				_ = ws.CloseNow()
			}
		})
	}
}

func TestSilentSocketsHoldUpNobody(t *testing.T) {
	srv := lab.Start(t, lab.Options{})
	for i := range 100 {
		addr := srv.HTTPS // silent before the TLS handshake
		if i%2 == 0 {
			addr = srv.HTTP // silent in the middle of the upgrade
		}
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i%2 == 0 {
			_, _ = io.WriteString(c, "GET /sip HTTP/1.1\r\nHost: "+addr+"\r\nUpgrade: websocket\r\n")
		}
	}
	begun := time.Now()
	for scheme, host := range map[string]string{"ws": srv.HTTP, "wss": srv.HTTPS} {
		if m := open(t, scheme, host, "1003-soft").register("600"); m.Status != 200 {
			t.Fatalf("%s", m.Raw)
		}
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("registering beside 100 silent sockets took %v", took)
	}
}
