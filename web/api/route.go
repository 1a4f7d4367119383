package api

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/presence/routing"
	"lamplight/store"
)

type (
	targetJSON struct {
		ID      string              `json:"id"`
		Device  string              `json:"device,omitempty"`
		Kind    presence.DeviceKind `json:"kind"`
		Name    string              `json:"name,omitempty"`
		URI     string              `json:"uri,omitempty"`
		Q       float64             `json:"q"`
		Push    bool                `json:"push,omitempty"`
		Confirm bool                `json:"confirm,omitempty"`
		Ring    float64             `json:"ring_seconds,omitempty"`
	}
	stepJSON struct {
		After   float64      `json:"after_seconds"`
		Targets []targetJSON `json:"targets"`
	}
	consideredJSON struct {
		ID     string              `json:"id"`
		Kind   presence.DeviceKind `json:"kind"`
		Name   string              `json:"name,omitempty"`
		Taken  bool                `json:"taken"`
		Reason string              `json:"reason"`
	}
	whoJSON struct {
		ID     string `json:"id"`
		Number string `json:"number"`
		Name   string `json:"name"`
	}
	decisionJSON struct {
		ID          string           `json:"id"`
		Agent       whoJSON          `json:"agent"`
		Allow       bool             `json:"allow"`
		Fallback    bool             `json:"fallback,omitempty"`
		Code        int              `json:"code,omitempty"`
		Text        string           `json:"text,omitempty"`
		Steps       []stepJSON       `json:"steps"`
		Devices     []consideredJSON `json:"devices"`
		Explanation string           `json:"explanation"`
		Rules       int              `json:"rules"`
		Snapshot    uint64           `json:"snapshot"`
		At          time.Time        `json:"at"`
	}
)

// route asks where a call to an agent would go.
func (a *API) route(r *request) error {
	var in struct {
		Agent    string            `json:"agent"`
		Kind     presence.CallKind `json:"kind"`
		Caller   string            `json:"caller"`
		Group    string            `json:"group"`
		Redirect bool              `json:"redirect"`
		CallID   string            `json:"call_id"`
	}
	if err := r.into(&in); err != nil {
		return err
	}
	dom, s, err := a.asked(r, in.Agent)
	if err != nil {
		return err
	}
	call := routing.Call{
		ID: in.CallID, Kind: cmp.Or(in.Kind, presence.CallRegular), Caller: in.Caller, Group: in.Group,
		Redirect: in.Redirect, At: time.Now().UTC(),
	}
	return a.decided(r, routing.Inputs{Snapshot: s, Policy: dom.Policy, Call: &call}, call.At)
}

// routeOutbound asks whether an agent may call out.
func (a *API) routeOutbound(r *request) error {
	var in struct {
		Agent  string `json:"agent"`
		Number string `json:"number"`
		Device string `json:"device"`
	}
	if err := r.into(&in); err != nil {
		return err
	}
	dom, s, err := a.asked(r, in.Agent)
	if err != nil {
		return err
	}
	call := routing.OutboundCall{Number: in.Number, At: time.Now().UTC()}
	callee, ok := a.o.Directory.AgentByNumber(dom.ID, in.Number)
	call.Colleague = ok && callee.ID != s.Agent
	if call.Device, err = a.callingDevice(s.Agent, in.Device, call.At); err != nil {
		return err
	}
	return a.decided(r, routing.Inputs{Snapshot: s, Policy: dom.Policy, Outbound: &call}, call.At)
}

// callingDevice is the agent's device of this id or user name; none named means
// the webphone.
func (a *API) callingDevice(agent presence.AgentID, name string, at time.Time) (presence.DeviceID, error) {
	for _, dev := range a.o.Directory.DevicesOf(agent, at) {
		if name == "" && dev.Kind == presence.KindWebphone || name != "" && a.isNamed(dev, name) {
			return dev.ID, nil
		}
	}
	if name == "" {
		return presence.DeviceID{}, problem(http.StatusUnprocessableEntity, "the agent has no webphone; name a device")
	}
	return presence.DeviceID{}, problem(http.StatusNotFound, "the agent has no device %q", name)
}

func (a *API) asked(r *request, name string) (*presence.Domain, *presence.Snapshot, error) {
	dom, err := a.domain(r)
	if err != nil {
		return nil, nil, err
	}
	agent, err := a.agentNamed(dom, name)
	if err != nil {
		return nil, nil, err
	}
	s, ok := a.o.Roster.Snapshot(agent.ID)
	if !ok {
		return nil, nil, roster.ErrUnknown
	}
	return dom, s, nil
}

// decided makes the decision and keeps it in the log, then answers with it.
func (a *API) decided(r *request, in routing.Inputs, at time.Time) error {
	d, err := in.Decide()
	if err != nil {
		return fmt.Errorf("api: decision: %w", err)
	}
	s, id := in.Snapshot, presence.NewID().String()
	record := routing.Record{Inputs: in, Outcome: routing.Outcome{ID: id, Decision: d}}
	before, after, err := record.Encode()
	if err != nil {
		return fmt.Errorf("api: decision: %w", err)
	}
	err = a.o.Store.Commit(r.Context(), store.Batch{Log: []store.Entry{{
		Domain: s.Domain.String(), Time: at, Node: a.o.Node, Actor: r.subject.Actor(), Cause: "route",
		Kind: routing.KindDecision, Entity: s.Agent.String(), Before: before, After: after,
	}}})
	if err != nil {
		return fmt.Errorf("api: keep decision: %w", err)
	}
	j := a.decision(s, d, at)
	j.ID = id
	return r.answer(http.StatusOK, j)
}

func (a *API) decision(s *presence.Snapshot, d routing.Decision, at time.Time) decisionJSON {
	j := decisionJSON{
		Agent: whoJSON{s.Agent.String(), s.Number, s.Name}, Allow: d.Allow, Fallback: d.Fallback, Code: d.Code, Text: d.Text,
		Steps: []stepJSON{}, Devices: []consideredJSON{}, Rules: d.Rules, Snapshot: d.Snapshot, At: at,
	}
	devices := make(map[string]presence.DeviceID, len(s.Devices))
	for i := range s.Devices {
		devices[s.Devices[i].ID] = s.Devices[i].Device
	}
	for _, step := range d.Steps {
		js := stepJSON{After: step.After.Seconds(), Targets: []targetJSON{}}
		for _, t := range step.Targets {
			jt := targetJSON{ID: t.ID, Kind: t.Kind, Name: a.deviceName(t.Device), URI: t.URI,
				Q: float64(t.Q) / 1000, Push: t.Push, Confirm: t.Confirm, Ring: t.Ring.Seconds()}
			if !t.Device.IsZero() {
				jt.Device = t.Device.String()
			}
			js.Targets = append(js.Targets, jt)
		}
		j.Steps = append(j.Steps, js)
	}
	for _, c := range d.Devices {
		j.Devices = append(j.Devices, consideredJSON{c.ID, c.Kind, a.deviceName(devices[c.ID]), c.Taken, c.Reason})
	}
	j.Explanation = explain(s, d)
	return j
}

// explain puts a decision into one sentence.
func explain(s *presence.Snapshot, d routing.Decision) string {
	who := s.Number
	switch {
	case d.Fallback:
		return fmt.Sprintf("%s is not rung (%d, %s); the call goes to the fallback.", who, d.Code, d.Text)
	case !d.Allow:
		return fmt.Sprintf("The call is refused with %d for %s: %s.", d.Code, who, d.Text)
	}
	var kinds []string
	for _, step := range d.Steps {
		for _, t := range step.Targets {
			k := t.Kind.Text()
			if step.After > 0 {
				k += fmt.Sprintf(" after %s", step.After)
			}
			kinds = append(kinds, k)
		}
	}
	if len(kinds) == 0 {
		return strings.TrimSuffix("The call is let out: "+d.Text, ": ") + "."
	}
	return fmt.Sprintf("The call rings %s: %s.", who, strings.Join(kinds, ", "))
}
