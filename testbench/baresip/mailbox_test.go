//go:build testbench

package baresip

import (
	"errors"
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
			p := watchesItsMailbox(t, s, transport)

			before := subscribed(t, s)
			pbx := siptest.NewRealPeer(t, s.SIP)
			uri := "sip:1001@" + domain
			b := pbx.Request("PUBLISH", uri, "sip:vm@"+domain, "").Add(message.Event, "message-summary").Add(message.Expires, "600").
				Body("application/simple-message-summary", []byte("Messages-Waiting: yes\r\nVoice-Message: 2/5 (0/1)\r\n"))
			if res := pbx.Do(b); res.Status != http.StatusOK {
				t.Fatalf("PUBLISH: %d", res.Status)
			}
			p.prints("Voice-Message: 2/5 (0/1)", 5*time.Second)
			time.Sleep(5 * time.Second) // a runaway would ask thousands of times
			if n := subscribed(t, s) - before; n != 0 {
				t.Errorf("%d more SUBSCRIBEs were answered", n)
			}
		})
	}
}

// watchesItsMailbox is a baresip that was told that no message waits. Now and then
// this version goes round in a loop of its own at its start: it asks again and again
// without reading any answer, whatever that is. Such a one is ended and another
// started; one that asks because of what it was answered would do so each time.
func watchesItsMailbox(t *testing.T, s *lab.Server, transport string) *softphone {
	t.Helper()
	const tries, loops = 6, 100
	for range tries {
		p := start(t, s, options{number: "1001", user: "1001-soft", password: "demo-1001", transport: transport, mailbox: true})
		told := false
		lab.Eventually(t, 15*time.Second, func() error {
			out := p.printed()
			if told = strings.Contains(out, "Messages-Waiting: no"); told || strings.Count(out, "mwi: subscribing") > loops {
				return nil
			}
			return errors.New("baresip was told nothing of its mailbox")
		})
		if told {
			return p
		}
		t.Log("baresip reads no answers, another one is started")
		_ = p.cmd.Process.Kill()
		<-p.done
	}
	t.Fatalf("none of %d asks just once", tries)
	return nil
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
