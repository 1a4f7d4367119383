//go:build testbench

package rubbish

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"lamplight/testbench/lab"
)

func webSockets(t *testing.T, srv *lab.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	for name, c := range map[string]struct {
		path, origin, protocol string
		want                   int
	}{
		"no subprotocol":             {"/sip", "", "", 400},
		"another subprotocol":        {"/sip", "", "xmpp", 400},
		"another page":               {"/sip", "https://evil.example", "sip", 403},
		"the webphone's without one": {"/webphone", "", "", 400},
		"the webphone's, other page": {"/webphone", "https://evil.example", "lamplight.webphone.v1", 403},
	} {
		o := &websocket.DialOptions{HTTPHeader: http.Header{}}
		if c.origin != "" {
			o.HTTPHeader.Set("Origin", c.origin)
		}
		if c.protocol != "" {
			o.Subprotocols = []string{c.protocol}
		}
		ws, res, err := websocket.Dial(ctx, "ws://"+srv.HTTP+c.path, o)
		if err == nil {
			_ = ws.CloseNow()
			t.Errorf("%s: accepted", name)
			continue
		}
		if res == nil || res.StatusCode != c.want {
			t.Errorf("%s: %v, want %d", name, err, c.want)
		}
	}
	for path, protocol := range map[string]string{"/sip": "sip", "/webphone": "lamplight.webphone.v1"} {
		for name, send := range map[string]func(*websocket.Conn) error{
			"a frame of 2 MB": func(c *websocket.Conn) error {
				return c.Write(ctx, websocket.MessageText, []byte(strings.Repeat("x", 2<<20)))
			},
			"a frame that is neither": func(c *websocket.Conn) error { return c.Write(ctx, websocket.MessageBinary, []byte{0, 1, 2, 255}) },
			"deep JSON": func(c *websocket.Conn) error {
				return c.Write(ctx, websocket.MessageText, []byte(strings.Repeat("[", 10_000)))
			},
			"an endless message": func(c *websocket.Conn) error {
				w, err := c.Writer(ctx, websocket.MessageText)
				for i := 0; err == nil && i < 2000; i++ {
					_, err = w.Write([]byte(strings.Repeat("y", 4096)))
				}
				return err
			},
		} {
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() {
					c, _, err := websocket.Dial(ctx, "ws://"+srv.HTTP+path, &websocket.DialOptions{Subprotocols: []string{protocol}})
					if err != nil {
						t.Errorf("%s: %v", path, err)
						return
					}
					defer func() { _ = c.CloseNow() }()
					_ = send(c) // the server may hang up meanwhile
					begun, stop := context.WithTimeout(ctx, 20*time.Second)
					defer stop()
					for err == nil {
						_, _, err = c.Read(begun)
					}
					if begun.Err() != nil {
						t.Errorf("%s, %s: the socket is open after 20 s", path, name)
					}
				})
			}
			all.Wait()
		}
	}
}

// raw sends bytes to the HTTP port and returns the status; 0: closed. What comes
// back is never a file of the machine.
func raw(t *testing.T, srv *lab.Server, text string) int {
	c, err := net.DialTimeout("tcp", srv.HTTP, 5*time.Second)
	if err != nil {
		return -1
	}
	defer func() { _ = c.Close() }()
	go func() { _, _ = c.Write([]byte(text)) }()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	all, _ := io.ReadAll(io.LimitReader(c, 1<<20))
	var n int
	_, _ = fmt.Sscanf(string(all), "HTTP/1.1 %d", &n)
	if bytes.Contains(all, []byte("root:")) {
		t.Errorf("a file of the machine was served to %.100q", text)
	}
	return n
}

func badHTTP(t *testing.T, srv *lab.Server) {
	ask := func(method, path, token, typ, body string) string {
		s := method + " " + path + " HTTP/1.1\r\nHost: " + srv.HTTP + "\r\nConnection: close\r\n"
		if token != "" {
			s += "Authorization: " + token + "\r\n"
		}
		if typ != "" {
			s += "Content-Type: " + typ + "\r\n"
		}
		return s + fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	}
	const admin, json = "Bearer demo-admin", "application/json"
	const status = "/api/v1/agents/1003/status"
	for name, c := range map[string]struct {
		text string
		want []int
	}{
		"bad JSON":               {ask("PUT", status, admin, json, `{"status":`), []int{400}},
		"JSON of another shape":  {ask("PUT", status, admin, json, `[1,2,3]`), []int{400, 422}},
		"unknown field":          {ask("PUT", status, admin, json, `{"status":"available","x":1}`), []int{400, 422}},
		"unknown status":         {ask("PUT", status, admin, json, `{"status":"on_fire"}`), []int{400, 422}},
		"a status nobody sets":   {ask("PUT", status, admin, json, `{"status":"on_a_call"}`), []int{400, 409, 422}},
		"deep JSON":              {ask("PUT", status, admin, json, strings.Repeat("[", 50_000)), []int{400, 413, 422}},
		"another type":           {ask("PUT", status, admin, "text/xml", `<a/>`), []int{400, 415}},
		"a body of 10 MB":        {ask("PUT", status, admin, json, `{"reason":"`+strings.Repeat("x", 10<<20)+`"}`), []int{413}},
		"not UTF-8":              {ask("PUT", status, admin, json, "{\"status\":\"\xff\xfe\"}"), []int{400, 422}},
		"an import of rubbish":   {ask("POST", "/api/v1/import", admin, "text/csv", strings.Repeat("\x00,\"\n", 10_000)), []int{400, 422}},
		"another method":         {ask("BREW", status, admin, "", ""), []int{405}},
		"delete a status":        {ask("DELETE", status, admin, "", ""), []int{405}},
		"no token":               {ask("GET", "/api/v1/agents", "", "", ""), []int{401}},
		"a wrong token":          {ask("GET", "/api/v1/agents", "Bearer demo-admim", "", ""), []int{401}},
		"a token of 8 kB":        {ask("GET", "/api/v1/agents", "Bearer "+strings.Repeat("x", 8<<10), "", ""), []int{401}},
		"no such agent":          {ask("GET", "/api/v1/agents/999999", admin, "", ""), []int{404}},
		"a path upward":          {ask("GET", "/../../../../etc/passwd", "", "", ""), []int{200, 400, 404, 301, 307}}, // 200: the page, which reads the path itself
		"a path upward, encoded": {ask("GET", "/assets/..%2f..%2f..%2fetc%2fpasswd", "", "", ""), []int{200, 400, 404}},
		"a zero in the path":     {ask("GET", "/api/v1/agents/%00", admin, "", ""), []int{400, 404}},
		"a path of 60 kB":        {ask("GET", "/api/v1/agents/"+strings.Repeat("a", 60_000), admin, "", ""), []int{400, 404, 414}},
		"headers of 1 MB":        {"GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", []int{431}},
		"two lengths":            {"POST " + status + " HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", []int{400}},
		"length and chunks":      {"PUT " + status + " HTTP/1.1\r\nHost: x\r\nAuthorization: " + admin + "\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\nzz\r\n", []int{400}},
		"no host":                {"GET / HTTP/1.1\r\n\r\n", []int{400}},
		"SIP on HTTP":            {request("OPTIONS", "", ""), []int{400, 0, 505}},
	} {
		got := raw(t, srv, c.text)
		fine := false
		for _, w := range c.want {
			fine = fine || got == w
		}
		if !fine {
			t.Errorf("%s: HTTP %d, want %v", name, got, c.want)
		}
	}
	var all sync.WaitGroup
	for range 30 { // large bodies at once
		all.Go(func() {
			raw(t, srv, ask("PUT", status, admin, json, `{"reason":"`+strings.Repeat("x", 4<<20)+`"}`))
			raw(t, srv, ask("POST", "/api/v1/login", "", json, `{"number":"1001","password":"`+strings.Repeat("x", 1<<19)+`"}`))
		})
	}
	all.Wait()
}
