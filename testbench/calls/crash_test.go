//go:build testbench

// Package calls has calls pass through a real server, and kills it in the middle
// of them.
package calls

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/siptest"
	"lamplight/testbench/lab"
)

const (
	domain = "demo.lamplight.test"
	many   = 500
	// ringing of them have not been answered when the server is killed.
	ringing = 100
	first   = 3001
)

func number(i int) string { return fmt.Sprint(first + i) }

// carried is the demo with its PBX in proxy mode.
func carried(t *testing.T) string {
	b, err := os.ReadFile(filepath.Join(lab.Root(t), "configs", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(b), "mode: redirect", "mode: proxy", 1)
	if text == string(b) {
		t.Fatal("the demo has no peer in redirect mode")
	}
	return lab.Ports(text)
}

// talk is one call: what each side knows of its dialog.
type talk struct{ caller, callee *message.Message }

func TestCallsOutliveAKill(t *testing.T) {
	s := lab.Start(t, lab.Options{Config: carried(t)})
	var csv strings.Builder
	csv.WriteString("number,password,name,team\n")
	for i := range many {
		fmt.Fprintf(&csv, "%s,secret-%s,Agent %s,calls\n", number(i), number(i), number(i))
	}
	s.Import(csv.String())
	phones, pbx := siptest.NewRealPeer(t, s.SIP), siptest.NewRealPeer(t, s.SIP)
	for i := range many {
		if m := phones.Register("sip:"+number(i)+"@"+domain, number(i), "secret-"+number(i), 600); m.Status != 200 {
			t.Fatalf("%s registers: %d", number(i), m.Status)
		}
	}
	talks := make([]talk, 0, many)
	for i := range many - ringing {
		talks = append(talks, connect(t, pbx, phones, number(i)))
	}
	var waiting []*message.Builder
	var rung []*message.Message
	for i := len(talks); i < many; i++ {
		b, inv := call(t, pbx, phones, number(i))
		phones.Respond(inv, 180)
		waiting, rung = append(waiting, b), append(rung, inv)
	}
	lab.Eventually(t, 5*time.Second, func() error { return engaged(s, len(talks)) })

	s.Kill()
	s.Run()
	if err := engaged(s, len(talks)); err != nil { // as soon as it is ready
		t.Errorf("after the kill: %v", err)
	}
	givenUp(t, pbx, waiting)
	for i, inv := range rung { // the phones end by themselves, and are called again
		phones.Respond(inv, 480)
		talks = append(talks, connect(t, pbx, phones, number(many-ringing+i)))
	}
	lab.Eventually(t, 5*time.Second, func() error { return engaged(s, many) })
	began := time.Now()
	for i, c := range talks {
		if i%2 == 0 {
			hangUp(t, pbx, phones, c.caller)
		} else {
			hangUp(t, phones, pbx, c.callee)
		}
	}
	took := lab.Eventually(t, 5*time.Second, func() error { return engaged(s, 0) })
	t.Logf("%d calls ended in %v, the last status %v later", many, time.Since(began).Round(time.Millisecond), took.Round(time.Millisecond))

	s.Kill()
	s.Run()
	if err := engaged(s, 0); err != nil {
		t.Errorf("calls that ended are back after another kill: %v", err)
	}
}

// connect has the PBX call an agent, whose phone picks up.
func connect(t *testing.T, pbx, phones *siptest.Peer, number string) talk {
	t.Helper()
	_, inv := call(t, pbx, phones, number)
	of := func(match func(*message.Message) bool) func(*message.Message) bool {
		return func(m *message.Message) bool { return match(m) && m.CallID() == inv.CallID() }
	}
	phones.Respond(inv, 200, message.Header{Name: message.Contact, Value: "<" + phones.Contact(number) + ">"})
	ok := pbx.Expect(of(siptest.Final))
	if ok.Status != 200 {
		t.Fatalf("%s: answered %d\n%s", number, ok.Status, ok.Raw)
	}
	pbx.Send(pbx.InDialog("ACK", ok))
	phones.Expect(of(siptest.Method("ACK")))
	return talk{ok, siptest.WithToTag(inv, ok.Get(message.To))}
}

// call has the PBX call an agent: the INVITE as it was sent, and as the phone gets
// it.
func call(t *testing.T, pbx, phones *siptest.Peer, number string) (*message.Builder, *message.Message) {
	t.Helper()
	b := pbx.Request("INVITE", "sip:"+number+"@"+domain, "sip:+4930123@carrier.test", "").Add(message.Contact, "<"+pbx.Contact("pbx")+">")
	pbx.Send(b)
	sent, err := message.Parse(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return b, phones.Expect(func(m *message.Message) bool { return m.Method == "INVITE" && m.CallID() == sent.CallID() })
}

// givenUp takes back calls whose server knows nothing of them any more: it says so,
// and the caller need not wait.
func givenUp(t *testing.T, pbx *siptest.Peer, waiting []*message.Builder) {
	t.Helper()
	for _, b := range waiting {
		text := strings.Replace(strings.Replace(string(b.Bytes()), "INVITE sip", "CANCEL sip", 1), " INVITE\r\n", " CANCEL\r\n", 1)
		pbx.SendRaw([]byte(text))
		m := pbx.Expect(func(m *message.Message) bool { _, of := m.CSeq(); return m.Status >= 200 && of == "CANCEL" })
		if m.Status != 481 {
			t.Errorf("CANCEL answered %d", m.Status)
		}
	}
}

// hangUp sends a BYE and has the other side answer it.
func hangUp(t *testing.T, from, to *siptest.Peer, seen *message.Message) {
	t.Helper()
	b := from.InDialog("BYE", seen).Set(message.CSeq, "77 BYE")
	from.Send(b)
	bye := to.Expect(func(m *message.Message) bool { return m.Method == "BYE" && m.CallID() == seen.CallID() })
	to.Respond(bye, 200)
	if m := from.Expect(func(m *message.Message) bool { return m.Status >= 200 && m.CallID() == seen.CallID() }); m.Status != 200 {
		t.Errorf("BYE answered %d", m.Status)
	}
}

// engaged reports unless so many agents of the test are On a Call.
func engaged(s *lab.Server, want int) error {
	n, next := 0, ""
	for {
		var page struct {
			Agents []lab.Agent `json:"agents"`
			Next   string      `json:"next"`
		}
		path := "/agents?limit=1000"
		if next != "" {
			path += "&after=" + next
		}
		if status := s.API(http.MethodGet, path, nil, &page); status != http.StatusOK {
			return fmt.Errorf("HTTP %d", status)
		}
		for _, a := range page.Agents {
			if a.Status.Team.Status == "on_a_call" {
				n++
			}
		}
		if next = page.Next; next == "" {
			break
		}
	}
	if n != want {
		return fmt.Errorf("%d agents are On a Call, want %d", n, want)
	}
	return nil
}
