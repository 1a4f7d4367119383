// Package page is an agent's page as a program: it logs in, opens the webphone,
// proves a microphone with a test call and answers the server's pings, as
// webrtc/PROTOCOL.md says. For tests that need an agent online without a browser.
package page

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"lamplight/testbench/lab"
	"lamplight/webrtc/signalling"
	"lamplight/webrtc/testcall/testpage"
)

// Page is an agent's page whose webphone is open.
type Page struct {
	ws   *websocket.Conn
	done chan struct{} // closed when the socket's reader has ended

	mu    sync.Mutex
	mic   signalling.Claim        // guarded by mu
	test  *testpage.Page          // the test call under way; guarded by mu
	call  string                  // its name; guarded by mu
	state signalling.StateMsg     // the last one; guarded by mu
	over  []signalling.OverMsg    // guarded by mu
	said  []signalling.RefusedMsg // guarded by mu
}

// Open logs the demo's agent in and waits until calls may be offered to the
// page. The test's end closes it.
func Open(t testing.TB, s *lab.Server, number string) *Page {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	inputs := 1
	p := &Page{done: make(chan struct{}), mic: signalling.Claim{Perm: "granted", Probe: signalling.ProbeOK, Inputs: &inputs}}
	ticket, err := ticketFor(ctx, s, number)
	if err != nil {
		t.Fatalf("page of %s: %v", number, err)
	}
	//nolint:bodyclose // the dialer closes it
	p.ws, _, err = websocket.Dial(ctx, "ws://"+s.HTTP+"/webphone", &websocket.DialOptions{Subprotocols: []string{signalling.Subprotocol}})
	if err != nil {
		t.Fatalf("page of %s: %v", number, err)
	}
	t.Cleanup(func() {
		_ = p.ws.CloseNow()
		<-p.done
		p.endTest()
	})
	p.say(signalling.In{T: signalling.Hello, Ticket: ticket, Tab: "tab-" + number, Lead: true})
	go p.listen()
	p.claim()
	lab.Eventually(t, 15*time.Second, func() error {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.state.Target {
			return fmt.Errorf("the page is no target: %+v, refused %v, test calls %v", p.state, p.said, p.over)
		}
		return nil
	})
	return p
}

// Close closes the page as the agent does.
func (p *Page) Close() {
	_ = p.ws.Close(websocket.StatusGoingAway, "")
	<-p.done
}

// ticketFor logs in and asks for a webphone ticket.
func ticketFor(ctx context.Context, s *lab.Server, number string) (string, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	c := &http.Client{Jar: jar}
	err = post(ctx, c, "http://"+s.HTTP+"/api/v1/login", map[string]string{"number": number, "password": "demo-" + number}, nil)
	if err != nil {
		return "", err
	}
	var got struct {
		Ticket string `json:"ticket"`
	}
	err = post(ctx, c, "http://"+s.HTTP+"/api/v1/webphone-ticket", struct{}{}, &got)
	return got.Ticket, err
}

func post(ctx context.Context, c *http.Client, url string, in, out any) error {
	b, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(b))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode >= 300 {
		return fmt.Errorf("POST %s: HTTP %d", url, res.StatusCode)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(res.Body).Decode(out)
}

func (p *Page) say(m signalling.In) {
	_ = p.ws.Write(context.Background(), websocket.MessageText, signalling.Encode(m))
}

func (p *Page) claim() {
	p.mu.Lock()
	mic := p.mic
	p.mu.Unlock()
	p.say(signalling.In{T: signalling.Mic, Mic: &mic})
}

// listen answers the server until the socket ends.
func (p *Page) listen() {
	defer close(p.done)
	for {
		_, b, err := p.ws.Read(context.Background())
		if err != nil {
			return
		}
		var m struct {
			T    signalling.Type `json:"t"`
			N    uint64          `json:"n"`
			Call string          `json:"call"`
			SDP  string          `json:"sdp"`
		}
		if json.Unmarshal(b, &m) != nil {
			return
		}
		switch m.T {
		case signalling.Ping:
			p.mu.Lock()
			mic := p.mic
			p.mu.Unlock()
			p.say(signalling.In{T: signalling.Pong, N: m.N, Mic: &mic})
		case signalling.Probe:
			p.claim()
		case signalling.Test:
			p.begin(m.Call)
		case signalling.Answer:
			p.accept(m.Call, m.SDP)
		case signalling.Over:
			p.endTest()
		}
		p.remember(m.T, b)
	}
}

func (p *Page) remember(t signalling.Type, b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch t {
	case signalling.State:
		p.state = signalling.StateMsg{}
		_ = json.Unmarshal(b, &p.state)
	case signalling.Over:
		var o signalling.OverMsg
		_ = json.Unmarshal(b, &o)
		p.over = append(p.over, o)
	case signalling.Refused:
		var r signalling.RefusedMsg
		_ = json.Unmarshal(b, &r)
		p.said = append(p.said, r)
	}
}

// begin makes the test call the server asked for.
func (p *Page) begin(call string) {
	p.endTest()
	test, err := testpage.New(testpage.Options{Level: 30, Voice: true})
	if err != nil {
		return // the server says in time that no offer came
	}
	p.mu.Lock()
	p.test, p.call = test, call
	p.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	sdp, err := test.Offer(ctx)
	if err != nil {
		return
	}
	p.say(signalling.In{T: signalling.Offer, Call: call, SDP: sdp})
}

// accept takes the answer, speaks, and tells what is heard until the call ends.
func (p *Page) accept(call, sdp string) {
	p.mu.Lock()
	test := p.test
	p.mu.Unlock()
	if test == nil || test.Accept(sdp) != nil {
		return
	}
	go func() {
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			p.mu.Lock()
			current := p.call == call
			p.mu.Unlock()
			if !current {
				return
			}
			p.say(signalling.In{T: signalling.Heard, Call: call, Packets: test.Received()})
		}
	}()
}

// endTest closes the test call under way.
func (p *Page) endTest() {
	p.mu.Lock()
	test := p.test
	p.test, p.call = nil, ""
	p.mu.Unlock()
	if test != nil {
		test.Close()
	}
}
