package api

import (
	"net/http"
	"slices"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/web/login"
)

// causeConfig marks what an administrator changed in the log.
const causeConfig = "config"

// apply makes an edit in the subject's name.
func (a *API) apply(r *request, e directory.Edit) error {
	e.Actor, e.Cause = r.subject.Actor(), causeConfig
	return a.o.Directory.Apply(r.Context(), e)
}

// createAgent makes an agent, with every forwarding option on.
func (a *API) createAgent(r *request) error {
	var in struct {
		Number   string        `json:"number"`
		Name     string        `json:"name"`
		Teams    []string      `json:"teams"`
		Role     presence.Role `json:"role"`
		AORs     []string      `json:"aors"`
		Password string        `json:"login_password"`
	}
	if err := r.into(&in); err != nil {
		return err
	}
	dom, err := a.domain(r)
	if err != nil {
		return err
	}
	agent := presence.Agent{
		ID: presence.AgentID{ID: presence.NewID()}, Domain: dom.ID, Number: in.Number, Name: in.Name,
		Teams: in.Teams, Role: in.Role, AORs: in.AORs,
		Settings: presence.Settings{Options: presence.Options{Webphone: true, SIPPhone: true, Mobile: true}},
	}
	if in.Password != "" {
		agent.LoginHash = login.HashPassword(in.Password)
	}
	webphone := presence.Device{
		ID: presence.DeviceID{ID: presence.NewID()}, Domain: dom.ID, Kind: presence.KindWebphone, Name: "Webphone",
	}
	err = a.apply(r, directory.Edit{
		Agents: []presence.Agent{agent}, Devices: []presence.Device{webphone},
		Assignments: []presence.Assignment{{Device: webphone.ID, Agent: agent.ID, From: now()}},
	})
	if err != nil {
		return err
	}
	v, err := a.shown(agent.ID, r)
	if err != nil {
		return err
	}
	return r.answer(http.StatusCreated, v)
}

// updateAgent changes what the body names.
func (a *API) updateAgent(r *request) error {
	var in struct {
		Number *string        `json:"number"`
		Name   *string        `json:"name"`
		Teams  *[]string      `json:"teams"`
		Role   *presence.Role `json:"role"`
		AORs   *[]string      `json:"aors"`
		Caller *callerJSON    `json:"caller"`
	}
	if err := r.into(&in); err != nil {
		return err
	}
	a.edit.Lock()
	defer a.edit.Unlock()
	_, old, err := a.agent(r)
	if err != nil {
		return err
	}
	next := *old
	if in.Number != nil && *in.Number != old.Number {
		next.Number = *in.Number
		if len(old.AORs) > 0 { // the first follows the number
			next.AORs = slices.Clone(old.AORs[1:])
		}
	}
	if in.Name != nil {
		next.Name = *in.Name
	}
	if in.Teams != nil {
		next.Teams = *in.Teams
	}
	if in.Role != nil {
		next.Role = *in.Role
	}
	if in.AORs != nil {
		next.AORs = *in.AORs
	}
	if in.Caller != nil {
		next.Caller = presence.CallerID(*in.Caller)
	}
	if err := a.apply(r, directory.Edit{Agents: []presence.Agent{next}}); err != nil {
		return err
	}
	v, err := a.shown(old.ID, r)
	if err != nil {
		return err
	}
	return r.answer(http.StatusOK, v)
}

// deleteAgent deletes an agent and what hangs on it.
func (a *API) deleteAgent(r *request) error {
	a.edit.Lock()
	defer a.edit.Unlock()
	_, agent, err := a.agent(r)
	if err != nil {
		return err
	}
	if err := a.apply(r, directory.Edit{DeleteAgents: []presence.AgentID{agent.ID}}); err != nil {
		return err
	}
	return r.noContent()
}

const minPassword = 8

// setLoginPassword sets the password for the pages, or takes the login away.
// Every page session of the agent ends.
func (a *API) setLoginPassword(r *request) error {
	var in struct {
		Password string `json:"password"`
	}
	if err := r.into(&in); err != nil {
		return err
	}
	if in.Password != "" && len(in.Password) < minPassword {
		return problem(http.StatusUnprocessableEntity, "the password must have at least %d characters", minPassword)
	}
	a.edit.Lock()
	defer a.edit.Unlock()
	_, agent, err := a.agent(r)
	if err != nil {
		return err
	}
	next := *agent
	next.LoginHash = ""
	if in.Password != "" {
		next.LoginHash = login.HashPassword(in.Password)
	}
	if err := a.apply(r, directory.Edit{Agents: []presence.Agent{next}}); err != nil {
		return err
	}
	return r.noContent()
}
