package webrtc

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"lamplight/webrtc/signalling"
)

// pipes is a listener whose connections are in memory, so that its time may be
// a bubble's.
type pipes struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case p.conns <- there:
		return here, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// lab is a Server behind HTTP in memory.
type lab struct {
	*house
	srv    *Server
	client *http.Client
	url    string
	t      testing.TB
}

func newLab(t testing.TB, agents int, o Options) *lab {
	h := newHouse(t, agents)
	return openLab(t, h, o)
}

func openLab(t testing.TB, h *house, o Options) *lab {
	t.Helper()
	if o.Roster == nil {
		o.Roster, o.Directory = h, h
	}
	o.Redeemer = h
	srv, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/webphone", srv)
	mux.Handle("/webphone/bye", srv.Beacon())
	hs := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	p := newPipes()
	served := make(chan struct{})
	go func() { _ = hs.Serve(p); close(served) }()
	tr := &http.Transport{DialContext: p.dial}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
		tr.CloseIdleConnections()
		_ = hs.Close()
		<-served
	})
	return &lab{house: h, srv: srv, client: &http.Client{Transport: tr}, url: "http://desk.test", t: t}
}

// page is a fake page. It answers pings in its message handler unless frozen.
type page struct {
	lab *lab
	ws  *websocket.Conn

	mu      sync.Mutex
	frozen  bool
	asked   uint64           // the last ping's number
	mic     signalling.Claim // sent with every answer
	welcome signalling.WelcomeMsg
	state   signalling.StateMsg
	seen    map[signalling.Type][]json.RawMessage
	closed  websocket.StatusCode
	done    chan struct{}
}

func one() *int { n := 1; return &n }

func granted() signalling.Claim {
	return signalling.Claim{Perm: "granted", Probe: signalling.ProbeOK, Inputs: one()}
}

func (l *lab) dial(h http.Header, subprotocols ...string) (*websocket.Conn, *http.Response, error) {
	return websocket.Dial(context.Background(), l.url+"/webphone", &websocket.DialOptions{
		HTTPClient: l.client, HTTPHeader: h, Subprotocols: subprotocols,
	})
}

// open connects, says hello and waits for the welcome (or the end).
func (l *lab) open(hello signalling.In) *page {
	l.t.Helper()
	ws, resp, err := l.dial(nil, signalling.Subprotocol)
	if err != nil {
		l.t.Fatal(err)
	}
	if resp.Body != nil {
		defer resp.Body.Close()
	}
	p := &page{lab: l, ws: ws, seen: map[signalling.Type][]json.RawMessage{}, done: make(chan struct{})}
	if hello.Mic != nil {
		p.mic = *hello.Mic
	}
	hello.T = signalling.Hello
	p.say(hello)
	go p.listen()
	return p
}

// login opens a leading page with a fresh ticket and a granted microphone.
func (l *lab) login(name string) *page {
	l.t.Helper()
	p := l.open(signalling.In{Ticket: l.ticket(name), Tab: name, Lead: true})
	p.claim(granted())
	return p
}

func (p *page) say(m signalling.In) {
	_ = p.ws.Write(context.Background(), websocket.MessageText, signalling.Encode(m))
}

func (p *page) claim(c signalling.Claim) {
	p.mu.Lock()
	p.mic = c
	p.mu.Unlock()
	p.say(signalling.In{T: signalling.Mic, Mic: &c})
}

func (p *page) listen() {
	defer close(p.done)
	for {
		_, b, err := p.ws.Read(context.Background())
		if err != nil {
			p.mu.Lock()
			p.closed = websocket.CloseStatus(err)
			p.mu.Unlock()
			_ = p.ws.CloseNow()
			return
		}
		var m struct {
			T signalling.Type `json:"t"`
			N uint64          `json:"n"`
		}
		_ = json.Unmarshal(b, &m)
		p.mu.Lock()
		p.seen[m.T] = append(p.seen[m.T], b)
		switch m.T {
		case signalling.Welcome:
			_ = json.Unmarshal(b, &p.welcome)
		case signalling.Ping:
			p.asked = m.N
		case signalling.State:
			p.state = signalling.StateMsg{}
			_ = json.Unmarshal(b, &p.state)
		}
		frozen, mic := p.frozen, p.mic
		p.mu.Unlock()
		if m.T == signalling.Ping && !frozen {
			p.say(signalling.In{T: signalling.Pong, N: m.N, Mic: &mic})
		}
	}
}

// freeze stops answering; a page that thaws answers what has piled up.
func (p *page) freeze(on bool) {
	p.mu.Lock()
	p.frozen = on
	n, mic := p.asked, p.mic
	p.mu.Unlock()
	if !on {
		p.say(signalling.In{T: signalling.Pong, N: n, Mic: &mic})
	}
}

func (p *page) now() signalling.StateMsg { p.mu.Lock(); defer p.mu.Unlock(); return p.state }

func (p *page) greeting() signalling.WelcomeMsg {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.welcome
}

func (p *page) count(t signalling.Type) int { p.mu.Lock(); defer p.mu.Unlock(); return len(p.seen[t]) }

func (p *page) last(t signalling.Type) json.RawMessage {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.seen[t]); n > 0 {
		return p.seen[t][n-1]
	}
	return nil
}

// gone waits for the socket's end and returns the close code.
func (p *page) gone() websocket.StatusCode {
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// vanish closes the socket as a browser does when a tab is closed.
func (p *page) vanish() {
	_ = p.ws.Close(websocket.StatusGoingAway, "")
	<-p.done
}
