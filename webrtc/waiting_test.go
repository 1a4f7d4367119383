package webrtc

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/coder/websocket"

	"lamplight/webrtc/signalling"
)

// Somebody who opens sockets and says nothing takes the places of his own address alone.
func TestSilentSocketsOfOneAddressKeepNobodyElseOut(t *testing.T) {
	h := newHouse(t, 1)
	o := trusting()
	o.Roster, o.Directory, o.Redeemer = h, h, h
	o.Limits = Limits{Waiting: 5, WaitingFrom: 2}
	srv, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	hs := httptest.NewServer(srv)
	t.Cleanup(func() { _ = srv.Close(); hs.Close() })
	open := func(from string) (*websocket.Conn, int) {
		t.Helper()
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		tr := &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true}
		ws, resp, err := websocket.Dial(t.Context(), hs.URL, &websocket.DialOptions{
			HTTPClient: &http.Client{Transport: tr}, Subprotocols: []string{signalling.Subprotocol},
		})
		if resp == nil {
			t.Fatal(err)
		}
		if ws != nil {
			t.Cleanup(func() { _ = ws.CloseNow() })
		}
		return ws, resp.StatusCode
	}
	for i, want := range []int{http.StatusSwitchingProtocols, http.StatusSwitchingProtocols, http.StatusServiceUnavailable} {
		if _, got := open("127.0.0.2"); got != want {
			t.Errorf("silent socket %d: %d, want %d", i+1, got, want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	for i := range 4 { // each leaves its place with its hello
		ws, got := open("127.0.0.1")
		if got != http.StatusSwitchingProtocols {
			t.Fatalf("page %d of another address: %d", i+1, got)
		}
		name := string(rune('a' + i))
		_ = ws.Write(ctx, websocket.MessageText, signalling.Encode(signalling.In{T: signalling.Hello, Ticket: h.ticket(name)}))
		if _, _, err := ws.Read(ctx); err != nil {
			t.Fatalf("page %d of another address: %v", i+1, err)
		}
		for end := time.Now().Add(3 * time.Second); ; time.Sleep(time.Millisecond) {
			srv.mu.RLock()
			all, of := srv.waiting.all, len(srv.waiting.from)
			srv.mu.RUnlock()
			if all == 2 && of == 1 {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("%d sockets of %d addresses wait", all, of)
			}
		}
	}
}
