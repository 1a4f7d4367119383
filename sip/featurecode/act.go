package featurecode

import (
	"errors"
	"fmt"
	"strings"

	"lamplight/presence"
	"lamplight/presence/desk"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/presence/status"
)

// carryOut does what the code says and answers when that is durable.
func (s *Server) carryOut(d *dialling) {
	switch d.code.Does {
	case presence.FeatureDeskLogin, presence.FeatureDeskLogout:
		s.work.Push(func() { s.desk(d) }) // it waits for the store, and a PIN takes its time
		return
	}
	if d.by.Agent.IsZero() {
		s.done(d, "", refusal{403, "Nobody is logged in at this phone"})
		return
	}
	op := d.op()
	before, _ := s.o.Roster.Snapshot(d.by.Agent)
	c := roster.Change{Cause: presence.CauseFeatureCode, Actor: "device:" + d.by.Username, Ops: []roster.Op{op}}
	s.o.Roster.Apply(d.by.Agent, c, func(after *presence.Snapshot, err error) {
		s.work.Push(func() {
			if err != nil {
				s.done(d, "", err)
				return
			}
			s.done(d, d.said(before, after), nil)
		})
	})
}

// op is the code in the roster's words.
func (d *dialling) op() roster.Op {
	switch d.code.Does {
	case presence.FeatureDNDOn:
		return roster.Select{Status: presence.SelectDND}
	case presence.FeatureDNDOff:
		return roster.Unselect{Status: presence.SelectDND}
	case presence.FeatureDNDToggle:
		return roster.Toggle{Status: presence.SelectDND}
	case presence.FeatureWrapUpFinish:
		return roster.FinishWrapUp{}
	case presence.FeatureAllOff:
		return roster.AllOptionsOff{}
	case presence.FeatureRestore:
		return roster.RestoreOptions{}
	case presence.FeatureForward:
		return roster.Forward{Forwarding: presence.Forwarding{Kind: presence.ForwardAlways, On: true, To: d.rest}}
	case presence.FeatureForwardOff:
		return roster.Forward{Forwarding: presence.Forwarding{Kind: presence.ForwardAlways}}
	}
	return roster.Select{Status: d.code.Status}
}

// said is what was done, for people; where it is not seen, also why (rule 19 of
// presence/RULES.md).
func (d *dialling) said(before, after *presence.Snapshot) string {
	switch d.code.Does {
	case presence.FeatureWrapUpFinish:
		if before == nil || before.WrapUp == nil {
			return "No wrap-up is running"
		}
		return "The wrap-up is finished"
	case presence.FeatureAllOff:
		return "Every device is off"
	case presence.FeatureRestore:
		return "The earlier devices are on"
	case presence.FeatureForward:
		return "Every call goes to " + d.rest
	case presence.FeatureForwardOff:
		return "Calls are not forwarded"
	}
	text := after.Chosen.Text() + " is selected"
	if after.Own.Label != after.Chosen {
		text += "; " + status.Still(after.Evaluation)
	}
	return text
}

// desk logs an agent in at a hot desk, or out.
func (s *Server) desk(d *dialling) {
	if s.o.Desks == nil {
		s.done(d, "", refusal{403, "There are no hot desks here"})
		return
	}
	actor := "device:" + d.by.Username
	if d.code.Does == presence.FeatureDeskLogout {
		s.done(d, "This phone is free", s.o.Desks.Logout(s.life, d.by.Device, actor))
		return
	}
	number, pin, _ := strings.Cut(d.rest, "*")
	a, err := s.o.Desks.Login(s.life, desk.Login{
		Device: d.by.Device, Number: number, PIN: strings.TrimRight(pin, "#"), Proof: !d.by.Domain.Policy.Desk.NoPIN, Actor: actor, Cause: presence.CauseFeatureCode,
	})
	said := ""
	if err == nil {
		said = fmt.Sprintf("This phone is %s's", number)
		if agent, ok := s.o.Directory.Agent(a.Agent); ok && agent.Name != "" {
			said = fmt.Sprintf("This phone is %s's", agent.Name)
		}
	}
	s.done(d, said, err)
}

// refusal is why a code was not carried out.
type refusal struct {
	status int
	why    string
}

func (r refusal) Error() string { return r.why }

// refusalOf is the answer an error means; status 503 where it is no matter of the
// code.
func refusalOf(err error) refusal {
	var r refusal
	switch {
	case errors.As(err, &r):
		return r
	case errors.Is(err, desk.ErrTooMany), errors.Is(err, desk.ErrProof), errors.Is(err, desk.ErrDesk):
		return refusal{403, lastPart(err)}
	case errors.Is(err, roster.ErrRefused):
		return refusal{403, lastPart(err)}
	case errors.Is(err, roster.ErrUnknown), errors.Is(err, directory.ErrNotFound):
		return refusal{404, "There is no such agent"}
	}
	return refusal{503, ""}
}

// lastPart is the plainest part of an error's text.
func lastPart(err error) string {
	text := err.Error()
	if at := strings.LastIndex(text, ": "); at >= 0 {
		text = text[at+2:]
	}
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// done answers, once what was done is durable.
func (s *Server) done(d *dialling, said string, err error) {
	s.mu.Lock()
	s.pending--
	s.mu.Unlock()
	code := string(d.code.Does)
	if err != nil {
		r := refusalOf(err)
		if r.status == 503 {
			s.o.Log.Error().Err(err).Str("call_id", d.r.CallID()).Str("code", d.code.Code).Str("device", d.by.Username).Msg("feature code not carried out")
			s.retryLater(d.r, code)
			return
		}
		s.o.Log.Info().Str("call_id", d.r.CallID()).Str("code", d.code.Code).Str("device", d.by.Username).Str("why", r.why).Msg("feature code refused")
		s.refuse(d.r, code, r.status, r.why)
		return
	}
	s.o.Log.Info().Str("call_id", d.r.CallID()).Str("code", d.code.Code).Str("device", d.by.Username).Msg(said)
	if !d.quiet {
		s.refuse(d.r, code, 480, said)
		if d.free != nil {
			d.free(true)
		}
		return
	}
	s.accept(d, said)
}
