package registrar

import (
	"errors"
	"slices"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
)

// place is whose a device's contacts are, and under which address of record.
type place struct {
	agent presence.AgentID
	aor   string // user@canonical-domain
	said  string // what the device calls itself, where that is not aor
}

// Unheld is the identity under which the bindings of a device are kept that is
// nobody's now, such as the phone of a free desk. They are known to no roster:
// nothing is offered to it, but it stays registered, can dial the code that takes
// it over, and its contacts are the next holder's at that moment.
func Unheld(dev presence.DeviceID) presence.AgentID { return presence.AgentID(dev) }

// unheld reports whether the binding's device is nobody's.
func (b *Binding) unheld() bool { return b.Agent.ID == b.Device.ID }

// said is the address by which the device goes.
func (b *Binding) said() string {
	if b.Said != "" {
		return b.Said
	}
	return b.AOR
}

// place finds whose the contacts of a device are that calls itself user: its
// holder's. An address of the holder's stands for itself; the device's own
// address for the holder's first.
func (r *Registrar) place(dom *presence.Domain, dev presence.DeviceID, user string, now time.Time) (place, bool) {
	holder, held := r.o.Directory.Holder(dev, now)
	if !held {
		return place{agent: Unheld(dev), aor: user + "@" + dom.Name()}, r.own(dom, dev, user, now)
	}
	a, ok := r.o.Directory.Agent(holder)
	if !ok || len(a.AORs) == 0 {
		return place{}, false
	}
	if aor, ok := address(a, user); ok {
		return place{agent: holder, aor: aor}, true
	}
	return place{agent: holder, aor: a.AORs[0], said: user + "@" + dom.Name()}, r.own(dom, dev, user, now)
}

// own: the device may go by that address whoever holds it. It is the user name
// of its credential, or an address of an agent it is or was assigned to: a phone
// that changes hands goes on registering what it was set up with.
func (r *Registrar) own(dom *presence.Domain, dev presence.DeviceID, user string, now time.Time) bool {
	if c, ok := r.o.Directory.Credential(dom.ID, user); ok && c.Device == dev {
		return true
	}
	for _, was := range r.o.Directory.AssignmentsOf(dev) {
		if a, ok := r.o.Directory.Agent(was.Agent); ok && !was.From.After(now) {
			if _, ok = address(a, user); ok {
				return true
			}
		}
	}
	return false
}

// address is the agent's address of record with that user part.
func address(a *presence.Agent, user string) (aor string, ok bool) {
	for _, aor := range a.AORs {
		if sameUser(aor, user) {
			return aor, true
		}
	}
	return "", false
}

// holder is under whom the bindings of a device belong now.
func (r *Registrar) holder(dev presence.DeviceID, now time.Time) presence.AgentID {
	if a, ok := r.o.Directory.Holder(dev, now); ok {
		return a
	}
	return Unheld(dev)
}

// home is where the directory wants a binding now; ok is false if nowhere.
func (r *Registrar) home(b *Binding, now time.Time) (p place, ok bool) {
	if _, ok = r.o.Directory.Device(b.Device); !ok {
		return place{}, false
	}
	dom, ok := r.o.Directory.Domain(b.Domain)
	if !ok {
		return place{}, false
	}
	said := b.said()
	return r.place(dom, b.Device, said[:strings.LastIndexByte(said, '@')], now)
}

func (b *Binding) at(p place) *Binding {
	nb := *b
	if p.agent != b.Agent {
		nb.Event = EventRegistered // of the agent it comes to
	}
	nb.Agent, nb.AOR, nb.Said = p.agent, p.aor, p.said
	return &nb
}

// recheck ends what the directory no longer allows, and hands over what is
// another agent's now. A binding on its way is in no record; its row names the
// old agent until the new one's change is committed, and whoever reads it after a
// crash sends it on (see restore).
func (r *Registrar) recheck(actor string) func(*record, time.Time) *change {
	return func(rec *record, now time.Time) *change {
		c := &change{next: slices.Clone(rec.bindings), cause: presence.CauseLogout, actor: actor, rejects: true}
		var moved []*Binding
		for _, b := range rec.bindings {
			p, ok := r.home(b, now)
			i := slices.Index(c.next, b)
			switch {
			case !ok:
				c.cause, c.drop = presence.CauseFactExpired, append(c.drop, b)
				c.next = slices.Delete(c.next, i, i+1)
			case p.agent != b.Agent:
				c.leave, moved = append(c.leave, b), append(moved, b.at(p))
				c.next = slices.Delete(c.next, i, i+1)
			case p.aor != b.AOR:
				nb := b.at(p)
				c.next[i], c.put = nb, append(c.put, nb)
			}
		}
		if len(c.put)+len(c.drop)+len(c.leave) == 0 {
			return nil
		}
		c.then = func(err error) { r.rechecked(c, moved, err) }
		return c
	}
}

func (r *Registrar) rechecked(c *change, moved []*Binding, err error) {
	if err == nil {
		for _, b := range moved {
			r.arrive(b, c.actor)
		}
		return
	}
	if len(c.drop) > 0 {
		r.orExpire(c.drop)(err)
	}
	s := r.shard(c.agent)
	s.later(retryPause, func() { s.enqueue(c.agent, r.recheck(c.actor)) })
	r.o.Log.Error().Err(err).Stringer("agent", c.agent).Msg("bindings of devices that changed hands not let go, will try again")
}

// arrive gives a binding to the agent it names.
func (r *Registrar) arrive(b *Binding, actor string) {
	s := r.shard(b.Agent)
	s.bring(b.Agent, func(rec *record, now time.Time) *change {
		c := &change{next: slices.Clone(rec.bindings), cause: presence.CauseLogin, actor: actor}
		if !b.end.After(now) || replaced(rec, b) {
			// Over, or the device registered with its new holder meanwhile.
			c.drop = []*Binding{b}
		} else {
			c.put, c.next = []*Binding{b}, append(c.next, b)
		}
		c.then = func(err error) { r.arrived(b, c, err) }
		return c
	})
}

func (r *Registrar) arrived(b *Binding, c *change, err error) {
	s, now := r.shard(b.Agent), time.Now()
	switch {
	case err == nil && len(c.put) == 0:
	case err == nil:
		r.o.Log.Info().Str("aor", b.AOR).Str("contact", b.Bare()).Stringer("device", b.Device).Str("actor", c.actor).Msg("binding moved with its device")
		// An edit made while it was on its way did not see it.
		if r.holder(b.Device, now) != b.Agent {
			s.enqueue(b.Agent, r.recheck(c.actor))
		}
	default:
		r.o.Log.Error().Err(err).Str("aor", b.AOR).Str("contact", b.Bare()).Msg("binding did not move with its device, will try again")
		if p, ok := r.home(b, now); ok && !errors.Is(err, roster.ErrRefused) {
			b = b.at(p)
		} else {
			b.end = now // refused, or the device was deleted: its row is all that is left
		}
		s.later(retryPause, func() { r.arrive(b, c.actor) })
	}
}

// replaced: the record has a binding of that device for the same contact.
func replaced(rec *record, b *Binding) bool {
	uri := b.uri()
	return slices.ContainsFunc(rec.bindings, func(o *Binding) bool {
		return o.Device == b.Device && (b.Instance != "" && o.Instance == b.Instance && o.RegID == b.RegID || o.Contact == b.Contact || o.uri().Equal(uri))
	})
}
