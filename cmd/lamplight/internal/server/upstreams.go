package server

import (
	"context"

	"lamplight/sip/events/publisher"
	"lamplight/sip/transaction"
	"lamplight/web/api"
)

// startUpstreams begins to tell the upstream presence servers.
func (s *Server) startUpstreams(ctx context.Context, transactions *transaction.Layer) error {
	list, err := s.cfg.Publisher()
	if err != nil {
		return err
	}
	s.publisher, err = publisher.Open(ctx, publisher.Options{
		Store: s.store, Directory: s.directory, Roster: s.roster, Transactions: transactions, Flows: s.transport,
		Upstreams: list, Node: s.cfg.Node, Log: s.log, Metrics: s.reg,
	})
	if err != nil {
		return err
	}
	s.atEnd("publisher", s.publisher.Close)
	return nil
}

// Upstreams are in the order of the configuration.
func (d diagnostics) Upstreams() []api.Upstream {
	var out []api.Upstream
	for _, u := range d.publisher.Upstreams() {
		out = append(out, api.Upstream{
			Name: u.Name, Server: u.Server, Transport: u.Transport, Up: u.Up, Error: u.Error, Since: u.Since.UTC(),
			Publications: u.Publications, Waiting: u.Waiting, InFlight: u.InFlight,
		})
	}
	return out
}
