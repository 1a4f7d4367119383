package server

import (
	"context"
	"errors"

	"lamplight/sip/message"
	"lamplight/sip/outbound"
	"lamplight/sip/proxy"
	"lamplight/sip/proxy/calls"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/proxy/relay"
	"lamplight/sip/resolve"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

// startCalls makes what carries calls: the names of flows, who is talking, and the
// two halves of a proxy.
func (s *Server) startCalls(ctx context.Context, transactions *transaction.Layer) (*proxy.Carrier, error) {
	key, err := secret(ctx, s.store, "flow token")
	if err != nil {
		return nil, err
	}
	tokens := outbound.New(s.transport, key)
	track, err := calls.Open(ctx, calls.Options{Roster: s.roster, Store: s.store, Node: s.cfg.Node, Log: s.log, Token: tokens.Token})
	if err != nil {
		return nil, err
	}
	s.atEnd("calls", func() error { track.Close(); return nil })
	forker := fork.New(fork.Options{Transactions: transactions, Log: s.log})
	s.atEnd("forker", func() error { forker.Close(); return nil })
	return &proxy.Carrier{
		Forker: forker, Calls: track, Bindings: s.registrar, Reach: s.reach, Flow: tokens.Flow,
		Relay: relay.New(relay.Options{
			Tokens: tokens, Transactions: transactions, Forker: forker,
			Instance: s.registrar.Reach, Seen: track.Seen, Answered: track.Answered,
			Refer: func(m *message.Message) string { return s.proxy.ReferTo(m) },
		}),
	}, nil
}

// reach finds the flow to a server outside, by UDP.
func (s *Server) reach(ctx context.Context, host string) (*transport.Flow, error) {
	server, err := resolve.ParseServer(transport.UDP, host)
	if err != nil {
		return nil, err
	}
	targets, err := resolve.Hosts{}.Find(ctx, server)
	if err != nil {
		return nil, err
	}
	var failed []error
	for _, t := range targets {
		f, err := s.transport.Flow(ctx, t.Transport, t.Addr)
		if err == nil {
			return f, nil
		}
		failed = append(failed, err)
	}
	return nil, errors.Join(failed...)
}
