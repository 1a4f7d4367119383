package server

import (
	"context"
	"sync/atomic"

	"lamplight/presence/roster"
	"lamplight/sip/message"
	"lamplight/sip/outbound"
	"lamplight/sip/proxy"
	"lamplight/sip/proxy/anchor"
	"lamplight/sip/proxy/calls"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/proxy/relay"
	"lamplight/sip/quirks"
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
	var known atomic.Pointer[anchor.Calls] // calls of before may end before it is set
	lost := func(callee, caller calls.Dialog) {
		if l, ok := known.Load().Lost(message.DialogName{CallID: callee.CallID, FromTag: callee.FromTag, ToTag: callee.ToTag}); ok {
			s.proxy.HangUp(l, callee, caller)
		}
	}
	track, err := calls.Open(ctx, calls.Options{Roster: s.roster, Store: s.store, Node: s.cfg.Node, Log: s.log, Token: tokens.Token, Lost: lost})
	if err != nil {
		return nil, err
	}
	s.atEnd("calls", func() error { track.Close(); return nil })
	if err := s.startTrunks(transactions); err != nil {
		return nil, err
	}
	forker := fork.New(fork.Options{Transactions: transactions, Log: s.log})
	s.atEnd("forker", func() error { forker.Close(); return nil })
	anchors := s.anchors(track)
	known.Store(anchors)
	return &proxy.Carrier{
		Anchor: anchors, Send: transactions.Send,
		Forker: forker, Calls: track, Bindings: s.registrar, Trunks: s.trunks, Flow: tokens.Flow,
		Lives: s.registrar, Connect: s.transport.Flow, Moved: tokens.Moved,
		Relay: relay.New(relay.Options{
			Tokens: tokens, Transactions: transactions, Forker: forker, Believed: s.believed,
			Way: func(m *message.Message, to *transport.Flow) (fork.Way, bool) {
				if !track.Within(m) { // who only knows a route does not call out by our credentials
					return fork.Way{}, false
				}
				return s.trunks.Within(to, m.Method)
			},
			Instance: s.registrar.Reach, Answered: track.Answered, Media: anchors.Within, Ack: anchors.Ack,
			Seen: func(m *message.Message, settled func()) {
				anchors.Seen(m)
				track.Seen(m, settled)
			},
			Refer: func(m *message.Message) string { return s.proxy.ReferTo(m) },
		}),
	}, nil
}

// startProbes has the phones of calls without session timer asked whether these are
// still there.
func (s *Server) startProbes(track *calls.Tracker, t *transaction.Layer) error {
	prober, err := calls.Probe(calls.ProberOptions{Tracker: track, Way: s.probeWay, Send: t.Send})
	if err != nil {
		return err
	}
	s.atEnd("probes of calls", func() error { prober.Close(); return nil })
	return nil
}

// probeWay is the flow to a phone, unless it is known to answer no OPTIONS.
func (s *Server) probeWay(ctx context.Context, d *calls.Dialog) (*transport.Flow, error) {
	snap, _ := s.roster.Snapshot(d.To.Agent)
	if snap == nil {
		return nil, roster.ErrUnknown
	}
	for i := range snap.Devices {
		if snap.Devices[i].Device != d.To.Device {
			continue
		}
		for _, b := range s.registrar.Ways(d.To.Agent, snap.Devices[i].ID) {
			if s.cfg.PhoneTable().Find(b.UserAgent).Quirks.Has(quirks.NoOptions) {
				return nil, calls.ErrNoAnswer
			}
		}
	}
	return s.proxy.EndOf(ctx, d)
}
