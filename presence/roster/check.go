package roster

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/presence/status"
)

// Most facts of one kind an agent may have.
const (
	maxSessions      = 16
	maxRegistrations = 64
	maxLegs          = 64
	maxOffers        = 16
)

func refused(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// check finds what is wrong with a change before any of it is applied.
func (s *shard) check(a *actor, c *Change, now time.Time) error {
	var sessions, registrations, legs, offers int // new ones
	settings := a.facts.Settings.Saved != nil
	for _, op := range c.Ops {
		if a.bare {
			switch op.(type) {
			case PutLeg, EndLeg:
			default:
				return refused("an address of record without an agent has calls only")
			}
		}
		var err error
		switch op := op.(type) {
		case PutSession:
			err = room("webphone sessions", op.ID, a.hasSession(op.ID), len(a.facts.Sessions), &sessions, maxSessions)
			if err == nil && op.ID == resumeID {
				err = refused("a webphone session cannot be called %s", resumeID)
			}
		case PutRegistration:
			err = room("registrations", op.ID, a.hasRegistration(op.ID), len(a.facts.Registrations), &registrations, maxRegistrations)
		case PutLeg:
			err = room("legs", op.ID, a.hasLeg(op.ID), len(a.facts.Legs), &legs, maxLegs)
		case PutOffer:
			err = room("offers", op.ID, a.hasOffer(op.ID), len(a.facts.Offers), &offers, maxOffers)
			if err == nil && op.Expires.IsZero() {
				err = refused("an offer has to end")
			}
		case Select:
			err = s.selectable(a, op.Status, now)
		case Toggle:
			err = s.selectable(a, s.toggled(a, op.Status, now), now)
		case Forward:
			settings = true
			if _, err = s.forwarded(a, op.Forwarding); err != nil {
				err = fmt.Errorf("%w: %w", ErrRefused, err)
			}
		case SetOptions:
			settings = true
			err = complete(presence.Settings{Options: op.Options})
		case SetHours:
			err = complete(presence.Settings{Hours: op.Hours, AfterHours: op.AfterHours})
		case SetRinging:
			err = complete(presence.Settings{Ringing: op.Ringing})
		case AllOptionsOff:
			settings = true
		case RestoreOptions:
			if !settings {
				_, why := status.Restore(a.facts.Settings)
				err = refused("%s", why)
			}
		case nil:
			err = errors.New("roster: nil operation")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// complete reports what is wrong with settings.
func complete(s presence.Settings) error {
	if err := directory.CompleteSettings(&s); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return nil
}

// selectable reports why the agent cannot select a status.
func (s *shard) selectable(a *actor, want presence.Selectable, now time.Time) error {
	if _, err := status.Select(a.facts, *s.r.policy(a.domain), want, status.By{}, now); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return nil
}

// room holds facts of one kind to their limit and their having a name.
func room(kind, id string, known bool, have int, added *int, limit int) error {
	if id == "" {
		return refused("%s need an id", kind)
	}
	if known {
		return nil
	}
	if *added++; have+*added > limit {
		return refused("more than %d %s", limit, kind)
	}
	return nil
}

func (a *actor) hasSession(id string) bool {
	return slices.ContainsFunc(a.facts.Sessions, func(v presence.Session) bool { return v.ID == id })
}

func (a *actor) hasRegistration(id string) bool {
	for i := range a.facts.Registrations {
		if a.facts.Registrations[i].ID == id {
			return true
		}
	}
	return false
}

func (a *actor) hasLeg(id string) bool {
	return slices.ContainsFunc(a.facts.Legs, func(v presence.Leg) bool { return v.ID == id })
}

func (a *actor) hasOffer(id string) bool {
	return slices.ContainsFunc(a.facts.Offers, func(v presence.Offer) bool { return v.ID == id })
}
