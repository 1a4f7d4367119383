package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"lamplight/presence"
	"lamplight/presence/routing"
	"lamplight/store"
)

// Bounds of looking for a call in the change log, which has no index by Call-ID.
const (
	maxCallID     = 1024
	maxLooked     = 20_000 // entries read for one question
	lookedPage    = 250    // entries read at once
	maxDecisions  = 200    // about one call; there is one for each agent asked
	defaultRecent = 20     // decisions about one agent
	defaultHours  = 24
	// maxRinging is how much later than its call a decision may be in the log: it
	// is kept when somebody has the call, or nobody.
	maxRinging = time.Hour
)

type (
	// tryJSON is one thing that happened to one target of a call.
	tryJSON struct {
		Target string              `json:"target"`
		Agent  string              `json:"agent,omitempty"`
		Kind   presence.DeviceKind `json:"kind,omitempty"`
		Name   string              `json:"name,omitempty"`
		What   string              `json:"what"`
		Status int                 `json:"status,omitempty"`
		At     time.Time           `json:"at"`
		After  float64             `json:"after_seconds"`
	}
	// replayJSON says what deciding again from the recorded inputs gives.
	replayJSON struct {
		Result string `json:"result"`
		Text   string `json:"text"`
	}
	// callDecisionJSON is one stored decision with all that came of it.
	callDecisionJSON struct {
		Seq      uint64            `json:"seq"`
		CallID   string            `json:"call_id,omitempty"`
		About    string            `json:"about,omitempty"` // group, else an agent
		Kind     presence.CallKind `json:"kind,omitempty"`
		Caller   string            `json:"caller,omitempty"`
		Group    string            `json:"group,omitempty"`
		Redirect bool              `json:"redirect,omitempty"`
		Number   string            `json:"number,omitempty"`
		Shown    string            `json:"shown,omitempty"`
		Actor    string            `json:"actor"`
		Node     string            `json:"node,omitempty"`
		Decision decisionJSON      `json:"decision"`
		Status   int               `json:"status,omitempty"`
		Contacts []string          `json:"contacts,omitempty"`
		LeftOut  []string          `json:"left_out,omitempty"`
		Tries    []tryJSON         `json:"tries,omitempty"`
		Replay   replayJSON        `json:"replay"`
	}
	// callSummaryJSON is the same in short.
	callSummaryJSON struct {
		Seq         uint64            `json:"seq"`
		ID          string            `json:"id"`
		CallID      string            `json:"call_id,omitempty"`
		At          time.Time         `json:"at"`
		Kind        presence.CallKind `json:"kind,omitempty"`
		Caller      string            `json:"caller,omitempty"`
		Number      string            `json:"number,omitempty"`
		Allow       bool              `json:"allow"`
		Status      int               `json:"status,omitempty"`
		Explanation string            `json:"explanation"`
	}
	// callJSON is what is known of a call. Next goes on looking further back.
	callJSON struct {
		CallID     string             `json:"call_id"`
		Decisions  []callDecisionJSON `json:"decisions"`
		Unreadable []uint64           `json:"unreadable,omitempty"`
		Looked     int                `json:"looked"`
		Back       time.Time          `json:"back_to"`
		Next       uint64             `json:"next,omitempty"`
	}
	callsJSON struct {
		Calls      []callSummaryJSON `json:"calls"`
		Unreadable []uint64          `json:"unreadable,omitempty"`
		Next       uint64            `json:"next,omitempty"`
	}
)

// getCall tells every decision about a SIP call, the oldest first.
func (a *API) getCall(r *request) error {
	dom, err := a.domain(r)
	if err != nil {
		return err
	}
	id := r.PathValue("call_id")
	if len(id) > maxCallID {
		return problem(http.StatusBadRequest, "no Call-ID is longer than %d bytes", maxCallID)
	}
	q := store.LogQuery{
		Domain: dom.ID.String(), Kind: routing.KindDecision, Newest: true,
		Before: uint64(max(0, r.intQuery("before", 0))),
	}
	if q.Entity, err = a.whose(r, dom); err != nil {
		return err
	}
	hours := r.intQuery("hours", defaultHours)
	out := callJSON{CallID: id, Decisions: []callDecisionJSON{}, Back: time.Now().Add(-time.Duration(hours) * time.Hour).UTC()}
	if err := a.look(r, q, &out); err != nil {
		return err
	}
	if len(out.Decisions) == 0 && len(out.Unreadable) == 0 {
		return notFound(&out, hours)
	}
	nameTries(out.Decisions)
	return r.answer(http.StatusOK, out)
}

// whose is the id of the agent that the question is bound to, empty for
// everybody: who may not see everybody's decisions sees those about themselves.
func (a *API) whose(r *request, dom *presence.Domain) (string, error) {
	named := r.URL.Query().Get("agent")
	if named == "" {
		if r.subject.Has(presence.RoleSupervisor) {
			return "", nil
		}
		if r.subject.Agent.IsZero() {
			return "", forbidden("%s may not see calls", r.subject.Actor())
		}
		return r.subject.Agent.String(), nil
	}
	agent, err := a.agentNamed(dom, named)
	if err != nil {
		return "", err
	}
	if !r.subject.SeesAll(agent.ID) {
		return "", forbidden("%s may see their own calls only", r.subject.Actor())
	}
	return agent.ID.String(), nil
}

// notFound says how far it was looked.
func notFound(c *callJSON, hours int64) error {
	text := fmt.Sprintf("no decision about the call %q among the %d of the last %d hours", c.CallID, c.Looked, hours)
	if c.Next > 0 {
		text = fmt.Sprintf("no decision about the call %q among the %d back to %s; look on with before=%d, or name the agent",
			c.CallID, c.Looked, c.Back.Format(time.RFC3339), c.Next)
	}
	return problem(http.StatusNotFound, "%s", text).named("unknown-call")
}

// look reads the log backward until the time is over or enough was read.
func (a *API) look(r *request, q store.LogQuery, out *callJSON) error {
	q.Limit = lookedPage
	name, err := json.Marshal(out.CallID)
	if err != nil {
		return problem(http.StatusBadRequest, "the Call-ID is no text: %v", err)
	}
	for {
		entries, err := a.o.Store.Log(r.Context(), q)
		if err != nil {
			return problem(http.StatusServiceUnavailable, "the log cannot be read: %v", err)
		}
		for i := range entries {
			e := &entries[i]
			if e.Time.Before(out.Back.Add(-maxRinging)) {
				return nil
			}
			out.Looked++
			q.Before = e.Seq
			// Few rows name the call: only these are read wholly.
			if !e.Time.Before(out.Back) && bytes.Contains(e.Before, name) {
				a.addDecision(out, e)
			}
		}
		switch {
		case len(entries) < q.Limit:
			return nil
		case out.Looked >= maxLooked || len(out.Decisions) >= maxDecisions:
			out.Next, out.Back = q.Before, entries[len(entries)-1].Time.UTC()
			return nil
		}
	}
}

// addDecision puts the entry in front, if it is about the call.
func (a *API) addDecision(out *callJSON, e *store.Entry) {
	rec, err := routing.ReadRecord(e.Before, e.After)
	if err != nil {
		out.Unreadable = append(out.Unreadable, e.Seq)
		return
	}
	if id, _ := rec.Asked(); id == out.CallID {
		out.Decisions = append([]callDecisionJSON{a.callDecision(e, &rec)}, out.Decisions...)
	}
}

// listAgentCalls tells the newest decisions about one agent, in short.
func (a *API) listAgentCalls(r *request) error {
	dom, agent, err := a.agent(r)
	if err != nil {
		return err
	}
	if !r.subject.SeesAll(agent.ID) {
		return forbidden("%s may see their own calls only", r.subject.Actor())
	}
	return a.newestCalls(r, dom.ID, agent.ID.String())
}

func (a *API) newestCalls(r *request, dom presence.DomainID, entity string) error {
	limit := int(r.intQuery("limit", defaultRecent))
	entries, err := a.o.Store.Log(r.Context(), store.LogQuery{
		Domain: dom.String(), Entity: entity, Kind: routing.KindDecision,
		Before: uint64(max(0, r.intQuery("before", 0))), Newest: true, Limit: limit + 1,
	})
	if err != nil {
		return problem(http.StatusServiceUnavailable, "the log cannot be read: %v", err)
	}
	out := callsJSON{Calls: []callSummaryJSON{}}
	if len(entries) > limit {
		entries = entries[:limit]
		out.Next = entries[limit-1].Seq
	}
	for i := range entries {
		e := &entries[i]
		rec, err := routing.ReadRecord(e.Before, e.After)
		if err != nil {
			out.Unreadable = append(out.Unreadable, e.Seq)
			continue
		}
		d := a.callDecision(e, &rec)
		out.Calls = append(out.Calls, callSummaryJSON{
			d.Seq, rec.ID, d.CallID, d.Decision.At, d.Kind, d.Caller, d.Number, d.Decision.Allow, d.Status, d.Decision.Explanation,
		})
	}
	return r.answer(http.StatusOK, out)
}

// callDecision is what is shown of a stored decision.
func (a *API) callDecision(e *store.Entry, rec *routing.Record) callDecisionJSON {
	s := rec.Snapshot
	if s == nil { // the agent was not known to the roster
		s = a.stranger(e)
	}
	j := callDecisionJSON{
		Seq: e.Seq, Actor: e.Actor, Node: e.Node, Status: rec.Status, Contacts: rec.Contacts, LeftOut: rec.LeftOut,
		Decision: a.decision(s, rec.Decision, e.Time.UTC()), Replay: replayed(rec),
	}
	j.Decision.ID = rec.ID
	if c := rec.Call; c != nil {
		j.Kind, j.Caller, j.Group, j.Redirect = c.Kind, c.Caller, c.Group, c.Redirect
	}
	if c := rec.Outbound; c != nil {
		j.Number, j.Shown = c.Number, c.Shown
	}
	if rec.Group != nil {
		a.aboutGroup(&j, rec)
	}
	id, at := rec.Asked()
	if j.CallID = id; !at.IsZero() {
		j.Decision.At = at.UTC()
	}
	for _, try := range rec.Tries {
		t := tryJSON{Target: try.Target, What: try.What, Status: try.Status, At: try.At.UTC(), After: try.At.Sub(j.Decision.At).Seconds()}
		t.Kind, t.Name = a.targetNamed(s, rec, try.Target)
		j.Tries = append(j.Tries, t)
	}
	return j
}

// stranger is the agent of an entry without a snapshot, as far as it is known now.
func (a *API) stranger(e *store.Entry) *presence.Snapshot {
	s := &presence.Snapshot{}
	if id, err := presence.ParseID(e.Entity); err == nil {
		s.Agent = presence.AgentID{ID: id}
		if agent, ok := a.o.Directory.Agent(s.Agent); ok {
			s.Number, s.Name = agent.Number, agent.Name
		}
	}
	return s
}

// targetNamed is what a target of the decision is, or of a device that woke for
// the call; empty if neither.
func (a *API) targetNamed(s *presence.Snapshot, rec *routing.Record, id string) (presence.DeviceKind, string) {
	for _, step := range rec.Decision.Steps {
		for _, t := range step.Targets {
			if t.ID == id {
				return t.Kind, a.deviceName(t.Device)
			}
		}
	}
	for i := range s.Devices {
		if d := &s.Devices[i]; d.ID == id {
			return d.Kind, a.deviceName(d.Device)
		}
	}
	if id == string(routing.KindFallback) {
		return routing.KindFallback, ""
	}
	return "", ""
}

// replayed decides again and compares.
func replayed(rec *routing.Record) replayJSON {
	switch _, same, err := rec.Replay(); {
	case errors.Is(err, routing.ErrRules):
		return replayJSON{"other_rules", fmt.Sprintf("decided by version %d of the rules; this server has %d and cannot repeat it", rec.Decision.Rules, routing.RulesVersion)}
	case err != nil:
		return replayJSON{"impossible", "the recorded inputs are not those of one decision"}
	case !same:
		return replayJSON{"different", "the recorded inputs give another decision now"}
	}
	return replayJSON{"identical", "the recorded inputs give the identical decision again"}
}
