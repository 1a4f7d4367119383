package api

import (
	"cmp"
	"net/http"
	"time"

	"lamplight/presence"
	"lamplight/presence/desk"
	"lamplight/presence/directory"
)

// deskJSON is a hot desk and who is logged in at it.
type deskJSON struct {
	ID        string        `json:"id"`
	Name      string        `json:"name"`
	Usernames []string      `json:"usernames"`
	Agent     *deskUserJSON `json:"agent,omitempty"`
	// Until is when the login ends by itself; absent where the phone is otherwise
	// the agent's.
	Until *time.Time `json:"until,omitempty"`
}

type deskUserJSON struct {
	ID     string `json:"id"`
	Number string `json:"number"`
	Name   string `json:"name"`
}

func (a *API) deskView(d *presence.Device, at time.Time) deskJSON {
	j := deskJSON{ID: d.ID.String(), Name: d.Name, Usernames: []string{}}
	for _, c := range a.o.Directory.CredentialsOf(d.ID) {
		j.Usernames = append(j.Usernames, c.Username)
	}
	for _, v := range a.o.Directory.AssignmentsOf(d.ID) {
		if v.From.After(at) || !v.To.IsZero() && !at.Before(v.To) {
			continue
		}
		if agent, ok := a.o.Directory.Agent(v.Agent); ok {
			j.Agent = &deskUserJSON{agent.ID.String(), agent.Number, agent.Name}
		}
		if !v.To.IsZero() {
			j.Until = &v.To
		}
	}
	return j
}

// desks is who gives desks away, or the problem that nobody does.
func (a *API) desks() (*desk.Desks, error) {
	if a.o.Desks == nil {
		return nil, problem(http.StatusNotImplemented, "there are no hot desks here")
	}
	return a.o.Desks, nil
}

// desk is the one that the path names, by id or user name.
func (a *API) desk(r *request) (*presence.Domain, *presence.Device, error) {
	dom, err := a.domain(r)
	if err != nil {
		return nil, nil, err
	}
	name := r.PathValue("desk")
	for _, d := range a.o.Directory.Shared(dom.ID) {
		if a.isNamed(d, name) {
			return dom, d, nil
		}
	}
	return nil, nil, problem(http.StatusNotFound, "there is no hot desk %q", name)
}

// listDesks shows the hot desks of the domain, and who is at them.
func (a *API) listDesks(r *request) error {
	dom, err := a.domain(r)
	if err != nil {
		return err
	}
	list, at := []deskJSON{}, time.Now()
	for _, d := range a.o.Directory.Shared(dom.ID) {
		list = append(list, a.deskView(d, at))
	}
	return r.answer(http.StatusOK, struct {
		Desks []deskJSON `json:"desks"`
	}{list})
}

// addDesk makes a hot desk's phone, nobody's at first.
func (a *API) addDesk(r *request) error {
	var in struct {
		Name     string `json:"name"`
		Username string `json:"username"`
		Password string `json:"password"`
	}
	if err := r.into(&in); err != nil {
		return err
	}
	dom, err := a.domain(r)
	if err != nil {
		return err
	}
	d := presence.Device{
		ID: presence.DeviceID{ID: presence.NewID()}, Domain: dom.ID, Kind: presence.KindDesk, Name: cmp.Or(in.Name, in.Username), Shared: true,
	}
	c, err := a.credential(dom, d.ID, in.Username, in.Password)
	if err != nil {
		return err
	}
	if err := a.apply(r, directory.Edit{Devices: []presence.Device{d}, Credentials: []presence.Credential{c}}); err != nil {
		return err
	}
	return r.answer(http.StatusCreated, a.deskView(&d, time.Now()))
}

// removeDesk deletes a hot desk's phone.
func (a *API) removeDesk(r *request) error {
	_, d, err := a.desk(r)
	if err != nil {
		return err
	}
	if err := a.apply(r, directory.Edit{DeleteDevices: []presence.DeviceID{d.ID}}); err != nil {
		return err
	}
	return r.noContent()
}

// loginDesk gives a desk to whoever asks, or, by a supervisor, to anybody.
func (a *API) loginDesk(r *request) error {
	var in struct {
		Agent string  `json:"agent"`
		Shift float64 `json:"shift_seconds"`
	}
	if err := r.into(&in); err != nil {
		return err
	}
	desks, err := a.desks()
	if err != nil {
		return err
	}
	dom, d, err := a.desk(r)
	if err != nil {
		return err
	}
	agent, ok := a.o.Directory.Agent(r.subject.Agent)
	if in.Agent != "" {
		agent, ok = a.o.Directory.AgentByNumber(dom.ID, in.Agent)
	}
	switch {
	case !ok && in.Agent == "":
		return problem(http.StatusUnprocessableEntity, "the field agent says who is to have the desk")
	case !ok:
		return problem(http.StatusNotFound, "there is no agent %s", in.Agent)
	case !r.subject.Is(agent.ID) && !r.subject.Has(presence.RoleSupervisor):
		return forbidden("%s may log in themselves only", r.subject.Actor())
	}
	_, err = desks.Login(r.Context(), desk.Login{
		Device: d.ID, Number: agent.Number, Shift: time.Duration(in.Shift * float64(time.Second)),
		Actor: r.subject.Actor(), Cause: a.deskCause(r, agent.ID),
	})
	if err != nil {
		return err
	}
	return r.answer(http.StatusOK, a.deskView(d, time.Now()))
}

func (a *API) deskCause(r *request, agent presence.AgentID) presence.Cause {
	switch {
	case r.subject.Is(agent):
		return presence.CauseAgent
	case r.subject.Agent.IsZero():
		return presence.CauseAPI
	}
	return presence.CauseSupervisor
}

// logoutDesk ends the login at a desk: whose it is may, and a supervisor.
func (a *API) logoutDesk(r *request) error {
	desks, err := a.desks()
	if err != nil {
		return err
	}
	_, d, err := a.desk(r)
	if err != nil {
		return err
	}
	holder, _ := a.o.Directory.Holder(d.ID, time.Now())
	if !r.subject.Is(holder) && !r.subject.Has(presence.RoleSupervisor) {
		return forbidden("%s may log out themselves only", r.subject.Actor())
	}
	if err := desks.Logout(r.Context(), d.ID, r.subject.Actor()); err != nil {
		return err
	}
	return r.answer(http.StatusOK, a.deskView(d, time.Now()))
}

// setPIN sets or takes away the PIN by which an agent logs in at hot desks: the
// agent may, and an administrator.
func (a *API) setPIN(r *request) error {
	var in struct {
		PIN string `json:"pin"`
	}
	if err := r.into(&in); err != nil {
		return err
	}
	desks, err := a.desks()
	if err != nil {
		return err
	}
	_, agent, err := a.agent(r)
	if err != nil {
		return err
	}
	if !r.subject.Is(agent.ID) && !r.subject.Has(presence.RoleAdmin) {
		return forbidden("%s may set their own PIN only", r.subject.Actor())
	}
	a.edit.Lock() // another edit of the agent must not undo it
	defer a.edit.Unlock()
	if err := desks.SetPIN(r.Context(), agent.ID, in.PIN, r.subject.Actor()); err != nil {
		return err
	}
	return r.noContent()
}
