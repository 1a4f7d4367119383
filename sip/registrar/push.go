package registrar

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/push"
)

// featureCaps is the header that says what the network can do (RFC 6809).
const featureCaps message.Name = "Feature-Caps"

// readPush finds out whether a push can wake the device. Where another proxy on
// the way has said that it pushes, it is left to that one (RFC 8599 §5.6.1.1).
func (w *want) readPush(m *message.Message, l *Limits) {
	if len(l.Push.Providers) == 0 {
		return
	}
	for _, v := range m.Values(featureCaps) {
		if strings.Contains(strings.ToLower(v), "+sip.pns=") {
			return
		}
	}
	pn, ok := push.FromURI(w.uri, l.Push.OldNames)
	if !ok {
		return
	}
	w.pn, w.asksPush = pn, true
	w.push = !pn.Query && l.Push.Serves(pn.Target)
}

// most is the most granted to a contact.
func (l *Limits) most(w *want) time.Duration {
	if w.push {
		return l.PushExpires
	}
	return l.MaxExpires
}

// checkPush notes which services the answer names, and refuses the one that is
// not served, or lacks what it needs (RFC 8599 §5.6.1.1). A contact that is
// removed needs no push.
func (a *ask) checkPush(w *want, l *Limits) *refusal {
	if !w.asksPush || w.grant == 0 {
		return nil
	}
	a.raw = rawRequest{userAgent: a.raw.userAgent} // its answer is more than a list: always read
	switch {
	case w.pn.Provider == "" && w.pn.Query: // §4.1.5: what is there?
		for i := range l.Push.Providers {
			a.name(l.Push.Providers[i].Name, w)
		}
		return nil
	case w.push:
	case w.pn.Old: // a client that knows nothing of 555
		return nil
	default:
		if _, ok := l.Push.Find(w.pn.Provider); !ok || !w.pn.Query {
			return refuse(555, "Push Notification Service Not Supported")
		}
	}
	a.name(w.pn.Provider, w)
	return nil
}

// name notes a push service for the answer (RFC 8599 §8.2), and to a device that
// wakes by itself how long before its end we want to see a refresh (§4.1.4).
func (a *ask) name(service string, w *want) {
	v := "*;+sip.pns=" + message.Quote(strings.ToLower(service))
	if wakesItself(w.head) {
		v += `;+sip.pnsreg="` + strconv.Itoa(int((nudgeLead+time.Minute)/time.Second)) + `"`
	}
	if !slices.Contains(a.pns, v) {
		a.pns = append(a.pns, v)
	}
}

// wakesItself: the contact has the feature tag by which a device says that it needs
// no push to refresh its registration.
func wakesItself(head string) bool { return strings.Contains(head, ";+sip.pnsreg") }

// featureCaps adds the push services to a 2xx.
func (a *ask) featureCaps(ans *message.Builder) *message.Builder {
	for _, v := range a.pns {
		ans.Add(featureCaps, v)
	}
	return ans
}

// PushTarget is how the device is woken; for a binding with Push.
func (b *Binding) PushTarget() push.Target {
	pn, _ := push.FromURI(b.uri(), true)
	return pn.Target
}

// Bare is the contact without its push token, which is nobody else's business: what
// others are told, and the Request-URI of requests to the device.
func (b *Binding) Bare() string {
	if !strings.Contains(strings.ToLower(b.Contact), ";pn-") {
		return b.Contact
	}
	return push.Bare(b.uri())
}

// bareHead is Head with Bare for its Contact.
func (b *Binding) bareHead() string {
	if bare := b.Bare(); bare != b.Contact {
		return strings.Replace(b.Head, b.Contact, bare, 1)
	}
	return b.Head
}

// withoutToken is the row of the binding as the change log keeps it.
func (b *Binding) withoutToken(row []byte) []byte {
	bare := b.Bare()
	if row == nil || bare == b.Contact {
		return row
	}
	c := *b
	c.Contact, c.Head = bare, b.bareHead()
	data, err := json.Marshal(&c)
	if err != nil {
		return nil // it was encoded a moment ago
	}
	return data
}

// nudgeLead is how long before its end a sleeping device is pushed to refresh: RFC
// 8599 §5.5 asks for two minutes at least.
const nudgeLead = 5 * time.Minute

// nudgeAt is when a sleeping device, which has no timer that runs, has to be woken
// to refresh its registration; once in each period.
func (b *Binding) nudgeAt() (at time.Time, ok bool) {
	if !b.Push || !b.Dead || b.nudged || wakesItself(b.Head) {
		return time.Time{}, false
	}
	return b.Expires.Add(-min(nudgeLead, b.Grant/2)), true
}

// OnRefreshDue has f called for each device that sleeps while its registration comes
// to an end. f runs on a goroutine of the registrar and must not block.
func (r *Registrar) OnRefreshDue(f func(presence.AgentID, push.Sleeper)) { r.nudged.Store(&f) }

// nudge has a sleeping device woken.
func (r *Registrar) nudge(b *Binding) {
	f := r.nudged.Load()
	if f == nil {
		return
	}
	if s, ok := r.Sleeper(b.Agent, b.ID); ok {
		(*f)(b.Agent, s)
	}
}

// What a waker needs of a registrar.
var _ push.Bindings = (*Registrar)(nil)

// Sleeper tells how to wake the device of a binding that only a push reaches.
func (r *Registrar) Sleeper(agent presence.AgentID, binding string) (s push.Sleeper, ok bool) {
	r.Visit(agent, func(b *Binding) {
		if b.ID == binding && b.Push {
			s = push.Sleeper{Binding: b.ID, Device: b.Device, Account: b.AOR, Target: b.PushTarget()}
			ok = true
		}
	})
	return s, ok
}

// Awake finds the binding by which the device of a sleeper is there now: the same
// one, or another that it registered since then.
func (r *Registrar) Awake(agent presence.AgentID, s push.Sleeper, since time.Time) (binding string, ok bool) {
	r.Visit(agent, func(b *Binding) {
		switch {
		case b.Dead || b.Restored:
		case b.ID == s.Binding, b.Device == s.Device && !b.Expires.Add(-b.Grant).Before(since):
			binding, ok = b.ID, true
		}
	})
	return binding, ok
}

// EndPush takes from a binding the token that its push service no longer knows. If
// only a push reached the device, the binding ends.
func (r *Registrar) EndPush(agent presence.AgentID, s push.Sleeper) {
	r.shard(agent).enqueue(agent, func(rec *record, _ time.Time) *change {
		i := slices.IndexFunc(rec.bindings, func(b *Binding) bool { return b.ID == s.Binding && b.Push && b.PushTarget() == s.Target })
		if i < 0 {
			return nil
		}
		b := rec.bindings[i]
		r.o.Log.Info().Str("aor", b.AOR).Stringer("device", s.Target).Bool("asleep", b.Dead).Msg("push token no longer valid")
		if b.Dead {
			c := without(rec, []*Binding{b}, presence.CauseFactExpired)
			c.then = r.orExpire(c.drop)
			return c
		}
		c := without(rec, nil, presence.CauseFactExpired)
		nb := *b
		nb.Push = false
		c.next[i] = &nb
		c.put = append(c.put, &nb)
		return c
	})
}
