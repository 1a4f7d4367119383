//go:build testbench

package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cdp "github.com/chromedp/cdproto/browser"
	"github.com/chromedp/chromedp"
	"github.com/coder/websocket"

	"lamplight/testbench/lab"
)

// TestPicture takes web/team.png, the page as a supervisor has it before them:
//
//	PICTURE=1 go test -tags testbench -count 1 -run TestPicture ./testbench/browser
func TestPicture(t *testing.T) {
	if os.Getenv("PICTURE") != "1" {
		t.Skip("PICTURE=1 takes the picture")
	}
	s := lab.Start(t, lab.Options{Env: []string{"LAMPLIGHT_WEBPHONE_TRUST_WITHOUT_TEST=true"}})
	agents := map[string]*http.Cookie{}
	for _, number := range []string{"1001", "1002", "1003", "1004", "1005", "1007", "1008", "1009", "1011"} {
		agents[number] = fakePage(t, s, number)
	}
	selects := func(number, choice string) {
		call(t, s, http.MethodPut, "/agents/"+number+"/status", choice, agents[number], nil)
	}
	selects("1003", `{"status":"custom","custom":"Lunch"}`)
	selects("1004", `{"status":"do_not_disturb"}`)
	selects("1008", `{"status":"custom","custom":"Training"}`)
	s.API("POST", "/agents/1009/settings/all-off", nil, nil)
	pbx := newPBX(t, s)
	pbx.publish("1002", "confirmed", "regular")
	pbx.publish("1005", "early", "regular")
	pbx.publish("1007", "confirmed", "campaign")
	pbx.publish("1007", "terminated", "campaign") // wrap-up begins
	s.TeamStatus("1002", "on_a_call", patience)

	b := Open(t, s)
	b.Microphone(cdp.PermissionSettingGranted)
	p := b.Tab()
	p.Colours("light")
	p.run(p.ctx, chromedp.EmulateViewport(1280, 760))
	p.LogIn("1006")
	p.Status("available")
	p.Says("microphone", "works")
	for number, want := range map[string]string{
		"1001": "available", "1002": "on_a_call", "1003": "custom", "1004": "do_not_disturb",
		"1007": "wrap_up", "1008": "custom", "1009": "outbound_calls_only", "1010": "offline",
	} {
		p.attribute(`[data-agent="`+number+`"]`, "data-status", want)
	}
	p.Says("team", "ringing")
	time.Sleep(4 * time.Second) // durations worth seeing
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if len(png) > 150_000 {
		t.Errorf("the picture has %d bytes", len(png))
	}
	if err := os.WriteFile(filepath.Join(s.Root, "web", "team.png"), png, 0o644); err != nil {
		t.Fatal(err)
	}
}

// call asks the API in the name of a session, and reads the answer into out
// unless that is nil.
func call(t *testing.T, s *lab.Server, method, path, body string, session *http.Cookie, out any) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+s.HTTP+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if session != nil {
		req.AddCookie(session)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode > 299 {
		t.Fatalf("%s %s: HTTP %d", method, path, res.StatusCode)
	}
	if out != nil {
		if err := json.NewDecoder(res.Body).Decode(out); err != nil {
			t.Fatal(err)
		}
	}
	return res
}

// fakePage is an agent's page without a browser: it logs in, says that its
// microphone works, and answers as long as the test runs. It returns the
// session.
func fakePage(t *testing.T, s *lab.Server, number string) *http.Cookie {
	t.Helper()
	session := call(t, s, http.MethodPost, "/login", `{"number":"`+number+`","password":"demo-`+number+`"}`, nil, nil).Cookies()[0]
	var issued struct{ Ticket string }
	call(t, s, http.MethodPost, "/webphone-ticket", "", session, &issued)
	ws, _ := dial(t, "ws://"+s.HTTP+"/webphone", "http://"+s.HTTP, "lamplight.webphone.v1")
	const mic = `"mic":{"perm":"granted","probe":"ok","inputs":1},"vis":"visible"}`
	say := func(text string) bool { return ws.Write(t.Context(), websocket.MessageText, []byte(text)) == nil }
	say(`{"t":"hello","ticket":"` + issued.Ticket + `","tab":"t` + number + `","client":"web","lead":true,` + mic)
	go func() {
		for {
			_, data, err := ws.Read(t.Context())
			if err != nil {
				return
			}
			var m struct {
				T string
				N int
			}
			if json.Unmarshal(data, &m) == nil && m.T == "ping" && !say(fmt.Sprintf(`{"t":"pong","n":%d,%s`, m.N, mic)) {
				return
			}
		}
	}()
	s.TeamStatus(number, "available", patience)
	return session
}

// pbx publishes dialogs (RFC 3903) as the demo's peer on this machine does.
type pbx struct {
	t    *testing.T
	conn net.Conn
	tags map[string]string // the entity tag by agent
	sent int
}

func newPBX(t *testing.T, s *lab.Server) *pbx {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "udp", s.SIP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &pbx{t: t, conn: conn, tags: map[string]string{}}
}

func (p *pbx) publish(agent, state, kind string) {
	p.t.Helper()
	p.sent++
	body := fmt.Sprintf(`<?xml version="1.0"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="%d" state="full" entity="sip:%s@demo.lamplight.test">
<dialog id="d%s" call-id="d%s@pbx" local-tag="l" remote-tag="r" direction="recipient"><state>%s</state>
<remote><identity>sip:+390612345@carrier.test</identity></remote></dialog></dialog-info>`, p.sent, agent, agent, agent, state)
	match := ""
	if tag := p.tags[agent]; tag != "" {
		match = "SIP-If-Match: " + tag + "\r\n"
	}
	msg := fmt.Sprintf("PUBLISH sip:%[1]s@demo.lamplight.test SIP/2.0\r\nVia: SIP/2.0/UDP %[2]s;branch=z9hG4bKpic%[3]d;rport\r\n"+
		"Max-Forwards: 70\r\nFrom: <sip:pbx@demo.lamplight.test>;tag=p%[3]d\r\nTo: <sip:%[1]s@demo.lamplight.test>\r\n"+
		"Call-ID: pic%[3]d@pbx\r\nCSeq: 1 PUBLISH\r\nEvent: dialog\r\nExpires: 600\r\nX-Lamplight-Call-Kind: %[4]s\r\n%[5]s"+
		"Content-Type: application/dialog-info+xml\r\nContent-Length: %[6]d\r\n\r\n%[7]s",
		agent, p.conn.LocalAddr(), p.sent, kind, match, len(body), body)
	if _, err := p.conn.Write([]byte(msg)); err != nil {
		p.t.Fatal(err)
	}
	buf := make([]byte, 4096)
	_ = p.conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	n, err := p.conn.Read(buf)
	if err != nil {
		p.t.Fatal(err)
	}
	answer := string(buf[:n])
	if !strings.HasPrefix(answer, "SIP/2.0 200") {
		p.t.Fatalf("PUBLISH %s for %s: %s", state, agent, answer)
	}
	for line := range strings.SplitSeq(answer, "\r\n") {
		if tag, ok := strings.CutPrefix(line, "SIP-ETag: "); ok {
			p.tags[agent] = tag
		}
	}
}
