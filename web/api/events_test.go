package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
)

// event is one server-sent event.
type event struct {
	name, id, data string
}

// listener reads a live stream.
type listener struct {
	h      *house
	res    *http.Response
	lines  *bufio.Reader
	cancel context.CancelFunc
	last   string // id of the newest event
}

// listen opens a stream; after is a Last-Event-ID or empty.
func (h *house) listen(who any, query, after string) *listener {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 20*time.Second)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.server.URL+Base+"/events"+query, nil)
	if err != nil {
		h.t.Fatal(err)
	}
	identify(who, req)
	if after != "" {
		req.Header.Set("Last-Event-ID", after)
	}
	res, err := h.server.Client().Transport.RoundTrip(req)
	if err != nil {
		h.t.Fatal(err)
	}
	l := &listener{h: h, res: res, lines: bufio.NewReader(res.Body), cancel: cancel, last: after}
	h.t.Cleanup(l.close)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		h.t.Fatalf("status %d, %s", res.StatusCode, res.Header.Get("Content-Type"))
	}
	return l
}

func (l *listener) close() {
	l.cancel()
	_ = l.res.Body.Close()
}

// next is the next event or comment; ok is false at the end of the stream.
func (l *listener) next() (e event, ok bool) {
	l.h.t.Helper()
	for {
		line, err := l.lines.ReadString('\n')
		if err != nil {
			return event{}, false
		}
		line = strings.TrimSuffix(line, "\n")
		field, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "" && e != (event{}):
			if e.id != "" {
				l.last = e.id
			}
			return e, true
		case line == "":
		case strings.HasPrefix(line, ":"):
			e.name = "comment"
		case field == "event":
			e.name = value
		case field == "id":
			e.id = value
		case field == "data":
			e.data = value
		}
	}
}

// want is the next event but comments, which must have this name, and fit the
// document.
func (l *listener) want(name string) *reply {
	l.h.t.Helper()
	for {
		e, ok := l.next()
		if !ok {
			l.h.t.Fatalf("the stream ended before %s", name)
		}
		if e.name == "comment" {
			continue
		}
		if e.name != name {
			l.h.t.Fatalf("event %s, want %s: %s", e.name, name, e.data)
		}
		described := map[string]string{"snapshot": "SnapshotEvent", "agent": "Agent", "removed": "RemovedEvent", "alive": "AliveEvent"}[name]
		l.h.fits(l.h.api.contract.schemas[described], []byte(e.data))
		return &reply{l.h.t, 200, nil, []byte(e.data)}
	}
}

// until reads events of the agent until its team view is this.
func (l *listener) until(number string, status presence.Status) *reply {
	l.h.t.Helper()
	for {
		r := l.want("agent")
		if r.get("number") == number && r.get("status", "team", "status") == string(status) {
			return r
		}
	}
}

func TestStream(t *testing.T) {
	h := newHouse(t)
	l := h.listen(admin, "", "")
	l.want("snapshot").is("1001", "agents", 0, "number").is("1003", "agents", 2, "number").is(nil, "agents", 3).is(true, "complete")
	h.online("1001")
	l.until("1001", presence.StatusAvailable).is("webphone", "devices", 0, "kind")
	h.talking("1001", presence.CallCampaign)
	l.until("1001", presence.StatusOnACall).is("talking", "legs", 0, "state")
	h.do("1001", roster.EndLeg{ID: "leg"})
	l.until("1001", presence.StatusWrapUp)

	h.ask(admin, "POST", "/agents", `{"number":"1099","name":"Nora"}`).want(201)
	l.want("agent").is("Nora", "name")
	h.ask(admin, "PATCH", "/agents/1099", `{"name":"Nora Field"}`).want(200)
	for l.want("agent").get("name") != "Nora Field" {
	}
	id := h.agent("1099").ID.String()
	h.ask(admin, "DELETE", "/agents/1099", "").want(204)
	for {
		e, ok := l.next()
		if !ok {
			t.Fatal("the stream ended before the removal")
		}
		if e.name == "removed" {
			h.fits(h.api.contract.schemas["RemovedEvent"], []byte(e.data))
			if !strings.Contains(e.data, id) {
				t.Errorf("removed %s, want %s", e.data, id)
			}
			return
		}
	}
}

// Nothing is missed and nothing old repeated over a broken connection.
func TestStreamResumes(t *testing.T) {
	h := newHouse(t)
	l := h.listen(admin, "", "")
	l.want("snapshot")
	h.online("1001")
	l.until("1001", presence.StatusAvailable)
	l.close()
	h.online("1002")
	h.do("1002", roster.Select{Status: presence.SelectDND})
	h.do("1001", roster.Select{Status: presence.SelectDND})
	h.do("1001", roster.Select{Status: presence.SelectAvailable})

	again := h.listen(admin, "", l.last)
	first := again.want("agent").is("1002", "number").is("do_not_disturb", "status", "team", "status")
	second := again.want("agent").is("1001", "number").is("available", "status", "team", "status")
	if first.get("version").(float64) <= 0 || second.get("version").(float64) <= 0 {
		t.Error("no version")
	}
	h.do("1003", roster.Select{Status: presence.SelectDND})
	again.want("agent").is("1003", "number") // and nothing else was between
}

func TestStreamCannotResume(t *testing.T) {
	h := newHouse(t)
	l := h.listen(admin, "", "")
	l.want("snapshot")
	for name, id := range map[string]string{
		"another process": "AAAAAAAAAA.1",
		"the future":      h.api.epoch + ".99999",
		"rubbish":         "what?",
		"no number":       h.api.epoch + ".x",
	} {
		t.Run(name, func(t *testing.T) {
			h := *h
			h.t = t
			h.listen(admin, "", id).want("snapshot")
		})
	}
	t.Run("too much changed", func(t *testing.T) {
		h := *h
		h.t = t
		dom := *h.one
		dom.Policy.Grace = time.Second
		if err := h.dir.Apply(t.Context(), directory.Edit{Domains: []presence.Domain{dom}}); err != nil {
			t.Fatal(err)
		}
		h.listen(admin, "", l.last).want("snapshot")
	})
	l.want("snapshot") // who was connected is told everything anew too
}

func TestStreamFilters(t *testing.T) {
	h := newHouse(t)
	sales := h.listen(admin, "?team=sales", "")
	sales.want("snapshot").is("1001", "agents", 0, "number").is("1002", "agents", 1, "number").is(nil, "agents", 2)
	one := h.listen(admin, "?agent=1003", "")
	one.want("snapshot").is("1003", "agents", 0, "number").is(nil, "agents", 1)
	other := h.listen(elsewhere, "", "")
	other.want("snapshot").is("Zoe Other", "agents", 0, "name").is(nil, "agents", 1)

	h.online("1003")
	h.online("1002")
	sales.until("1002", presence.StatusAvailable)
	one.want("agent").is("1003", "number")
	// Moving to another team takes the agent out of this one's stream.
	h.ask(admin, "PATCH", "/agents/1002", `{"teams":["support"]}`).want(200)
	for {
		e, ok := sales.next()
		if !ok {
			t.Fatal("the stream ended before the removal")
		}
		if e.name == "removed" {
			break
		}
	}
	h.do("1001", roster.Select{Status: presence.SelectDND})
	sales.want("agent").is("1001", "number")
	zoe, _ := h.dir.DomainByName("two.test")
	agent, _ := h.dir.AgentByNumber(zoe.ID, "1001")
	if _, err := h.roster.Do(t.Context(), agent.ID, roster.Change{Ops: []roster.Op{roster.Select{Status: presence.SelectDND}}}); err != nil {
		t.Fatal(err)
	}
	other.want("agent").is("Zoe Other", "name")
	h.ask(admin, "GET", "/events?agent=4711", "").problem(404, "4711")
}

func TestStreamShowsWhatOneMaySee(t *testing.T) {
	h := newHouse(t)
	l := h.listen(h.login("1001"), "", "")
	l.want("snapshot").is("offline", "agents", 0, "status", "own", "status").is(nil, "agents", 1, "status", "own").is(nil, "agents", 1, "settings")
	h.online("1002")
	l.until("1002", presence.StatusAvailable).is(nil, "status", "own").is(nil, "devices")
	h.online("1001")
	l.until("1001", presence.StatusAvailable).is("available", "status", "own", "status")
}

// A reader who does not read gets, once it does, each agent's newest state and
// nothing older; nobody waits for it and nothing piles up.
func TestSlowReader(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Coalesce = 50 * time.Millisecond })
	l := h.listen(admin, "", "")
	l.want("snapshot")
	const changes = 400
	for i := range changes {
		s := presence.SelectAvailable
		if i%2 == 0 {
			s = presence.SelectDND
		}
		h.do("1001", roster.Select{Status: s})
	}
	final := h.do("1001", roster.Select{Status: presence.SelectCustom("Mail")})
	n := 0
	for {
		r := l.want("agent")
		n++
		if r.get("version") == float64(final.Version) {
			break
		}
	}
	if n > changes/4 {
		t.Errorf("%d events for %d changes: they were queued, not coalesced", n, changes)
	}
	if list, _ := h.api.hub.Since(0, nil); len(list) != 1 {
		t.Errorf("%d states are held for one agent", len(list))
	}
}

// A reader whose connection takes nothing any more is given up in time.
func TestStuckReaderIsGivenUp(t *testing.T) {
	h := newHouse(t)
	s := &stream{api: h.api, r: &request{}, buf: []byte("x")}
	ours, theirs := net.Pipe() // takes nothing unless read
	defer ours.Close()
	defer theirs.Close()
	w := &pipeWriter{Conn: ours}
	s.r.w, s.out = w, http.NewResponseController(w)
	began := time.Now()
	w.limit = 20 * time.Millisecond
	if s.flush() {
		t.Error("the write passed")
	}
	if took := time.Since(began); took > 5*time.Second || !w.asked {
		t.Errorf("took %s, deadline asked for: %v", took, w.asked)
	}
}

// pipeWriter is a response on a connection that is stuck; limit stands for the
// deadline, which is asked for but too long for a test.
type pipeWriter struct {
	net.Conn
	limit time.Duration
	asked bool
	// cleared: no deadline holds any more.
	cleared bool
}

func (w *pipeWriter) Header() http.Header { return http.Header{} }
func (w *pipeWriter) WriteHeader(int)     {}
func (w *pipeWriter) FlushError() error   { return nil }
func (w *pipeWriter) SetWriteDeadline(at time.Time) error {
	if at.IsZero() {
		w.cleared = true
		return nil
	}
	w.asked, w.cleared = time.Until(at) <= writeLimit, false
	return w.Conn.SetWriteDeadline(time.Now().Add(w.limit))
}

// Over HTTP/2 a deadline that passes between two writes ends the stream.
func TestAnIdleStreamHasNoDeadline(t *testing.T) {
	h := newHouse(t)
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() { _, _ = io.Copy(io.Discard, theirs) }()
	w := &pipeWriter{Conn: ours, limit: time.Second}
	s := &stream{api: h.api, r: &request{w: w}, out: http.NewResponseController(w), buf: []byte("x")}
	if !s.flush() || !w.asked || !w.cleared {
		t.Errorf("deadline asked for %v, cleared after %v", w.asked, w.cleared)
	}
}

func TestStreamHeartbeatAndEnd(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Heartbeat = 10 * time.Millisecond })
	c := h.login("1001")
	l := h.listen(c, "", "")
	l.want("snapshot")
	if e, ok := l.next(); !ok || e.name != "alive" || e.id != "" || !strings.Contains(e.data, `"at":"20`) {
		t.Fatalf("got %+v %v, want the server's clock", e, ok)
	}
	h.ask(c, "POST", "/logout", "").want(204)
	for {
		if _, ok := l.next(); !ok {
			return // the session ended, and with it the stream
		}
	}
}

func TestStreamsAreBounded(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Streams = 1 })
	l := h.listen(admin, "", "")
	l.want("snapshot")
	h.ask(admin, "GET", "/events", "").problem(503, "too many")
	l.close()
	for range 200 { // the place is free once the server has noticed
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, h.server.URL+Base+"/events", nil)
		identify(admin, req)
		res, err := h.server.Client().Transport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = res.Body.Close()
		cancel()
		if res.StatusCode == http.StatusOK {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Error("the place was never free again")
}

func TestCloseEndsStreams(t *testing.T) {
	h := newHouse(t)
	l := h.listen(admin, "", "")
	l.want("snapshot")
	if err := h.api.Close(); err != nil {
		t.Fatal(err)
	}
	if e, ok := l.next(); ok {
		t.Errorf("after the end: %+v", e)
	}
	h.ask(admin, "GET", "/events", "").problem(503, "stopping")
}

// A domain of many comes in several snapshot events.
func TestLargeSnapshot(t *testing.T) {
	h := newHouse(t)
	var csv strings.Builder
	csv.WriteString("number,password,name,team\n")
	for i := range 1100 {
		fmt.Fprintf(&csv, "2%04d,pw,Agent %d,big\n", i, i)
	}
	h.ask(admin, "POST", "/import", csv.String()).want(200).is(1100, "created")
	l := h.listen(admin, "?team=big", "")
	seen := 0
	for {
		var chunk struct {
			Agents   []json.RawMessage
			Complete bool
		}
		if err := json.Unmarshal(l.want("snapshot").body, &chunk); err != nil {
			t.Fatal(err)
		}
		seen += len(chunk.Agents)
		if chunk.Complete {
			break
		}
	}
	if seen != 1100 {
		t.Errorf("%d agents, want 1100", seen)
	}
}

func TestOneAgentsPagesLeaveRoomForOthers(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.AgentStreams = 2 })
	c := h.login("1001")
	first := h.listen(c, "", "")
	h.listen(c, "", "")
	h.ask(c, "GET", "/events", "").problem(429, "close some")
	h.listen(h.login("1002"), "", "")
	first.close()
	for range 1000 { // until the server has noticed
		h.api.mu.Lock()
		open := h.api.open
		h.api.mu.Unlock()
		if open == 2 {
			h.listen(c, "", "")
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Error("the place was never free again")
}

func TestLogoutEndsTheSessionsStreamsAtOnce(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Heartbeat = time.Hour })
	c, other := h.login("1001"), h.login("1001")
	mine, theirs := h.listen(c, "", ""), h.listen(other, "", "")
	mine.want("snapshot")
	theirs.want("snapshot")
	h.ask(c, "POST", "/logout", "").want(204)
	for {
		if _, ok := mine.next(); !ok {
			break
		}
	}
	h.online("1002")
	theirs.want("agent")
}
