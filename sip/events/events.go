// Package events speaks the event framework: SUBSCRIBE and NOTIFY (RFC 6665) for
// the packages dialog, presence, message-summary, reg and as-feature-event, and
// PUBLISH (RFC 3903) by event: each has a Publisher.
//
// It renders what package presence decided and nothing else. The engine of
// subscriptions is package notifier, the state agent of published dialogs package
// compositor; their guarantees are stated there.
package events

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/presence/consent"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/sip/digest"
	"lamplight/sip/events/compositor"
	"lamplight/sip/events/mailbox"
	"lamplight/sip/events/notifier"
	"lamplight/sip/events/phonestate"
	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/quirks"
	"lamplight/sip/registrar"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
	"lamplight/store"
)

// Options of the event server. Store, Directory, Roster, Auth, Transport and
// Transactions are required; the zero value of everything else is useful.
type Options struct {
	Store        store.Store
	Directory    *directory.Directory
	Roster       *roster.Roster
	Auth         *digest.Authority
	Peers        peers.Table
	Transport    *transport.Layer
	Transactions *transaction.Layer
	Registrar    *registrar.Registrar // nil: no package reg
	Node         string               // default "node-1"
	Log          zerolog.Logger
	Metrics      prometheus.Registerer
	// Consents are what agents decided about watchers; nil: nothing.
	Consents *consent.Consents

	// Subscriptions are the bounds of notifier.Options; the fields that name its
	// neighbours are filled from those above.
	Subscriptions notifier.Options
	// Publications are the bounds of compositor.Options, likewise.
	Publications compositor.Options
	// PhoneStates are the bounds of phonestate.Options, likewise.
	PhoneStates phonestate.Options
	// Mailboxes are the bounds of mailbox.Options, likewise.
	Mailboxes mailbox.Options
}

// Events is safe for concurrent use.
type Events struct {
	notifier   *notifier.Notifier
	compositor *compositor.Compositor
	mailboxes  *mailbox.Mailboxes
	presence   *phonestate.Agent
	publishers publishers // the three above too
}

// Open reloads publications and subscriptions, in this order, so that the first
// NOTIFYs after a restart tell of published calls. ctx bounds the reading.
func Open(ctx context.Context, o Options) (*Events, error) {
	pub := o.Publications
	pub.Store, pub.Directory, pub.Roster, pub.Auth = o.Store, o.Directory, o.Roster, o.Auth
	pub.Node, pub.Log, pub.Metrics = o.Node, o.Log, o.Metrics
	c, err := compositor.Open(ctx, pub, o.Peers)
	if err != nil {
		return nil, fmt.Errorf("events: %w", err)
	}
	box := o.Mailboxes
	box.Store, box.Directory, box.Log, box.Metrics = o.Store, o.Directory, o.Log, o.Metrics
	m, err := mailbox.Open(ctx, box, o.Peers)
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("events: %w", err)
	}
	said := o.PhoneStates
	said.Store, said.Directory, said.Roster, said.Auth = o.Store, o.Directory, o.Roster, o.Auth
	said.Node, said.Log, said.Metrics = o.Node, o.Log, o.Metrics
	ps, err := phonestate.Open(ctx, said, o.Peers)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("events: %w", err), publishers{c, m}.close())
	}
	pubs := publishers{c, m, ps}
	var reg *regPackage
	sub := o.Subscriptions
	if o.Registrar != nil {
		reg = newRegPackage(o.Registrar, o.Directory)
		sub.Instances = o.Registrar
	}
	sub.Store, sub.Directory, sub.Roster, sub.Auth = o.Store, o.Directory, o.Roster, o.Auth
	sub.Transactions, sub.Flows, sub.Packages = o.Transactions, o.Transport, packages(&o, m, reg)
	sub.Node, sub.Log, sub.Metrics = o.Node, o.Log, o.Metrics
	if o.Consents != nil {
		sub.Consent = o.Consents
	}
	n, err := notifier.Open(ctx, sub, o.Peers)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("events: %w", err), pubs.close())
	}
	m.OnChange(n.Changed)
	if o.Consents != nil {
		o.Consents.OnChange(func(d consent.Decision) { n.Decided(d.Of) })
	}
	if reg != nil {
		reg.watch(n)
	}
	return &Events{notifier: n, compositor: c, mailboxes: m, presence: ps, publishers: pubs}, nil
}

// ServeSIP answers SUBSCRIBE and PUBLISH, and the NOTIFY that nobody here asked
// for. It does not block.
func (e *Events) ServeSIP(r *transaction.Request) {
	switch r.Method {
	case "SUBSCRIBE":
		e.notifier.ServeSIP(r)
	case "PUBLISH":
		e.publishers.ServeSIP(r)
	case "NOTIFY":
		if !e.mailboxes.TakeNotify(r) {
			r.Reply(481) // RFC 6665 §4.1.3: we subscribe to nothing
		}
	default:
		r.Reply(405, message.Header{Name: message.Allow, Value: "SUBSCRIBE, PUBLISH, NOTIFY"})
	}
}

// AllowEvents is the value of the Allow-Events header (RFC 6665 §8.2.2).
func (e *Events) AllowEvents() string { return e.notifier.AllowEvents() }

// SetPeers replaces the table of trusted peers.
func (e *Events) SetPeers(t peers.Table) {
	e.notifier.SetPeers(t)
	e.publishers.setPeers(t)
}

// SetPhones replaces the table of phones.
func (e *Events) SetPhones(t quirks.Table) { e.notifier.SetPhones(t) }

// FlowClosed is told of a stream that ended. Its subscriptions stay: what is in
// flight on it is ended by the transaction layer, and the next NOTIFY finds the
// flow closed and waits for the watcher to come back.
func (e *Events) FlowClosed(*transport.Flow) {}

// Subscriptions calls f with every live subscription, or those of one agent or
// bare address, until f returns false.
func (e *Events) Subscriptions(of presence.AgentID, f func(notifier.Info) bool) {
	e.notifier.Subscriptions(of, f)
}

// Watched calls f with every agent and bare address that somebody watches, in no
// order, until f returns false.
func (e *Events) Watched(f func(presence.AgentID) bool) { e.notifier.Watched(f) }

// ListWatchers are those who watch by a list it is on; see notifier.Notifier.
func (e *Events) ListWatchers(of presence.AgentID) []notifier.Info {
	return e.notifier.ListWatchers(of)
}

// Watchers is a part of the subscriptions to an agent or bare address: at most so
// many, from that place on; more if there are others behind.
func (e *Events) Watchers(of presence.AgentID, from, most int) (list []notifier.Info, more bool) {
	return e.notifier.Watchers(of, from, most)
}

// Publications calls f with every live publication of dialogs until f returns false.
func (e *Events) Publications(f func(compositor.Info) bool) { e.compositor.Publications(f) }

// PhoneStates calls f with every live publication of presence until f returns
// false.
func (e *Events) PhoneStates(f func(phonestate.Info) bool) { e.presence.Publications(f) }

// Mailboxes are where waiting messages are counted.
func (e *Events) Mailboxes() *mailbox.Mailboxes { return e.mailboxes }

// Drain refuses new subscriptions with 503 and waits until what is under way is
// answered, or ctx ends. Subscriptions outlive the restart.
func (e *Events) Drain(ctx context.Context) error {
	if err := e.publishers.drain(ctx); err != nil {
		return err
	}
	return e.notifier.Drain(ctx)
}

// Close ends the goroutines. It closes none of the neighbours.
func (e *Events) Close() error {
	return errors.Join(e.publishers.close(), e.notifier.Close())
}
