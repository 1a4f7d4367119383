package events

import (
	"context"
	"errors"
	"strings"

	"lamplight/sip/message"
	"lamplight/sip/peers"
	"lamplight/sip/transaction"
)

// Publisher is the state agent of an event package (RFC 3903 §6): it answers the
// PUBLISHes of that event, who may send them included.
type Publisher interface {
	transaction.Handler
	// Event is the package's name, such as "dialog".
	Event() string
	SetPeers(peers.Table)
	// Drain waits until what is under way is answered, or ctx ends.
	Drain(ctx context.Context) error
	Close() error
}

// publishers are the state agents there are, one an event.
type publishers []Publisher

// ServeSIP gives a PUBLISH to the one of its event.
func (ps publishers) ServeSIP(r *transaction.Request) {
	name, _, _ := strings.Cut(r.Get(message.Event), ";")
	name = strings.TrimSpace(name)
	for _, p := range ps {
		if strings.EqualFold(p.Event(), name) {
			p.ServeSIP(r)
			return
		}
	}
	r.Reply(489, message.Header{Name: message.AllowEvents, Value: ps.events()}) // RFC 3903 §6 step 2
}

func (ps publishers) events() string {
	names := make([]string, len(ps))
	for i, p := range ps {
		names[i] = p.Event()
	}
	return strings.Join(names, ", ")
}

func (ps publishers) setPeers(t peers.Table) {
	for _, p := range ps {
		p.SetPeers(t)
	}
}

func (ps publishers) drain(ctx context.Context) error {
	for _, p := range ps {
		if err := p.Drain(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (ps publishers) close() error {
	var errs []error
	for _, p := range ps {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}
