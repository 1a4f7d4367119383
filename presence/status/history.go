package status

import (
	"time"

	"lamplight/presence"
)

// Advance carries both views on: a view whose label stays keeps since when and
// why it has been shown, so a flap that never reached the label leaves no trace
// (rule 15); one whose label changed counts from now. given is the cause of the
// change that was applied; where it is empty, or says only who selects and
// nothing was selected (an agent turned options off), the cause is found by
// comparing (see CauseOf). prev is the last snapshot or one made of the views kept by the store;
// nil is an agent never seen before.
func Advance(prev *presence.Snapshot, ev presence.Evaluation, f presence.Facts, p presence.Policy,
	now time.Time, given presence.Cause,
) (team, own presence.View) {
	if prev == nil {
		if given == "" {
			given = presence.CauseRestart
		}
		return presence.View{Label: ev.Team, Since: now, Cause: given},
			presence.View{Label: ev.Own, Since: now, Cause: given}
	}
	if selects(given) && prev.Selected.Status == f.Selected.Status {
		given = ""
	}
	team, own = prev.Team, prev.Own
	if team.Label != ev.Team {
		team = presence.View{Label: ev.Team, Since: now, Cause: given}
		if given == "" {
			team.Cause = CauseOf(prev, ev, f, p, now, prev.Team.Label, ev.Team)
		}
	}
	if own.Label != ev.Own {
		own = presence.View{Label: ev.Own, Since: now, Cause: given}
		if given == "" {
			own.Cause = CauseOf(prev, ev, f, p, now, prev.Own.Label, ev.Own)
		}
	}
	return team, own
}

// selects reports whether a cause says who selected a status, rather than what
// happened.
func selects(c presence.Cause) bool {
	switch c {
	case presence.CauseAgent, presence.CauseSupervisor, presence.CauseAPI,
		presence.CauseFeatureCode, presence.CausePhoneSync:
		return true
	}
	return false
}

// CauseOf finds why a view went from one label to another, from the snapshot
// before, the facts after and the time: what changed by itself has no one to say
// so (rule 22). f may still hold facts that are over.
func CauseOf(prev *presence.Snapshot, ev presence.Evaluation, f presence.Facts, p presence.Policy,
	now time.Time, from, to presence.Label,
) presence.Cause {
	switch {
	case to.Status == presence.StatusOnACall:
		return presence.CauseCallStart
	case to.Status == presence.StatusWrapUp && newWrapUp(prev.WrapUp, f.WrapUp):
		return presence.CauseWrapUpStart
	case from.Status == presence.StatusOnACall:
		return callEnded(&f, &p, now)
	case to.Status == presence.StatusOffline:
		return wentOffline(prev, &f, &p, now)
	case from.Status == presence.StatusOffline:
		return cameOnline(prev, &f)
	case prev.Selected.Status != f.Selected.Status && f.Selected.Cause != "":
		return f.Selected.Cause
	case prev.Selected.Status != f.Selected.Status:
		return presence.CauseAgent
	case prev.Chosen != ev.Chosen && prev.Chosen.Status == presence.StatusCustom:
		return presence.CauseCustomExpired
	case from.Status == presence.StatusWrapUp:
		if prev.WrapUp != nil && !prev.WrapUp.Until.IsZero() && !now.Before(prev.WrapUp.Until) {
			return presence.CauseWrapUpExpired
		}
		return presence.CauseWrapUpEnd
	case to.Status == presence.StatusOutboundOnly:
		return presence.CauseOptionsOff
	case from.Status == presence.StatusOutboundOnly:
		return presence.CauseOptionsOn
	case to.Status == presence.StatusWrapUp:
		return presence.CauseWrapUpStart
	}
	return presence.CauseFactExpired
}

func newWrapUp(was, is *presence.WrapUp) bool {
	return is != nil && (was == nil || was.Call != is.Call || !was.Since.Equal(is.Since))
}

// callEnded tells a call that ended from one whose end was never reported.
func callEnded(f *presence.Facts, p *presence.Policy, now time.Time) presence.Cause {
	c := clock{now: now, legCap: p.LegCap()}
	for i := range f.Legs {
		if Engages(&f.Legs[i]) && c.legOver(&f.Legs[i]) {
			return presence.CauseFactExpired
		}
	}
	return presence.CauseCallEnd
}

// wentOffline finds what the webphone lost: its microphone, or itself.
func wentOffline(prev *presence.Snapshot, f *presence.Facts, p *presence.Policy, now time.Time) presence.Cause {
	cause, worst := presence.Cause(""), 0
	for i := range f.Sessions {
		s := &f.Sessions[i]
		if s.State == presence.SessionClosed {
			continue
		}
		was := session(prev, s.ID)
		if was != nil && !was.Usable() {
			continue // it did not make the agent online before either
		}
		if m := microphone(s); !m.usable && m.rank > worst {
			worst, cause = m.rank, microphoneCause(s.Mic)
		}
	}
	if cause != "" {
		return cause
	}
	for i := range prev.Sessions {
		s := &prev.Sessions[i]
		if s.Usable() && (s.State != presence.SessionClosed || !now.Before(s.Closed.Add(p.LabelGrace()))) {
			return presence.CauseWebphoneGone
		}
	}
	return presence.CauseFactExpired
}

func microphoneCause(m presence.Mic) presence.Cause {
	switch m {
	case presence.MicDenied:
		return presence.CauseMicDenied
	case presence.MicMissing:
		return presence.CauseMicMissing
	case presence.MicLost:
		return presence.CauseMicLost
	}
	return presence.CauseMicPending
}

// cameOnline tells a webphone that came back, or got its microphone back, from a
// login.
func cameOnline(prev *presence.Snapshot, f *presence.Facts) presence.Cause {
	for i := range f.Sessions {
		s := &f.Sessions[i]
		if s.State != presence.SessionAlive || !s.Usable() {
			continue
		}
		was := session(prev, s.ID)
		if was == nil {
			continue
		}
		if was.State != presence.SessionAlive || was.Usable() || microphoneCause(was.Mic) != presence.CauseMicPending {
			return presence.CauseWebphoneBack
		}
	}
	return presence.CauseLogin
}

func session(s *presence.Snapshot, id string) *presence.Session {
	for i := range s.Sessions {
		if s.Sessions[i].ID == id {
			return &s.Sessions[i]
		}
	}
	return nil
}
