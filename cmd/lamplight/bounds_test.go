package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"
)

const boundedConfig = `
http:
  listen: [%s]
  connections: 3
  behind_proxy: [127.0.0.3]
sip:
  udp: [%s]
domains:
  - name: example.test
`

// One address that opens connections and says nothing keeps nobody else out, and
// is counted; the address of a reverse proxy is everybody's.
func TestConnectionsOfOneAddressKeepNobodyElseOut(t *testing.T) {
	api := free(t)
	file := filepath.Join(t.TempDir(), "lamplight.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, boundedConfig, api, free(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("LAMPLIGHT_LOG_LEVEL", "error")
	serving(t, file, t.TempDir(), api)
	open := func(from string) net.Conn {
		t.Helper()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		c, err := d.DialContext(t.Context(), "tcp", api)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
	ask := func(c net.Conn) error {
		_ = c.SetDeadline(time.Now().Add(5 * time.Second))
		_, _ = io.WriteString(c, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
		_, err := c.Read(make([]byte, 1))
		return err
	}
	for range 3 {
		_ = open("127.0.0.2")
	}
	if err := ask(open("127.0.0.2")); err == nil {
		t.Error("a fourth connection of one address was served")
	}
	for i := range 5 {
		if err := ask(open("127.0.0.3")); err != nil {
			t.Errorf("connection %d of the proxy: %v", i+1, err)
		}
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Get("http://" + api + "/metrics")
	if err != nil {
		t.Fatalf("from another address: %v", err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	for _, want := range []string{`lamplight_http_connections_refused_total\{listener="http [^"]+"\} 1\n`, `lamplight_http_connections\{listener="http [^"]+"\} (9|10)\n`} {
		if !regexp.MustCompile(want).Match(b) {
			t.Errorf("the metrics say nothing of %s\n%s", want, regexp.MustCompile(`lamplight_http_conn.*`).FindAll(b, -1))
		}
	}
}
