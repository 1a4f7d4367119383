//go:build testbench

package baresip

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/testbench/lab"
)

// baresip asks for its mailbox anew without a pause where it is refused. Here it
// asks once, is told that nothing waits, and of every message that comes.
func TestMailboxIsWatchedOnceAndTold(t *testing.T) {
	for _, transport := range []string{"udp", "tcp", "tls"} {
		t.Run(transport, func(t *testing.T) {
			s := lab.Start(t, lab.Options{})
			p := start(t, s, options{number: "1001", user: "1001-soft", password: "demo-1001", transport: transport, mailbox: true})
			p.prints("Messages-Waiting: no", 15*time.Second)

			pbx := siptest.NewRealPeer(t, s.SIP)
			uri := "sip:1001@" + domain
			b := pbx.Request("PUBLISH", uri, "sip:vm@"+domain, "").Add(message.Event, "message-summary").Add(message.Expires, "600").
				Body("application/simple-message-summary", []byte("Messages-Waiting: yes\r\nVoice-Message: 2/5 (0/1)\r\n"))
			if res := pbx.Do(b); res.Status != http.StatusOK {
				t.Fatalf("PUBLISH: %d", res.Status)
			}
			p.prints("Voice-Message: 2/5 (0/1)", 5*time.Second)
			time.Sleep(5 * time.Second)                // a runaway would ask thousands of times
			if n := subscribed(t, s); n < 1 || n > 4 { // with the challenges
				t.Errorf("%d SUBSCRIBEs were answered", n)
			}
		})
	}
}

// prints waits until baresip has printed the text.
func (p *softphone) prints(text string, within time.Duration) {
	p.t.Helper()
	lab.Eventually(p.t, within, func() error {
		if !strings.Contains(p.printed(), text) {
			return fmt.Errorf("baresip has not printed %q", text)
		}
		return nil
	})
}

// subscribed is how many SUBSCRIBEs the server has answered.
func subscribed(t *testing.T, s *lab.Server) (n int) {
	t.Helper()
	res, err := http.Get("http://" + s.HTTP + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	all, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(all)) {
		if rest, ok := strings.CutPrefix(line, "lamplight_subscribe_answers_total{"); ok {
			_, value, _ := strings.Cut(rest, "} ")
			count, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			n += count
		}
	}
	return n
}
