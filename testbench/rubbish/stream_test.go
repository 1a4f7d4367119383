//go:build testbench

package rubbish

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lamplight/testbench/lab"
)

// request is a sound request of a stranger.
func request(method, extra, body string) string {
	tag := rand.Uint64()
	return fmt.Sprintf("%s sip:%s SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.60;branch=z9hG4bK%x;rport\r\nMax-Forwards: 70\r\n"+
		"From: <sip:x@%s>;tag=%x\r\nTo: <sip:x@%s>\r\nCall-ID: %x@x\r\nCSeq: 1 %s\r\n%sContent-Length: %d\r\n\r\n%s",
		method, domain, tag, domain, tag, domain, tag, method, extra, len(body), body)
}

func dial(t testing.TB, srv *lab.Server) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", srv.SIP, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// answered reads one response's status from a stream; 0: it was closed, -1:
// neither within the time given.
func answered(c net.Conn, within time.Duration) int {
	_ = c.SetReadDeadline(time.Now().Add(within))
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		var n int
		if _, serr := fmt.Sscanf(line, "SIP/2.0 %d", &n); serr == nil && n >= 200 {
			return n
		}
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return -1
			}
			return 0
		}
	}
}

// exchange sends text over a stream of its own and returns what answered says.
func exchange(t testing.TB, srv *lab.Server, text []byte) int {
	t.Helper()
	c := dial(t, srv)
	defer func() { _ = c.Close() }()
	go func() { _, _ = c.Write(text) }()
	return answered(c, 5*time.Second)
}

func tornStreams(t *testing.T, srv *lab.Server) {
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { // byte by byte
			c := dial(t, srv)
			_ = c.(*net.TCPConn).SetNoDelay(true)
			for _, b := range []byte("\r\n\r\n" + request("OPTIONS", "", "")) {
				if _, err := c.Write([]byte{b}); err != nil {
					t.Errorf("torn OPTIONS: %v", err)
					return
				}
				time.Sleep(time.Millisecond)
			}
			if got := answered(c, 5*time.Second); got != 200 {
				t.Errorf("OPTIONS byte by byte: %d, want 200", got)
			}
		})
	}
	all.Wait()
	for _, size := range []int{2, 7, 100, 399, 401} { // several in pieces that fit none
		c := dial(t, srv)
		text := []byte(strings.Repeat(request("OPTIONS", "", "a body"), 3))
		for len(text) > 0 {
			n := min(size, len(text))
			if _, err := c.Write(text[:n]); err != nil {
				t.Fatal(err)
			}
			text = text[n:]
			time.Sleep(time.Millisecond)
		}
		if got := answered(c, 5*time.Second); got != 200 {
			t.Errorf("OPTIONS in pieces of %d: %d, want 200", size, got)
		}
	}
	for range 200 { // torn off
		c := dial(t, srv)
		text := request("OPTIONS", "", "")
		_, _ = c.Write([]byte(text[:rand.IntN(len(text))]))
		_ = c.Close()
	}
}

// tooLarge sends more than any limit; where a request can still be told from it,
// the answer is due.
func tooLarge(t *testing.T, srv *lab.Server) {
	long := strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct {
		text string
		want []int
	}{
		"a header of 1 MB":              {request("OPTIONS", "X-Long: "+long+"\r\n", ""), []int{400, 413, 513}},
		"100,000 headers":               {request("OPTIONS", strings.Repeat("X: y\r\n", 100_000), ""), []int{400, 413, 513}},
		"a Via of 1 MB":                 {"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/TCP " + long, []int{0, 400, 413, 513}},
		"a start line of 1 MB":          {"OPTIONS sip:" + long, []int{0, 400, 414}},
		"a method of 1 MB":              {long, []int{0}},
		"a body of 1 MB":                {request("PUBLISH", "Event: dialog\r\n", long), []int{400, 413, 513}},
		"a body said to be of 2 GB":     {strings.Replace(request("OPTIONS", "", ""), "Content-Length: 0", "Content-Length: 2147483648", 1), []int{400, 413, 513}},
		"a negative length":             {strings.Replace(request("OPTIONS", "", ""), "Content-Length: 0", "Content-Length: -1", 1), []int{400}},
		"a length that is no number":    {strings.Replace(request("OPTIONS", "", ""), "Content-Length: 0", "Content-Length: ten", 1), []int{400}},
		"two lengths that differ":       {strings.Replace(request("OPTIONS", "", ""), "Content-Length: 0", "Content-Length: 0\r\nl: 4", 1), []int{400}},
		"no length":                     {strings.Replace(request("OPTIONS", "", ""), "Content-Length: 0\r\n", "", 1), []int{400}},
		"another protocol":              {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", []int{0, 400}},
		"TLS where none is":             {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", []int{0}},
		"zeros":                         {strings.Repeat("\x00", 100_000), []int{0}},
		"an unknown method":             {request("FROBNICATE", "", ""), []int{405, 501}},
		"an unknown event":              {request("PUBLISH", "Event: weather\r\n", "x"), []int{403, 489}},
		"a required extension":          {request("OPTIONS", "Require: telepathy\r\n", ""), []int{420}},
		"another version":               {strings.Replace(request("OPTIONS", "", ""), "SIP/2.0\r\nVia", "SIP/7.0\r\nVia", 1), []int{505}},
		"no more forwards, not for us":  {strings.Replace(request("INVITE", "", ""), "Max-Forwards: 70", "Max-Forwards: 256", 1), []int{400, 401, 403, 483}},
		"an expiry that is no number":   {request("REGISTER", "Expires: soon\r\n", ""), []int{400, 401}},
		"a stranger's INVITE":           {request("INVITE", "", ""), []int{401, 403}},
		"a stranger's PUBLISH":          {request("PUBLISH", "Event: dialog\r\n", "x"), []int{401, 403}},
		"a NOTIFY nobody asked for":     {request("NOTIFY", "Event: dialog\r\nSubscription-State: active\r\n", "x"), []int{481}},
		"a stranger's other domain":     {strings.ReplaceAll(request("REGISTER", "", ""), domain, "elsewhere.test"), []int{403, 404}},
		"a hundred thousand parameters": {request("OPTIONS", "Contact: <sip:x>"+strings.Repeat(";a", 25_000)+"\r\n", ""), []int{200, 400, 413, 513}},
	} {
		got := exchange(t, srv, []byte(c.text))
		if fine := func() bool {
			for _, w := range c.want {
				if got == w {
					return true
				}
			}
			return false
		}(); !fine {
			t.Errorf("%s: %d, want one of %v (0: closed, -1: neither)", name, got, c.want)
		}
	}
	var all sync.WaitGroup // many at once, so that memory would show
	for range 50 {
		all.Go(func() { exchange(t, srv, []byte(request("OPTIONS", "X-Long: "+long+"\r\n", ""))) })
	}
	all.Wait()
}

// torture sends the messages of RFC 4475. No answer to an invalid one may be a
// success, and none may be the server's own failure.
func torture(t *testing.T, srv *lab.Server) {
	files, err := filepath.Glob(filepath.Join(lab.Root(t), "sip", "message", "testdata", "rfc4475", "*.dat"))
	if err != nil || len(files) < 40 {
		t.Fatalf("%d torture messages, %v", len(files), err)
	}
	exact := map[string]int{"badvers": 505, "unkscm": 416, "novelsc": 416, "scalar02": 400, "quotbal": 400, "ltgtruri": 400,
		"mismatch01": 400, "mismatch02": 400, "insuf": 400, "multi01": 400, "mcl01": 400, "ncl": 400}
	pc, err := net.Dial("udp", srv.SIP)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = pc.Close() }()
	answers := map[int]int{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(f), ".dat")
		_, _ = pc.Write(raw)
		c := dial(t, srv)
		_, _ = c.Write(raw)
		_ = c.(*net.TCPConn).CloseWrite()
		got := answered(c, time.Second)
		_ = c.Close()
		answers[got]++
		if want, ok := exact[name]; ok && got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
		if got == 500 || got >= 200 && got < 300 && !bytes.HasPrefix(raw, []byte("OPTIONS")) {
			t.Errorf("%s: %d", name, got)
		}
	}
	t.Logf("answers by status (0: closed, -1: none): %v", answers)
}

// halfOpen opens sockets and says nothing, or half of something, and keeps them
// until the server hangs up.
func halfOpen(t *testing.T, srv *lab.Server) {
	const each = 500
	var all []net.Conn
	defer func() {
		for _, c := range all {
			_ = c.Close()
		}
	}()
	open := func(addr, first string) {
		c, err := net.DialTimeout("tcp", addr, 5*time.Second)
		if err != nil {
			t.Errorf("open socket %d: %v", len(all), err)
			return
		}
		_, _ = c.Write([]byte(first))
		all = append(all, c)
	}
	hello := "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" // a TLS record begun
	for i := range each {
		torn := request("OPTIONS", "", "")
		open(srv.SIP, []string{"", torn[:len(torn)/2]}[i%2])
		open(srv.TLS, []string{"", hello}[i%2])
		open(srv.HTTP, []string{"", "GET /sip HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"}[i%2])
	}
	c, err := tls.Dial("tcp", srv.TLS, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatalf("TLS beside %d half-open sockets: %v", len(all), err)
	}
	_, _ = io.WriteString(c, strings.Replace(request("OPTIONS", "", ""), "SIP/2.0/TCP", "SIP/2.0/TLS", 1))
	if got := answered(c, 5*time.Second); got != 200 {
		t.Errorf("OPTIONS over TLS beside them: %d", got)
	}
	_ = c.Close()
	if got := exchange(t, srv, []byte(request("OPTIONS", "", ""))); got != 200 {
		t.Errorf("OPTIONS over TCP beside them: %d", got)
	}
	began, left := time.Now(), 0
	for _, c := range all {
		_ = c.SetReadDeadline(began.Add(25 * time.Second))
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			left++
		}
	}
	t.Logf("%d half-open sockets, the last hung up after %v", len(all), time.Since(began).Round(time.Millisecond))
	if left > 0 {
		t.Errorf("%d of %d silent sockets are still open after 25 s", left, len(all))
	}
}
