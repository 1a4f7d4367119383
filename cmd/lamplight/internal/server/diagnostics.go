package server

import (
	"context"
	"errors"
	"strings"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/events"
	"lamplight/sip/events/compositor"
	"lamplight/sip/events/mailbox"
	"lamplight/sip/events/phonestate"
	"lamplight/sip/events/publisher"
	"lamplight/sip/message"
	"lamplight/sip/push"
	"lamplight/sip/registrar"
	"lamplight/sip/transport"
	"lamplight/sip/trunk"
	"lamplight/web/api"
)

// registrations shows bindings in the API's words, but for push tokens.
type registrations struct {
	r     *registrar.Registrar
	waker *push.Waker // nil where there is no push
}

func (g registrations) Registrations(a presence.AgentID) []api.Registration {
	bs := g.r.Bindings(a)
	out := make([]api.Registration, 0, len(bs))
	for i := range bs {
		b := &bs[i]
		reg := api.Registration{
			ID: b.ID, AOR: b.AOR, Device: b.Device.String(), Contact: b.Bare(), Q: float64(b.Q) / 1000,
			Transport: b.Transport, Source: b.Source.String(), UserAgent: b.UserAgent,
			Alive: !b.Dead, Restored: b.Restored, Registered: b.Since, Seen: b.Seen(), Expires: b.Expires,
			RoundTrip: float64(b.RoundTrip().Microseconds()) / 1000,
		}
		if b.Push {
			reg.Push, reg.Asleep = b.PushTarget().Provider, b.Dead
		}
		if g.waker != nil {
			if last, ok := g.waker.Last(b.ID); ok {
				reg.Woken, reg.WokenAt = last.Text, last.At
			}
		}
		out = append(out, reg)
	}
	return out
}

func (g registrations) Remove(ctx context.Context, a presence.AgentID, id, actor string) error {
	err := g.r.Remove(ctx, a, id, actor)
	if errors.Is(err, registrar.ErrNoBinding) {
		return api.ErrNoRegistration
	}
	return err
}

// diagnostics shows the SIP side in the API's words.
type diagnostics struct {
	directory *directory.Directory
	events    *events.Events
	transport *transport.Layer
	publisher *publisher.Publisher
	trunks    *trunk.Trunks
}

// number and domain of an agent; for a bare address, the domain its URI or
// address names.
func (d diagnostics) owner(id presence.AgentID, uri string) (number string, dom presence.DomainID) {
	if a, ok := d.directory.Agent(id); ok {
		return a.Number, a.Domain
	}
	if u, err := message.ParseURI(uri); err == nil {
		if known, ok := d.directory.DomainByName(u.Host); ok {
			return "", known.ID
		}
	}
	return "", presence.DomainID{}
}

// saidBy names who published presence.
func (d diagnostics) saidBy(i *phonestate.Info) string {
	if i.Device.IsZero() {
		return i.Peer
	}
	if creds := d.directory.CredentialsOf(i.Device); len(creds) > 0 {
		return "device:" + creds[0].Username
	}
	return "device:" + i.Device.String()
}

// Publications are in the order of their entity tags, each package by itself.
func (d diagnostics) Publications(p api.Part) ([]api.Publication, string) {
	of := part[api.Publication]{after: p.After, most: p.Limit}
	if p.Kind == "" || strings.EqualFold(p.Kind, "dialog") {
		d.events.Publications(func(i compositor.Info) bool {
			if number, dom := d.owner(i.Agent, "sip:"+i.AOR); p.Domain.IsZero() || dom == p.Domain {
				of.offer("d"+i.ETag, func() api.Publication {
					return api.Publication{Agent: number, Entity: i.AOR, Event: "dialog", Peer: i.Peer, Observer: i.Observer, ETag: i.ETag, Expires: i.Expires.UTC(), Calls: len(i.Legs)}
				})
			}
			return true
		})
	}
	if p.Kind == "" || strings.EqualFold(p.Kind, "presence") {
		d.events.PhoneStates(func(i phonestate.Info) bool {
			number, _ := d.owner(i.Agent, "")
			if p.Domain.IsZero() || i.Domain == p.Domain {
				of.offer("p"+i.ETag, func() api.Publication {
					return api.Publication{Agent: number, Event: "presence", Peer: d.saidBy(&i), ETag: i.ETag, Expires: i.Expires.UTC()}
				})
			}
			return true
		})
	}
	if p.Kind == "" || strings.EqualFold(p.Kind, "message-summary") {
		d.events.Mailboxes().Each(func(i mailbox.Info) bool {
			number, _ := d.owner(i.Agent, "")
			for _, pub := range i.Pubs {
				if p.Domain.IsZero() || i.Domain == p.Domain {
					of.offer(pub.ETag, func() api.Publication {
						return api.Publication{Agent: number, Entity: i.AOR, Event: "message-summary", Peer: pub.Peer, ETag: pub.ETag, Expires: pub.Expires.UTC()}
					})
				}
			}
			return true
		})
	}
	return of.done()
}

// Flows are in the order of their ids.
func (d diagnostics) Flows(p api.Part) ([]api.Flow, string) {
	of := part[api.Flow]{after: p.After, most: p.Limit}
	d.transport.VisitFlows(func(i transport.FlowInfo) {
		if p.Kind == "" || p.Kind == i.Transport {
			of.offer(i.ID, func() api.Flow {
				f := api.Flow{ID: i.ID, Transport: i.Transport, Remote: i.Remote.String(), Local: i.Local.String(), Since: i.Since.UTC(), Seen: i.Seen.UTC(), Queued: i.Queued, Dropped: i.Dropped}
				if i.Client.IsValid() {
					f.Client = i.Client.String()
				}
				return f
			})
		}
	})
	return of.done()
}
