package webrtc

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
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

// Behind a reverse proxy every page comes from one address: what counts and what is
// told of a page is the address that the proxy names.
func TestPagesBehindAProxyWaitEachByItsOwnAddress(t *testing.T) {
	h := newHouse(t, 1)
	o := trusting()
	o.Roster, o.Directory, o.Redeemer = h, h, h
	o.Limits = Limits{Waiting: 5, WaitingFrom: 1}
	o.Source = func(r *http.Request) netip.Addr { return netip.MustParseAddr(r.Header.Get("X-Forwarded-For")) }
	srv, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	hs := httptest.NewServer(srv)
	t.Cleanup(func() { _ = srv.Close(); hs.Close() })
	open := func(from string) (*websocket.Conn, int) {
		t.Helper()
		ws, resp, err := websocket.Dial(t.Context(), hs.URL, &websocket.DialOptions{
			HTTPHeader: http.Header{"X-Forwarded-For": {from}}, Subprotocols: []string{signalling.Subprotocol},
		})
		if resp == nil {
			t.Fatal(err)
		}
		if ws != nil {
			t.Cleanup(func() { _ = ws.CloseNow() })
		}
		return ws, resp.StatusCode
	}
	for i, want := range []int{http.StatusSwitchingProtocols, http.StatusServiceUnavailable} {
		if _, got := open("198.51.100.1"); got != want {
			t.Errorf("silent socket %d: %d, want %d", i+1, got, want)
		}
	}
	ws, got := open("198.51.100.2")
	if got != http.StatusSwitchingProtocols {
		t.Fatalf("another's page: %d", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	_ = ws.Write(ctx, websocket.MessageText, signalling.Encode(signalling.In{T: signalling.Hello, Ticket: h.ticket("a")}))
	if _, _, err := ws.Read(ctx); err != nil {
		t.Fatal(err)
	}
	if got := srv.Sessions(h.agents[0].ID); len(got) != 1 || got[0].Remote != "198.51.100.2" {
		t.Errorf("the page is %+v", got)
	}
}
