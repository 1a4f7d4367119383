package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

const proxiedConfig = `
http:
  listen: [%s]
  behind_proxy: [127.0.0.1]
sip:
  udp: [%s]
tokens:
  - {name: ops, token: proxied-administrators-token, role: admin}
peers:
  - {name: pbx, sources: [127.0.0.0/8, 198.51.100.0/24], transports: [udp, ws], mode: redirect}
domains:
  - name: example.test
    agents: [{number: "1001", name: Ada, password: s3cret-1001}]
`

// SIP over WebSockets by way of the reverse proxy is named by the client whom that
// tells of, and makes nobody a peer: not whom it names, and not the proxy itself, whom
// everybody comes by. Nobody else is believed.
func TestSIPByAReverseProxy(t *testing.T) {
	api := free(t)
	file := filepath.Join(t.TempDir(), "lamplight.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, proxiedConfig, api, free(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LAMPLIGHT_API", "http://"+api)
	t.Setenv("LAMPLIGHT_TOKEN", "proxied-administrators-token")
	t.Setenv("LAMPLIGHT_LOG_LEVEL", "error")
	serving(t, file, t.TempDir(), api)
	for name, c := range map[string]struct {
		from, forwarded string
		status          string // 401: a peer is not asked for a password
		flow            string
	}{
		"the proxy, of a browser":          {"127.0.0.1", "203.0.113.7", "401", `203\.0\.113\.7 by 127\.0\.0\.1:\d+ `},
		"the proxy, of a peer's address":   {"127.0.0.1", "198.51.100.5", "401", `198\.51\.100\.5 by 127\.0\.0\.1:\d+ `},
		"the proxy, of nobody":             {"127.0.0.1", "", "401", `127\.0\.0\.1 by 127\.0\.0\.1:\d+ `},
		"a peer, who claims to be a proxy": {"127.0.0.2", "203.0.113.7", "480", `(?m)^WS-\d+ +127\.0\.0\.2:\d+ `},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			branch := strings.Map(func(r rune) rune {
				if r < 'a' || r > 'z' {
					return -1
				}
				return r
			}, name)
			d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(c.from)}}
			h := http.Header{}
			if c.forwarded != "" {
				h.Set("X-Forwarded-For", c.forwarded)
			}
			client := &http.Client{Transport: &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true}}
			ws, _, err := websocket.Dial(ctx, "ws://"+api+"/sip", &websocket.DialOptions{HTTPClient: client, Subprotocols: []string{"sip"}, HTTPHeader: h})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = ws.CloseNow() }()
			if err := ws.Write(ctx, websocket.MessageText, []byte(strings.ReplaceAll(fmt.Sprintf(proxiedInvite, branch), "\n", "\r\n"))); err != nil {
				t.Fatal(err)
			}
			var answer string
			for answer == "" || strings.HasPrefix(answer, "SIP/2.0 1") {
				_, b, err := ws.Read(ctx)
				if err != nil {
					t.Fatal(err)
				}
				answer = string(b)
			}
			if !strings.HasPrefix(answer, "SIP/2.0 "+c.status+" ") {
				t.Errorf("answered with %q, want %s", answer, c.status)
			}
			// The answer goes where the request came from, whatever the proxy says.
			if !strings.Contains(answer, "received="+c.from) {
				t.Errorf("the Via of %q", answer)
			}
			if out, err := command(t, "", "flow", "list", "--transport", "WS"); err != nil || !regexp.MustCompile(c.flow).MatchString(out) {
				t.Errorf("flows: %v\n%s", err, out)
			}
		})
	}
}

const proxiedInvite = `INVITE sip:1001@example.test SIP/2.0
Via: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bK%[1]s
Max-Forwards: 70
To: <sip:1001@example.test>
From: <sip:1001@example.test>;tag=9fxced
Call-ID: proxied-%[1]s
CSeq: 1 INVITE
Contact: <sip:1001@df7jal23ls0d.invalid;transport=ws>
Content-Length: 0

`
