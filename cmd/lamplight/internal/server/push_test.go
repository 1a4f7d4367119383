package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"lamplight/cmd/lamplight/internal/config"
	"lamplight/sip/message"
	"lamplight/sip/siptest"
)

// freePort is a UDP port of loopback that nobody uses at the moment.
func freePort(t *testing.T) string {
	t.Helper()
	pc, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	return pc.LocalAddr().String()
}

// register is what a mobile app does when it is started, and when it is pushed.
func register(p *siptest.Peer, contact string, seq *int) *message.Message {
	return p.DoAuth("1001-mobile", "secret-1001", func() *message.Builder {
		*seq++
		return message.NewRequest("REGISTER", "sip:a.test").Add(message.MaxForwards, "70").Add(message.From, "<sip:1001@a.test>;tag=t").
			Add(message.To, "<sip:1001@a.test>").Add(message.CallID, "app").Add(message.CSeq, fmt.Sprint(*seq, " REGISTER")).
			Add(message.Contact, "<"+contact+">;expires=86400")
	})
}

// The whole server, with its file, its sockets and its database: a mobile that
// slept through a restart is pushed by a call, registers anew, and the call goes
// there: the caller is sent, or the server passes it on.
func TestRestartedServerWakesAMobileForACall(t *testing.T) {
	for _, mode := range []string{"redirect", "proxy"} {
		t.Run(mode, func(t *testing.T) { wakesForACall(t, mode) })
	}
}

func wakesForACall(t *testing.T, mode string) {
	const token = "secret-device-token"
	pushed := make(chan map[string]any, 4)
	gateway := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m map[string]any
		if b, _ := io.ReadAll(r.Body); r.Header.Get("Authorization") == "Bearer of-the-gateway" && json.Unmarshal(b, &m) == nil {
			pushed <- m
		}
	}))
	defer gateway.Close()
	dir, addr := t.TempDir(), freePort(t)
	file := filepath.Join(dir, "c.yaml")
	text := `
sip: {udp: ["` + addr + `"]}
push:
  providers:
    - {name: webpush, url: "` + gateway.URL + `/wake", token: of-the-gateway}
peers:
  - {name: pbx, sources: [127.0.0.1], mode: ` + mode + `}
domains:
  - name: a.test
    agents:
      - {number: "1001", password: secret-1001}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	start := func() *Server {
		c, err := config.Load(file, []string{"LAMPLIGHT_DATA=" + filepath.Join(dir, "data")})
		if err != nil {
			t.Fatal(err)
		}
		s, err := Start(t.Context(), c, zerolog.New(zerolog.SyncWriter(&log)).Level(zerolog.DebugLevel))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := start()
	seq := 0
	mobile := siptest.NewRealPeer(t, addr)
	contact := "sip:1001@" + mobile.Addr().String() + ";pn-provider=webpush;pn-prid=" + token
	res := register(mobile, contact, &seq)
	if res.Status != 200 || res.Get("Feature-Caps") != `*;+sip.pns="webpush"` {
		t.Fatalf("%s", res.Raw)
	}
	s.Drain(t.Context())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	mobile.Close()

	s = start()
	defer func() { _ = s.Close() }()
	pbx := siptest.NewRealPeer(t, addr)
	pbx.Timeout = 10 * time.Second
	began := time.Now()
	pbx.Send(pbx.Request("INVITE", "sip:1001@a.test", "sip:+49@carrier.test", "").Add(message.Contact, "<sip:pbx@"+pbx.Addr().String()+">"))
	select {
	case m := <-pushed:
		if m["prid"] != token || m["account"] != "1001@a.test" || m["event"] != "call" {
			t.Errorf("pushed %v", m)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("nobody was pushed")
	}
	mobile = siptest.NewRealPeer(t, addr)
	fresh := "sip:1001@" + mobile.Addr().String()
	if res := register(mobile, fresh+";pn-provider=webpush;pn-prid="+token, &seq); res.Status != 200 {
		t.Fatalf("%s", res.Raw)
	}
	if mode == "proxy" {
		rings := mobile.Expect(siptest.Method("INVITE"))
		if rings.URI != fresh {
			t.Errorf("called as %s", rings.URI)
		}
		mobile.Respond(rings, 200, message.Header{Name: message.Contact, Value: "<" + fresh + ">"})
		if res = pbx.Expect(siptest.Final); res.Status != 200 {
			t.Fatalf("%s", res.Raw)
		}
	} else if res = pbx.Expect(siptest.Final); res.Status != 302 || res.Get(message.Contact) != "<"+fresh+">;q=1.0" {
		t.Fatalf("%s", res.Raw)
	}
	t.Logf("answered after %v", time.Since(began))
	dom, _ := s.directory.DomainByName("a.test")
	agent, _ := s.directory.AgentByNumber(dom.ID, "1001")
	shown := registrations{s.registrar, s.waker}.Registrations(agent.ID)
	woken := false
	for _, r := range shown {
		woken = woken || strings.HasPrefix(r.Woken, "woken by push after")
		if r.Push != "webpush" || strings.Contains(r.Contact, token) {
			t.Errorf("shown %+v", r)
		}
	}
	if !woken {
		t.Errorf("shown %+v", shown)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if strings.Contains(log.String(), token) {
		t.Error("the log has the token in it")
	}
}
