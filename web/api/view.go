package api

import (
	"time"

	"lamplight/presence"
)

// The JSON of an agent; the document has the same names.
type (
	viewJSON struct {
		presence.Label
		Text     string         `json:"text"`
		Since    time.Time      `json:"since"`
		Cause    presence.Cause `json:"cause,omitempty"`
		Why      string         `json:"why,omitempty"`
		Duration int64          `json:"duration_seconds"`
	}
	viewsJSON struct {
		Team viewJSON  `json:"team"`
		Own  *viewJSON `json:"own,omitempty"`
	}
	selectionJSON struct {
		presence.Label
		At     time.Time      `json:"at,omitzero"`
		Cause  presence.Cause `json:"cause,omitempty"`
		Actor  string         `json:"actor,omitempty"`
		Reason string         `json:"reason,omitempty"`
	}
	deviceStateJSON struct {
		ID        string              `json:"id"`
		Device    string              `json:"device,omitempty"`
		Kind      presence.DeviceKind `json:"kind"`
		Name      string              `json:"name,omitempty"`
		Enabled   bool                `json:"enabled"`
		Reachable bool                `json:"reachable"`
		Why       string              `json:"why,omitempty"`
		Contact   string              `json:"contact,omitempty"`
		Q         *float64            `json:"q,omitempty"`
		FlowOnly  bool                `json:"flow_only,omitempty"`
		Push      bool                `json:"push,omitempty"`
		Restored  bool                `json:"restored,omitempty"`
		Delay     float64             `json:"delay_seconds,omitempty"`
		Group     bool                `json:"group,omitempty"`
		Confirm   bool                `json:"confirm,omitempty"`
	}
	sessionJSON struct {
		ID     string                `json:"id"`
		Client string                `json:"client"`
		State  presence.SessionState `json:"state"`
		Mic    presence.Mic          `json:"microphone"`
		Proven bool                  `json:"microphone_proven"`
		Since  time.Time             `json:"since"`
	}
	legJSON struct {
		ID         string             `json:"id"`
		Call       string             `json:"call"`
		Device     string             `json:"device,omitempty"`
		Source     string             `json:"source,omitempty"`
		Direction  presence.Direction `json:"direction"`
		Kind       presence.CallKind  `json:"kind"`
		State      presence.LegState  `json:"state"`
		Remote     string             `json:"remote,omitempty"`
		RemoteName string             `json:"remote_name,omitempty"`
		Since      time.Time          `json:"since"`
		Duration   int64              `json:"duration_seconds"`
	}
	wrapUpJSON struct {
		Call      string    `json:"call,omitempty"`
		Since     time.Time `json:"since"`
		Until     time.Time `json:"until,omitzero"`
		Remaining *int64    `json:"remaining_seconds,omitempty"`
	}
	routesJSON struct {
		Regular  bool `json:"regular"`
		Campaign bool `json:"campaign"`
		Outbound bool `json:"outbound"`
	}
	agentJSON struct {
		ID       string            `json:"id"`
		Domain   string            `json:"domain"`
		Number   string            `json:"number"`
		Name     string            `json:"name"`
		Teams    []string          `json:"teams"`
		Role     presence.Role     `json:"role,omitempty"`
		AORs     []string          `json:"aors,omitempty"`
		HasLogin *bool             `json:"has_login,omitempty"`
		Status   viewsJSON         `json:"status"`
		Version  uint64            `json:"version"`
		At       time.Time         `json:"at"`
		Online   bool              `json:"online"`
		Engaged  bool              `json:"engaged"`
		Ringing  bool              `json:"ringing"`
		Selected *selectionJSON    `json:"selected,omitempty"`
		Reach    *bool             `json:"reachable,omitempty"`
		Why      string            `json:"why,omitempty"`
		Routes   *routesJSON       `json:"routes,omitempty"`
		Warnings []string          `json:"warnings,omitempty"`
		Devices  []deviceStateJSON `json:"devices,omitempty"`
		Sessions []sessionJSON     `json:"sessions,omitempty"`
		Legs     []legJSON         `json:"legs,omitempty"`
		WrapUp   *wrapUpJSON       `json:"wrap_up,omitempty"`
		Settings *settingsJSON     `json:"settings,omitempty"`
		Caller   *callerJSON       `json:"caller,omitempty"`
	}
)

// view renders a snapshot as it is at now, either all of it or what the team
// sees. Who the agent is comes from the directory, which may be ahead of the
// snapshot by an edit.
func (a *API) view(s *presence.Snapshot, all bool, now time.Time) agentJSON {
	now = now.UTC()
	v := agentJSON{
		ID: s.Agent.String(), Number: s.Number, Name: s.Name, Teams: noNil(s.Teams),
		Status:  viewsJSON{Team: viewOf(s.Team, now)},
		Version: s.Version, At: now,
		Online: s.Online, Engaged: s.Engaged, Ringing: s.Offered,
	}
	if dom, ok := a.o.Directory.Domain(s.Domain); ok {
		v.Domain = dom.Name()
	}
	agent, known := a.o.Directory.Agent(s.Agent)
	if known {
		v.Number, v.Name, v.Teams = agent.Number, agent.Name, noNil(agent.Teams)
	}
	if !all {
		return v
	}
	own := viewOf(s.Own, now)
	if s.Own.Status == presence.StatusOffline {
		own.Why = s.OfflineWhy
	}
	v.Status.Own = &own
	if known {
		has := agent.LoginHash != ""
		v.Role, v.AORs, v.HasLogin = agent.Role, agent.AORs, &has
		v.Caller = callerOf(agent)
	}
	v.Selected = selectionOf(s.Selected)
	v.Reach, v.Why = &s.Reachable, s.Why
	v.Routes = &routesJSON{s.Regular, s.Campaign, s.Outbound}
	v.Warnings = s.Warnings
	for i := range s.Devices {
		v.Devices = append(v.Devices, a.deviceState(&s.Devices[i]))
	}
	for i := range s.Sessions {
		e := &s.Sessions[i]
		v.Sessions = append(v.Sessions, sessionJSON{e.ID, e.Client, e.State, e.Mic, e.MicProven, e.Since.UTC()})
	}
	for i := range s.Legs {
		v.Legs = append(v.Legs, legOf(&s.Legs[i], now))
	}
	v.WrapUp = wrapUpOf(s.WrapUp, now)
	settings := settingsOf(&s.Settings)
	v.Settings = &settings
	return v
}

func viewOf(v presence.View, now time.Time) viewJSON {
	return viewJSON{
		Label: v.Label, Text: v.Text(), Since: v.Since.UTC(), Cause: v.Cause,
		Duration: wholeSeconds(v.Since, now),
	}
}

// wholeSeconds from since to now, never negative; 0 for no time at all.
func wholeSeconds(since, now time.Time) int64 {
	if since.IsZero() {
		return 0
	}
	return max(0, int64(now.Sub(since)/time.Second))
}

// labelOf is a selected status as a label; never selected means Available.
func labelOf(s presence.Selectable) presence.Label {
	if name, ok := s.Custom(); ok {
		return presence.Label{Status: presence.StatusCustom, Custom: name}
	}
	if s == "" {
		s = presence.SelectAvailable
	}
	return presence.Label{Status: presence.Status(s)}
}

func selectionOf(s presence.Selection) *selectionJSON {
	j := &selectionJSON{Label: labelOf(s.Status), Cause: s.Cause, Actor: s.Actor, Reason: s.Reason}
	if !s.At.IsZero() {
		j.At = s.At.UTC()
	}
	return j
}

func (a *API) deviceState(d *presence.DeviceState) deviceStateJSON {
	j := deviceStateJSON{
		ID: d.ID, Kind: d.Kind, Name: a.deviceName(d.Device),
		Enabled: d.Enabled, Reachable: d.Reachable, Why: d.Why, Contact: d.Contact,
		FlowOnly: d.FlowOnly, Push: d.Push, Restored: d.Restored,
		Delay: d.Delay.Seconds(), Group: d.Group, Confirm: d.Confirm,
	}
	if !d.Device.IsZero() {
		j.Device = d.Device.String()
	}
	switch d.Kind {
	case presence.KindDesk, presence.KindSoft, presence.KindMobile:
		q := float64(d.Q) / 1000
		j.Q = &q
	}
	return j
}

// deviceName is the directory's name of a device; empty for a forwarding
// number.
func (a *API) deviceName(id presence.DeviceID) string {
	if dev, ok := a.o.Directory.Device(id); ok {
		return dev.Name
	}
	return ""
}

func legOf(l *presence.Leg, now time.Time) legJSON {
	j := legJSON{
		ID: l.ID, Call: l.Call, Source: l.Source, Direction: l.Direction, Kind: l.Kind, State: l.State,
		Remote: l.Remote, RemoteName: l.RemoteName, Since: l.Since.UTC(), Duration: wholeSeconds(l.Since, now),
	}
	if j.Kind == "" {
		j.Kind = presence.CallRegular
	}
	if !l.Device.IsZero() {
		j.Device = l.Device.String()
	}
	return j
}

func wrapUpOf(w *presence.WrapUp, now time.Time) *wrapUpJSON {
	if w == nil {
		return nil
	}
	j := &wrapUpJSON{Call: w.Call, Since: w.Since.UTC()}
	if !w.Until.IsZero() {
		j.Until = w.Until.UTC()
		left := max(0, int64((w.Until.Sub(now)+time.Second-1)/time.Second))
		j.Remaining = &left
	}
	return j
}

// noNil makes an empty list of no list, so that JSON has [] and not null.
func noNil[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
