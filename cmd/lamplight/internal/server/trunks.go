package server

import (
	"lamplight/sip/transaction"
	"lamplight/sip/trunk"
	"lamplight/web/api"
)

// startTrunks begins to ask the trunks.
func (s *Server) startTrunks(transactions *transaction.Layer) error {
	list, err := s.cfg.SIPTrunks()
	if err != nil {
		return err
	}
	s.trunks, err = trunk.Open(trunk.Options{Transactions: transactions, Flows: s.transport, Log: s.log, Metrics: s.reg}, list)
	if err != nil {
		return err
	}
	s.atEnd("trunks", s.trunks.Close)
	return nil
}

// Trunks are in the order of the configuration, each with its hops as they are tried.
func (d diagnostics) Trunks() []api.Trunk {
	var out []api.Trunk
	for _, i := range d.trunks.Info() {
		t := api.Trunk{Name: i.Trunk, Hop: i.Hop, Up: i.Up, Error: i.Why, Since: i.Since.UTC(), RoundTrip: float64(i.RoundTrip.Microseconds()) / 1000}
		if !i.RetryAfter.IsZero() {
			at := i.RetryAfter.UTC()
			t.RetryAfter = &at
		}
		out = append(out, t)
	}
	return out
}
