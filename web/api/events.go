package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/web/access"
	"lamplight/web/live"
)

// writeLimit is how long one write to a stream may take before its reader is
// given up.
const writeLimit = 10 * time.Second

// snapshotChunk is how many agents one snapshot event holds.
const snapshotChunk = 500

// stream is one live stream of server-sent events (WHATWG HTML §9.2).
type stream struct {
	api     *API
	seat    *seat
	r       *request
	out     *http.ResponseController
	subject *access.Subject
	domain  *presence.Domain
	team    string
	agent   presence.AgentID // zero: every agent
	pos     uint64
	batch   []*live.Update
	buf     []byte
}

// streamEvents serves the live stream until the reader goes, the session ends
// or the server does.
func (a *API) streamEvents(r *request) error {
	dom, err := a.domain(r)
	if err != nil {
		return err
	}
	s := &stream{
		api: a, r: r, out: http.NewResponseController(r.w), subject: r.subject, domain: dom,
		team: r.URL.Query().Get("team"),
	}
	if name := r.URL.Query().Get("agent"); name != "" {
		agent, err := a.agentNamed(dom, name)
		if err != nil {
			return err
		}
		s.agent = agent.ID
	}
	if s.seat, err = a.enter(r.subject); err != nil {
		return err
	}
	defer a.leave(s.seat)
	h := r.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	r.w.WriteHeader(http.StatusOK)
	s.run()
	return nil
}

// manyAgents in one edit are told by a snapshot rather than one by one.
const manyAgents = 1000

// edited takes note of what changed in the directory: the roster publishes
// nothing of agents it has no facts of.
func (a *API) edited(e directory.Edit) {
	if len(e.Domains) > 0 || len(e.Agents)+len(e.DeleteAgents) > manyAgents {
		a.hub.Restart()
		return
	}
	for i := range e.Agents {
		if s, ok := a.o.Roster.Snapshot(e.Agents[i].ID); ok {
			a.hub.Touch(s)
		}
	}
	for _, id := range e.DeleteAgents {
		a.hub.Remove(id)
	}
}

// published takes note of a snapshot. The last one of an agent who was deleted
// may come after the deletion.
func (a *API) published(s *presence.Snapshot) {
	a.hub.Note(s)
	if _, ok := a.o.Directory.Agent(s.Agent); !ok && !s.Bare {
		a.hub.Remove(s.Agent)
	}
}

func (s *stream) run() {
	if !s.begin() {
		return
	}
	beat := time.NewTicker(s.api.o.Heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-s.api.hub.Changed(s.pos):
			if !s.catchUp() {
				return
			}
		case <-beat.C:
			if !s.stillLetIn() {
				return
			}
			if !s.alive() {
				return
			}
		case <-s.r.Context().Done():
			return
		case <-s.seat.over:
			return
		case <-s.api.done:
			return
		}
	}
}

// alive says that the stream lives and what time it is here. Without an id: the
// reader's position stays.
func (s *stream) alive() bool {
	return s.event("alive", "", struct {
		At time.Time `json:"at"`
	}{time.Now().UTC()})
}

// begin resumes after Last-Event-ID where that can be done, else sends the
// state as it is.
func (s *stream) begin() bool {
	s.buf = append(s.buf, "retry: 1000\n\n"...)
	if pos, ok := s.api.position(s.r.Header.Get("Last-Event-ID")); ok {
		if _, ok := s.api.hub.Since(pos, nil); ok {
			s.pos = pos
			return s.flush()
		}
	}
	return s.snapshot()
}

// position reads an event id of this process's stream.
func (a *API) position(id string) (uint64, bool) {
	epoch, n, ok := strings.Cut(id, ".")
	if !ok || epoch != a.epoch {
		return 0, false
	}
	pos, err := strconv.ParseUint(n, 10, 64)
	return pos, err == nil
}

// snapshot sends the state of every agent the stream is about. The position is
// taken before, so a change meanwhile is sent again rather than lost.
func (s *stream) snapshot() bool {
	s.pos = s.api.hub.Position()
	agents := s.api.o.Directory.Agents(s.domain.ID)
	if !s.agent.IsZero() {
		agent, ok := s.api.o.Directory.Agent(s.agent)
		agents = nil
		if ok {
			agents = []*presence.Agent{agent}
		}
	}
	now := time.Now()
	chunk := struct {
		Agents   []agentJSON `json:"agents"`
		Complete bool        `json:"complete"`
	}{Agents: []agentJSON{}}
	for _, agent := range agents {
		if s.team != "" && !slices.Contains(agent.Teams, s.team) {
			continue
		}
		snap, ok := s.api.o.Roster.Snapshot(agent.ID)
		if !ok {
			continue
		}
		if len(chunk.Agents) == snapshotChunk {
			if !s.event("snapshot", "", chunk) {
				return false
			}
			chunk.Agents = chunk.Agents[:0]
		}
		chunk.Agents = append(chunk.Agents, s.api.view(snap, s.subject.SeesAll(agent.ID), now))
	}
	chunk.Complete = true
	return s.event("snapshot", s.id(s.pos), chunk)
}

func (s *stream) id(pos uint64) string { return s.api.epoch + "." + strconv.FormatUint(pos, 10) }

// event writes one event at once.
func (s *stream) event(name, id string, v any) bool {
	data, err := json.Marshal(v)
	if err != nil {
		s.api.o.Log.Error().Err(err).Str("event", name).Msg("live stream")
		return false
	}
	s.append(name, id, data)
	return s.flush()
}

func (s *stream) append(name, id string, data []byte) {
	s.buf = fmt.Appendf(s.buf, "event: %s\n", name)
	if id != "" {
		s.buf = fmt.Appendf(s.buf, "id: %s\n", id)
	}
	s.buf = append(s.buf, "data: "...)
	s.buf = append(s.buf, data...)
	s.buf = append(s.buf, "\n\n"...)
}

// catchUp writes what is newer than the position, then gives changes a moment
// to gather.
func (s *stream) catchUp() bool {
	var ok bool
	s.batch, ok = s.api.hub.Since(s.pos, s.batch[:0])
	if !ok {
		return s.snapshot()
	}
	for from, i := s.pos, 0; i < len(s.batch); i++ {
		s.pos = s.batch[i].Seq
		s.update(s.batch[i], from)
		if len(s.buf) > 64<<10 && !s.flush() {
			return false
		}
	}
	clear(s.batch) // holds no snapshot longer than needed
	return s.flush() && s.pause()
}

// update adds one change, if the stream is about it; the reader knows what was
// up to from.
func (s *stream) update(u *live.Update, from uint64) {
	if !s.agent.IsZero() && u.Agent != s.agent {
		return
	}
	if u.Domain != s.domain.ID && !u.Domain.IsZero() {
		return
	}
	gone := u.Snapshot == nil
	if !gone {
		if s.team != "" && !slices.Contains(u.Snapshot.Teams, s.team) {
			if !u.Leaves(s.team, from) {
				return
			}
			gone = true
		}
	}
	s.api.meters.updates.Inc()
	if gone {
		s.append("removed", s.id(u.Seq), []byte(`{"id":"`+u.Agent.String()+`"}`))
		return
	}
	s.append("agent", s.id(u.Seq), u.Text(s.subject.SeesAll(u.Agent), s.api.render))
}

// render is the text of a change for one kind of reader; it is made once for
// all of them.
func (a *API) render(s *presence.Snapshot, all bool) []byte {
	b, err := json.Marshal(a.view(s, all, time.Now()))
	if err != nil {
		a.o.Log.Error().Err(err).Str("agent", s.Number).Msg("live stream")
		return []byte("{}")
	}
	return b
}

// flush writes what is gathered; false ends the stream. A reader that does not
// read in time is given up.
func (s *stream) flush() bool {
	if len(s.buf) == 0 {
		return true
	}
	_ = s.out.SetWriteDeadline(time.Now().Add(writeLimit))
	_, err := s.r.w.Write(s.buf)
	if cap(s.buf) > 256<<10 {
		s.buf = nil
	}
	s.buf = s.buf[:0]
	err = errors.Join(err, s.out.Flush())
	// Over HTTP/2 a deadline that passes ends the stream, though nothing is being
	// written.
	_ = s.out.SetWriteDeadline(time.Time{})
	return err == nil
}

// pause lets changes of one agent become one; false ends the stream.
func (s *stream) pause() bool {
	t := time.NewTimer(s.api.o.Coalesce)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.r.Context().Done():
	case <-s.seat.over:
	case <-s.api.done:
	}
	return false
}

// stillLetIn asks again who is reading: a session may have ended and a role
// changed since.
func (s *stream) stillLetIn() bool {
	now, err := s.api.who(s.r.Request)
	if err != nil || now.Agent != s.subject.Agent || now.Role != s.subject.Role || now.Domain != s.subject.Domain {
		return false
	}
	return true
}
