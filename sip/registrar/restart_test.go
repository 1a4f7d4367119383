package registrar_test

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	client "github.com/icholy/digest"

	"lamplight/sip/message"
	"lamplight/sip/registrar"
)

// authorize answers the challenge of res with this nonce count.
func authorize(t testing.TB, res *message.Message, user string, count int) string {
	t.Helper()
	c, err := client.ParseChallenge(res.Get(message.WWWAuthenticate))
	if err != nil {
		t.Fatal(err)
	}
	cred, err := client.Digest(c, client.Options{Method: "REGISTER", URI: "sip:" + domain, Username: user, Password: "pw", Count: count})
	if err != nil {
		t.Fatal(err)
	}
	return cred.String()
}

func TestRestart(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		h := newHouse(t, registrar.Limits{QualifyTries: 2, QualifyPause: 10 * time.Second})
		alive, dead, tcp := h.phone("1001", "10.0.1.1:5060"), h.phone("1002", "10.0.1.2:5060"), h.stream("1003", "10.0.1.3:40000")
		alive.Handle(func(m *message.Message) *message.Builder { return message.NewResponse(m, 404, "") })
		wantStatus(t, alive.register("Contact: <sip:1001@10.0.1.1>"), 200)
		wantStatus(t, dead.register("Contact: <sip:1002@10.0.1.2>"), 200)
		wantStatus(t, tcp.register("Contact: <sip:1003@10.0.1.3;transport=tcp>"), 200)
		challenge := alive.Do(alive.build())
		wantStatus(t, challenge, 401)

		h.crash()
		if got := h.bound("1003"); got != "" {
			t.Errorf("the stream's binding came back: %s", got)
		}
		if n := h.rows(); n != 2 {
			t.Errorf("%d rows", n)
		}
		if got := h.known("1002"); got != "sip:1002@10.0.1.2 restored" {
			t.Errorf("1002 is %q", got)
		}
		time.Sleep(time.Second)
		if got := h.known("1001"); got != "sip:1001@10.0.1.1" {
			t.Errorf("1001 answered OPTIONS and is %q", got)
		}
		ask := dead.Expect(func(m *message.Message) bool { return m.Method == "OPTIONS" })
		if ask.URI != "sip:1002@10.0.1.2" {
			t.Errorf("asked %s", ask.URI)
		}
		time.Sleep(2 * time.Minute)
		if got := h.known("1002"); got != "" {
			t.Errorf("1002 did not answer and is %q", got)
		}
		// The nonce from before is still good, and a refresh heals.
		res := alive.Do(alive.build("Contact: <sip:1001@10.0.1.1>").Add(message.Authorization, authorize(t, challenge, "1001", 1)))
		wantStatus(t, res, 200)
		wantStatus(t, dead.register("Contact: <sip:1002@10.0.1.2>"), 200)
		if got := h.known("1002"); got != "sip:1002@10.0.1.2" {
			t.Errorf("1002 registered and is %q", got)
		}
		// What nobody refreshes ends with its stored end.
		time.Sleep(3 * time.Hour)
		if h.bound("1001") != "" || h.bound("1002") != "" || h.rows() != 0 {
			t.Errorf("left: %q %q, %d rows", h.bound("1001"), h.bound("1002"), h.rows())
		}
	})
}

// However a crash falls between requests and commits, what was acknowledged is
// there afterwards and what was removed with a 200 is not.
func TestCrashLosesNothingAcknowledged(t *testing.T) {
	for round := range 12 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				h := newHouse(t, registrar.Limits{})
				p := h.phone("1001", "10.0.1.1:5060")
				ask := p.Do(p.build())
				wantStatus(t, ask, 401)
				pc := h.net.ListenPacket("10.0.1.1:5070")
				defer pc.Close()
				branch := map[string]string{} // contact by branch
				for i := range 8 {
					contact, id := fmt.Sprintf("sip:%d@10.0.1.1", i), message.NewBranch()
					b := p.build("Contact: <"+contact+">").Add(message.Authorization, authorize(t, ask, "1001", i+1))
					b.Via("SIP/2.0/UDP 10.0.1.1:5070;branch=" + id)
					branch[id] = contact
					if _, err := pc.WriteTo(b.Bytes(), net.UDPAddrFromAddrPort(netip.MustParseAddrPort(server))); err != nil {
						t.Fatal(err)
					}
					time.Sleep(time.Duration(round) * 20 * time.Microsecond * time.Duration(i))
				}
				time.Sleep(time.Duration(round) * 250 * time.Microsecond)
				h.crash()
				acknowledged := map[string]bool{}
				buf := make([]byte, 65536)
				for {
					_ = pc.SetReadDeadline(time.Now().Add(time.Millisecond))
					n, _, err := pc.ReadFrom(buf)
					if err != nil {
						break
					}
					m, err := message.Parse(buf[:n])
					if err != nil {
						t.Fatal(err)
					}
					via, _ := m.TopVia()
					if m.Status == 200 && branch[via.Branch] != "" {
						acknowledged[branch[via.Branch]] = true
					}
				}
				synctest.Wait()
				have := map[string]bool{}
				for _, b := range h.reg.Bindings(h.agent("1001")) {
					have[b.Contact] = true
				}
				for c := range acknowledged {
					if !have[c] {
						t.Errorf("%s was acknowledged and is lost", c)
					}
				}
				t.Logf("%d of 8 acknowledged, %d there", len(acknowledged), len(have))
			})
		})
	}
}
