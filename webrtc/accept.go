package webrtc

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	"lamplight/presence"
	"lamplight/webrtc/signalling"
)

// helloTries is how often a page may say hello on one socket: once with its
// resume token, once with a ticket.
const helloTries = 2

// ServeHTTP is the WebSocket endpoint. It returns when the socket is closed.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, why := s.admit(r)
	if status != 0 {
		s.m.refuse(why)
		s.o.Log.Info().Stringer("src", s.source(r)).Str("origin", r.Header.Get("Origin")).
			Int("status", status).Str("why", why).Msg("webphone refused")
		if status == http.StatusServiceUnavailable {
			w.Header().Set("Retry-After", "5")
		}
		http.Error(w, "webphone: "+why, status)
		return
	}
	defer s.tasks.Done()
	l, err := s.upgrade(w, r)
	if err != nil {
		s.known(s.source(r))
		s.m.refuse("upgrade")
		s.o.Log.Info().Stringer("src", s.source(r)).Err(err).Msg("webphone refused")
		return
	}
	defer s.unlink(l)
	defer l.cut()
	if x := s.hello(l); x != nil {
		s.serve(x, l)
	}
}

// admit judges the request before anything is spent on it. A status of 0 means
// yes; then the socket is counted as a task and as waiting for its hello.
func (s *Server) admit(r *http.Request) (status int, why string) {
	if !s.originOK(r) {
		return http.StatusForbidden, "origin"
	}
	if !offers(r, signalling.Subprotocol) {
		return http.StatusBadRequest, "subprotocol"
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.state != open:
		return http.StatusServiceUnavailable, "draining"
	case !s.waiting.enter(s.source(r), &s.o.Limits):
		return http.StatusServiceUnavailable, "waiting"
	}
	s.tasks.Add(1)
	return 0, ""
}

// known: one socket less of that address waits for its hello.
func (s *Server) known(from netip.Addr) {
	s.mu.Lock()
	s.waiting.leave(from)
	s.mu.Unlock()
}

// originOK: a browser names the origin of the page that connects (RFC 6455
// §10.2). Ours and the configured ones may; what is no browser names none and
// has to have a ticket like everybody.
func (s *Server) originOK(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.ContainsFunc(s.o.Origins, func(o string) bool { return strings.EqualFold(o, origin) }) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host != "" && strings.EqualFold(u.Host, r.Host)
}

func offers(r *http.Request, protocol string) bool {
	for _, line := range r.Header.Values("Sec-WebSocket-Protocol") {
		for p := range strings.SplitSeq(line, ",") {
			if strings.TrimSpace(p) == protocol {
				return true
			}
		}
	}
	return false
}

func (s *Server) upgrade(w http.ResponseWriter, r *http.Request) (*link, error) {
	h := &hijacked{ResponseWriter: w}
	ws, err := websocket.Accept(h, r, &websocket.AcceptOptions{
		Subprotocols:       []string{signalling.Subprotocol},
		InsecureSkipVerify: true, // admit has looked at the origin
	})
	if err != nil {
		return nil, err //nolint:wrapcheck // says "failed to accept WebSocket connection"
	}
	l := &link{
		ws: ws, raw: h.conn,
		rate: rate.NewLimiter(rate.Limit(s.o.Limits.Rate), s.o.Limits.Burst),
		wake: make(chan struct{}, 1), gone: make(chan struct{}),
	}
	l.remote = s.source(r)
	ws.SetReadLimit(signalling.MaxHello)
	s.mu.Lock()
	s.links[l] = struct{}{}
	late := s.state == closed
	s.mu.Unlock()
	if late {
		l.cut()
	}
	return l, nil
}

func (s *Server) unlink(l *link) {
	s.mu.Lock()
	delete(s.links, l)
	s.mu.Unlock()
}

// hello waits for the page to say who it is, and returns its session with the
// socket attached, or nil after the socket was closed.
func (s *Server) hello(l *link) *session {
	defer s.known(l.remote)
	ctx, cancel := context.WithTimeout(context.Background(), s.o.Hello)
	defer cancel()
	for try := 1; ; try++ {
		m, err := l.read(ctx)
		if err != nil || m.T != signalling.Hello {
			s.noHello(l, ctx, err)
			return nil
		}
		x, refusal := s.attach(l, m)
		if refusal == nil {
			l.ws.SetReadLimit(signalling.MaxMessage)
			return x
		}
		s.m.refuse(refusal.why)
		s.o.Log.Info().Str("src", l.remote.String()).Str("why", refusal.why).Msg("webphone refused")
		again := refusal.retry && try < helloTries
		msg := signalling.RefusedMsg{T: signalling.Refused, Why: refusal.why, Retry: again}
		if l.write(signalling.Encode(msg), s.o.Write) != nil {
			return nil
		}
		if !again {
			l.close(websocket.StatusCode(refusal.code), refusal.why)
			return nil
		}
	}
}

// noHello closes a socket that said nothing, or something else.
func (s *Server) noHello(l *link, ctx context.Context, err error) { //nolint:revive // ctx is what is judged
	switch {
	case errors.Is(err, websocket.ErrMessageTooBig): // and closed with 1009
		s.m.refuse("too-big")
		s.o.Log.Info().Str("src", l.remote.String()).Err(err).Msg("webphone said too much for a hello")
	case ctx.Err() != nil:
		s.m.refuse("no-hello")
		s.o.Log.Info().Str("src", l.remote.String()).Msg("webphone said no hello in time")
		l.close(signalling.CloseNoHello, "no hello")
	case err == nil, errors.Is(err, signalling.ErrInvalid):
		s.m.refuse("invalid")
		s.o.Log.Info().Str("src", l.remote.String()).Err(err).Msg("webphone said something else than hello")
		l.close(websocket.StatusPolicyViolation, "hello expected")
	}
}

// read is the next message.
func (l *link) read(ctx context.Context) (signalling.In, error) {
	typ, b, err := l.ws.Read(ctx)
	if err != nil {
		return signalling.In{}, err //nolint:wrapcheck // judged by its type, logged by the caller
	}
	if typ != websocket.MessageText {
		return signalling.In{}, signalling.ErrInvalid
	}
	return signalling.Decode(b) //nolint:wrapcheck // of this project
}

// refusal says why a hello is not accepted.
type refusal struct {
	code  int
	why   string
	retry bool // a hello with a ticket may follow
}

// attach finds or makes the session of a hello, attaches the socket and sends
// the welcome.
func (s *Server) attach(l *link, m signalling.In) (*session, *refusal) {
	if m.Resume != "" {
		if x := s.resumed(l, m); x != nil {
			return x, nil
		}
		if m.Ticket == "" {
			return nil, &refusal{signalling.CloseRefused, "resume", true}
		}
	}
	sub, ok := s.o.Redeemer.Redeem(m.Ticket)
	if !ok {
		return nil, &refusal{signalling.CloseRefused, "ticket", false}
	}
	agent, ok := s.o.Directory.Agent(sub.Agent)
	if !ok {
		return nil, &refusal{signalling.CloseRefused, "agent", false}
	}
	if x := s.awaited(l, m, agent.ID, sub.Session); x != nil {
		return x, nil
	}
	x := &session{
		srv: s, id: presence.NewID().String(), login: sub.Session,
		device: s.device(sub.Agent), client: "web", tab: m.Tab, since: time.Now(),
	}
	if m.Client == "desktop" {
		x.client = m.Client
	}
	if !s.sit(agent, x) {
		return nil, &refusal{signalling.CloseTooMany, "too-many", false}
	}
	defer x.seat.mu.Unlock() // sit has locked it
	x.welcome(l, m, false)
	return x, nil
}

// awaited attaches the socket to a session of the same login that is away and has calls:
// the browser crashed and was started again, so nothing of the page is left to bring a
// resume token, and the calls are to go on.
func (s *Server) awaited(l *link, m signalling.In, agent presence.AgentID, login string) *session {
	s.mu.RLock()
	st := s.seats[agent]
	s.mu.RUnlock()
	if st == nil || login == "" {
		return nil
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	for _, x := range st.sessions {
		if x.link == nil && !x.ended && len(x.calls) > 0 && x.login == login && (x.client == "desktop") == (m.Client == "desktop") {
			x.welcome(l, m, true)
			return x
		}
	}
	return nil
}

// device is the agent's webphone in the directory, or an identity derived from
// the agent's.
func (s *Server) device(a presence.AgentID) presence.DeviceID {
	for _, d := range s.o.Directory.DevicesOf(a, time.Now()) {
		if d.Kind == presence.KindWebphone {
			return d.ID
		}
	}
	return presence.DeviceID{ID: presence.DeriveID(a.ID, string(presence.KindWebphone))}
}

// resumed attaches the socket to the session the token belongs to.
func (s *Server) resumed(l *link, m signalling.In) *session {
	s.mu.RLock()
	x := s.resume[m.Resume]
	s.mu.RUnlock()
	if x == nil {
		return nil
	}
	x.seat.mu.Lock()
	defer x.seat.mu.Unlock()
	if x.ended || x.token != m.Resume {
		return nil
	}
	x.welcome(l, m, true)
	return x
}
