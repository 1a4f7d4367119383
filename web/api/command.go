package api

import (
	"cmp"
	"net/http"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/presence/status"
)

// outcomeJSON is the answer to a command.
type outcomeJSON struct {
	Changed     bool      `json:"changed"`
	Shown       viewsJSON `json:"shown"`
	Explanation string    `json:"explanation"`
	Agent       agentJSON `json:"agent"`
}

// command is one change somebody asks for.
type command struct {
	op     roster.Op
	also   []roster.Op    // in the same change
	cause  presence.Cause // empty: told from the subject
	reason string
	// unasked: nobody is asked for a reason.
	unasked bool
	// explain is the sentence about what came of it.
	explain func(before, after *presence.Snapshot) string
}

// perform checks that the subject may do this to the agent, does it, and
// answers with what is shown now and why.
func (a *API) perform(r *request, c command) error {
	_, agent, err := a.agent(r)
	if err != nil {
		return err
	}
	cause, err := mayCommand(r, agent.ID, c.unasked || strings.TrimSpace(c.reason) != "")
	if err != nil {
		return err
	}
	before, ok := a.o.Roster.Snapshot(agent.ID)
	if !ok {
		return roster.ErrUnknown
	}
	after, err := a.o.Roster.Do(r.Context(), agent.ID, roster.Change{
		Cause: cmp.Or(c.cause, cause), Actor: r.subject.Actor(), Reason: c.reason, Ops: append([]roster.Op{c.op}, c.also...),
	})
	if err != nil {
		return err
	}
	v := a.view(after, true, time.Now())
	return r.answer(http.StatusOK, outcomeJSON{
		Changed: before.Team.Label != after.Team.Label || before.Own.Label != after.Own.Label,
		Shown:   v.Status, Explanation: sentence(c.explain(before, after)), Agent: v,
	})
}

// mayCommand says whether the subject may act on the agent, and with what
// cause (rule 20 of presence/RULES.md): an agent on themselves, a supervisor on
// others with a reason, an administrator's token as the programs do.
func mayCommand(r *request, agent presence.AgentID, reasoned bool) (presence.Cause, error) {
	s := r.subject
	switch {
	case s.Is(agent):
		return presence.CauseAgent, nil
	case !s.Has(presence.RoleSupervisor):
		return "", forbidden("%s may do this for themselves only", s.Actor())
	case s.Agent.IsZero() && s.Role == presence.RoleAdmin:
		return presence.CauseAPI, nil
	case !reasoned:
		return "", problem(http.StatusUnprocessableEntity, "a supervisor who acts for somebody else gives a reason").named("reason-needed")
	case s.Agent.IsZero():
		return presence.CauseAPI, nil
	}
	return presence.CauseSupervisor, nil
}

// sentence makes one of a clause.
func sentence(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

// setStatus selects a status.
func (a *API) setStatus(r *request) error {
	var in struct {
		Status presence.Status `json:"status"`
		Custom string          `json:"custom"`
		Reason string          `json:"reason"`
	}
	if err := r.into(&in); err != nil {
		return err
	}
	want := presence.Selectable(in.Status)
	switch {
	case in.Status == presence.StatusCustom && in.Custom == "":
		return problem(http.StatusUnprocessableEntity, "custom needs the name of the status in the field custom")
	case in.Status == presence.StatusCustom:
		want = presence.SelectCustom(in.Custom)
	case in.Custom != "":
		return problem(http.StatusUnprocessableEntity, "the field custom goes with the status custom only")
	}
	dom, err := a.domain(r)
	if err != nil {
		return err
	}
	if _, err := status.Select(presence.Facts{}, dom.Policy, want, status.By{}, time.Now()); err != nil {
		return err // before anything is queued
	}
	return a.perform(r, command{op: roster.Select{Status: want}, reason: in.Reason,
		explain: func(before, after *presence.Snapshot) string {
			return cmp.Or(status.Explain(before.Evaluation, after.Evaluation), "now "+after.Own.Text())
		}})
}

// changedOr says what is shown if it changed, else why it did not.
func changedOr(before, after *presence.Snapshot) string {
	switch {
	case before.Own.Label != after.Own.Label:
		return "now " + after.Own.Text() + ", because " + status.Because(after.Evaluation)
	case before.Team.Label != after.Team.Label:
		return "the team now sees " + after.Team.Text() + "; to the agent it is " + status.Still(after.Evaluation)
	}
	return status.Still(after.Evaluation)
}

// finishWrapUp ends a wrap-up.
func (a *API) finishWrapUp(r *request) error {
	return a.perform(r, command{
		op: roster.FinishWrapUp{}, reason: r.URL.Query().Get("reason"),
		explain: func(before, after *presence.Snapshot) string {
			if before.WrapUp == nil {
				return "no wrap-up was running: " + status.Still(after.Evaluation)
			}
			return "the wrap-up is finished: " + changedOr(before, after)
		},
	})
}

// logoutAgent ends the agent's webphone sessions.
func (a *API) logoutAgent(r *request) error {
	var in struct {
		Reason string `json:"reason"`
	}
	if err := r.into(&in); err != nil {
		return err
	}
	return a.perform(r, command{
		op: roster.Logout{}, cause: presence.CauseLogout, reason: in.Reason,
		explain: func(before, after *presence.Snapshot) string {
			if len(before.Sessions) == 0 {
				return "no webphone was logged in: " + status.Still(after.Evaluation)
			}
			return "logged out: " + changedOr(before, after)
		},
	})
}
