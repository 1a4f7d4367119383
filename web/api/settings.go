package api

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/presence/status"
)

type (
	numberJSON struct {
		ID      *presence.DeviceID `json:"id,omitempty"`
		Number  string             `json:"number"`
		Enabled bool               `json:"enabled"`
		Group   bool               `json:"group"`
		Delay   float64            `json:"delay_seconds"`
		Confirm bool               `json:"confirm"`
		Closed  bool               `json:"closed,omitempty"`
		Hours   *hoursJSON         `json:"hours,omitempty"`
	}
	optionsJSON struct {
		Webphone bool         `json:"webphone"`
		SIPPhone bool         `json:"sip_phone"`
		Mobile   bool         `json:"mobile"`
		Numbers  []numberJSON `json:"numbers,omitempty"`
	}
	settingsJSON struct {
		Options    optionsJSON  `json:"options"`
		Saved      *optionsJSON `json:"saved,omitempty"`
		Hours      *hoursJSON   `json:"hours,omitempty"`
		AfterHours string       `json:"after_hours,omitempty"`
		Ringing    *ringingJSON `json:"ringing,omitempty"`
	}
)

func optionsOf(o *presence.Options) optionsJSON {
	j := optionsJSON{Webphone: o.Webphone, SIPPhone: o.SIPPhone, Mobile: o.Mobile}
	for i := range o.Numbers {
		n := &o.Numbers[i]
		j.Numbers = append(j.Numbers, numberJSON{&n.ID, n.Number, n.Enabled, n.Group, n.Delay.Seconds(), n.Confirm, n.Closed, hoursOf(n.Hours)})
	}
	return j
}

func settingsOf(s *presence.Settings) settingsJSON {
	j := settingsJSON{Options: optionsOf(&s.Options), Hours: hoursOf(s.Hours), AfterHours: s.AfterHours, Ringing: ringingOf(&s.Ringing)}
	if s.Saved != nil {
		saved := optionsOf(s.Saved)
		j.Saved = &saved
	}
	return j
}

// maxNumbers and maxDelay bound what an agent may enter.
const (
	maxNumbers = 16
	maxDelay   = 5 * time.Minute
)

// options reads what was asked for. A number keeps its identity by its id, or
// else by being the same number as before; it keeps its hours where none are given.
func (j *optionsJSON) options(old *presence.Options) (presence.Options, error) {
	o := presence.Options{Webphone: j.Webphone, SIPPhone: j.SIPPhone, Mobile: j.Mobile}
	if len(j.Numbers) > maxNumbers {
		return o, problem(http.StatusUnprocessableEntity, "more than %d forwarding numbers", maxNumbers)
	}
	for i := range j.Numbers {
		in := &j.Numbers[i]
		n := presence.Number{
			Number: in.Number, Enabled: in.Enabled, Group: in.Group, Confirm: in.Confirm,
			Delay: time.Duration(in.Delay * float64(time.Second)),
		}
		if !dialable(n.Number) {
			return o, problem(http.StatusUnprocessableEntity, "%q is no number to forward to: 2 to 32 digits, with + in front or * and # within", n.Number)
		}
		if n.Delay > maxDelay {
			return o, problem(http.StatusUnprocessableEntity, "a delay of more than %s", maxDelay)
		}
		if slices.ContainsFunc(o.Numbers, func(x presence.Number) bool { return x.Number == n.Number }) {
			return o, problem(http.StatusUnprocessableEntity, "the number %s is there twice", n.Number)
		}
		same := func(x presence.Number) bool {
			if in.ID != nil {
				return x.ID == *in.ID
			}
			return x.Number == n.Number
		}
		if at := slices.IndexFunc(old.Numbers, same); at >= 0 {
			n.ID, n.Closed, n.Phone = old.Numbers[at].ID, old.Numbers[at].Closed, old.Numbers[at].Phone
			n.Hours = old.Numbers[at].Hours
		} else {
			n.ID = presence.DeviceID{ID: presence.NewID()}
		}
		if in.Hours != nil {
			var err error
			if n.Hours, err = in.Hours.schedule("the hours of " + n.Number); err != nil {
				return o, err
			}
		}
		o.Numbers = append(o.Numbers, n)
	}
	return o, nil
}

func dialable(s string) bool {
	if len(s) < 2 || len(s) > 32 {
		return false
	}
	for i, c := range s {
		if (c < '0' || c > '9') && c != '*' && c != '#' && (c != '+' || i > 0) {
			return false
		}
	}
	return true
}

// getSettings shows the forwarding options.
func (a *API) getSettings(r *request) error {
	_, agent, err := a.agent(r)
	if err != nil {
		return err
	}
	if !r.subject.SeesAll(agent.ID) {
		return forbidden("%s may see their own settings only", r.subject.Actor())
	}
	s, ok := a.o.Roster.Snapshot(agent.ID)
	if !ok {
		return roster.ErrUnknown
	}
	return r.answer(http.StatusOK, settingsOf(&s.Settings))
}

// settingsChange is what may be replaced.
type settingsChange struct {
	Options    optionsJSON  `json:"options"`
	Hours      *hoursJSON   `json:"hours"`
	AfterHours *string      `json:"after_hours"`
	Ringing    *ringingJSON `json:"ringing"`
}

// more are the changes besides the options.
func (a *API) more(c *settingsChange, agent presence.AgentID, old *presence.Settings) (ops []roster.Op, err error) {
	if c.Ringing != nil {
		r, err := a.ringing(c.Ringing, agent, old)
		if err != nil {
			return nil, err
		}
		ops = append(ops, roster.SetRinging{Ringing: r})
	}
	if c.Hours == nil && c.AfterHours == nil {
		return ops, nil
	}
	op := roster.SetHours{Hours: old.Hours, AfterHours: old.AfterHours}
	if c.Hours != nil {
		if op.Hours, err = c.Hours.schedule("the working hours"); err != nil {
			return nil, err
		}
	}
	if c.AfterHours != nil {
		op.AfterHours = *c.AfterHours
	}
	return append(ops, op), nil
}

// setSettings replaces the forwarding options, and what else is given.
func (a *API) setSettings(r *request) error {
	var in settingsChange
	if err := r.into(&in); err != nil {
		return err
	}
	_, agent, err := a.agent(r)
	if err != nil {
		return err
	}
	s, ok := a.o.Roster.Snapshot(agent.ID)
	if !ok {
		return roster.ErrUnknown
	}
	options, err := in.Options.options(&s.Settings.Options)
	if err != nil {
		return err
	}
	also, err := a.more(&in, agent.ID, &s.Settings)
	if err != nil {
		return err
	}
	return a.perform(r, command{op: roster.SetOptions{Options: options}, also: also, unasked: true,
		explain: func(before, after *presence.Snapshot) string { return "saved: " + changedOr(before, after) }})
}

// allOptionsOff and restoreOptions are the two buttons of rule 1 of
// presence/RULES.md.
func (a *API) allOptionsOff(r *request) error {
	return a.perform(r, command{op: roster.AllOptionsOff{}, unasked: true,
		explain: func(before, after *presence.Snapshot) string {
			_, why := status.AllOff(before.Settings)
			return cmp.Or(why, "every forwarding option is off now") + ": " + changedOr(before, after)
		}})
}

func (a *API) restoreOptions(r *request) error {
	return a.perform(r, command{op: roster.RestoreOptions{}, unasked: true,
		explain: func(before, after *presence.Snapshot) string {
			_, why := status.Restore(before.Settings)
			return cmp.Or(why, "the earlier forwarding options are back") + ": " + changedOr(before, after)
		}})
}
