// Package server wires a Lamplight server together: store, directory and roster
// in the middle, SIP, webphone and web around them, in the order in which each
// needs the one before, and ends them in the reverse order.
package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"

	"lamplight/cmd/lamplight/internal/certificate"
	"lamplight/cmd/lamplight/internal/config"
	"lamplight/presence/consent"
	"lamplight/presence/desk"
	"lamplight/presence/directory"
	"lamplight/presence/hunt"
	"lamplight/presence/lists"
	"lamplight/presence/roster"
	"lamplight/presence/waiting"
	"lamplight/sip"
	"lamplight/sip/digest"
	"lamplight/sip/events"
	"lamplight/sip/events/notifier"
	"lamplight/sip/events/publisher"
	"lamplight/sip/proxy"
	"lamplight/sip/push"
	"lamplight/sip/registrar"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
	"lamplight/sip/trunk"
	"lamplight/store"
	"lamplight/store/sqlite"
	"lamplight/web"
	"lamplight/webrtc"
	"lamplight/webrtc/iceport"
	"lamplight/webrtc/media"
)

// Server is a running server. Its parts are set once, by Start.
type Server struct {
	cfg *config.Config
	log zerolog.Logger
	reg *prometheus.Registry

	store     store.Store
	directory *directory.Directory
	lists     *lists.Lists
	consents  *consent.Consents
	roster    *roster.Roster
	desks     *desk.Desks
	transport *transport.Layer
	registrar *registrar.Registrar
	waker     *push.Waker // nil where there is no push
	events    *events.Events
	publisher *publisher.Publisher
	trunks    *trunk.Trunks
	proxy     *proxy.Proxy
	lines     *waiting.Lines
	webphone  *webrtc.Server // nil where it is off
	icePort   *iceport.Port  // of the webphone
	media     *media.Gateway // nil where it is off
	web       *web.Server
	cert      *certificate.Keeper // nil without TLS
	listening *listeners

	turnSecret string   // of the relay; empty where it is off
	turnURLs   []string // of the relay

	neighbours atomic.Pointer[neighbours]

	// ends holds what ends each part, in the order of their starts.
	ends []end
}

type end struct {
	what string
	f    func() error
}

// Start opens everything and listens. The server runs until Close.
func Start(ctx context.Context, cfg *config.Config, log zerolog.Logger) (*Server, error) {
	s := &Server{cfg: cfg, log: log, reg: prometheus.NewRegistry()}
	s.reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, step := range []struct {
		what string
		f    func(context.Context) error
	}{
		{"store", s.startStore},
		{"presence", s.startPresence},
		{"media", s.startMedia},
		{"SIP", s.startSIP},
		{"webphone and web", s.startWeb},
		{"listeners", s.listen},
	} {
		if err := step.f(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("start %s: %w", step.what, err), s.Close())
		}
	}
	return s, nil
}

// atEnd has f called by Close, before what was handed in earlier.
func (s *Server) atEnd(what string, f func() error) { s.ends = append(s.ends, end{what, f}) }

// Close ends the parts in the reverse order of their start and waits for each.
func (s *Server) Close() error {
	var errs []error
	for i := len(s.ends) - 1; i >= 0; i-- {
		if err := s.ends[i].f(); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", s.ends[i].what, err))
		}
	}
	s.ends = nil
	return errors.Join(errs...)
}

func (s *Server) startStore(ctx context.Context) error {
	if err := os.MkdirAll(s.cfg.Data, 0o700); err != nil {
		return err
	}
	st, err := sqlite.Open(ctx, sqlite.Options{Dir: s.cfg.Data, KeepLog: s.cfg.KeepHistory, Log: s.log, Metrics: s.reg})
	if err != nil {
		return err
	}
	s.store = st
	s.atEnd("store", st.Close)
	return nil
}

func (s *Server) startPresence(ctx context.Context) error {
	d, err := directory.Open(ctx, s.store)
	if err != nil {
		return err
	}
	s.directory = d
	if err := s.seed(ctx, d, s.cfg); err != nil {
		return err
	}
	if !s.cfg.Loopback() {
		if err := refuseDemoCredentials(d); err != nil {
			return err
		}
	}
	if s.consents, err = consent.Open(ctx, s.store, d, s.cfg.Node, s.log); err != nil {
		return err
	}
	s.lists, err = lists.Open(ctx, lists.Options{
		Store: s.store, Directory: d, Node: s.cfg.Node, Log: s.log, Members: s.cfg.Lists.Members, PerAgent: s.cfg.Lists.PerAgent,
	})
	if err != nil {
		return err
	}
	s.roster, err = roster.Open(ctx, roster.Options{
		Store: s.store, Directory: d, Node: s.cfg.Node, Log: s.log, Metrics: s.reg,
	})
	if err != nil {
		return err
	}
	s.atEnd("roster", s.roster.Close)
	return s.startDesks()
}

func (s *Server) startSIP(ctx context.Context) error {
	key, err := secret(ctx, s.store, "nonce")
	if err != nil {
		return err
	}
	var transactions *transaction.Layer
	s.transport = transport.New(transport.Options{
		Log:     s.log,
		Origins: s.cfg.HTTP.Origins,
		Trusted: s.cfg.TrustedPrefixes(),
		Client:  s.client,
		Limits: transport.Limits{
			Rate: s.cfg.SIP.MessageRate, Burst: 2 * s.cfg.SIP.MessageRate, ConnsPerAddr: s.cfg.SIP.Connections,
		},
		Urgent: s.urgent,
		OnFlowClosed: func(f *transport.Flow) {
			s.registrar.FlowClosed(f)
			s.events.FlowClosed(f)
			transactions.FlowClosed(f)
		},
		Metrics: s.reg,
	})
	endpoint := &sip.Endpoint{}
	s.setPeers(s.cfg)
	transactions = transaction.New(transaction.Options{
		Transport: s.transport, Handler: endpoint, ForceRPort: s.forceRPort, Alias: s.isPeer, Urgent: s.urgent, Log: s.log, Metrics: s.reg,
	})
	s.atEnd("transactions", transactions.Close)

	auth := digest.New(digest.Options{Directory: s.directory, Key: key, Log: s.log})
	limits := s.cfg.Registrar.Limits()
	limits.Push = s.cfg.Push.Services()
	gruuKey, err := secret(ctx, s.store, "gruu")
	if err != nil {
		return err
	}
	s.registrar, err = registrar.Open(ctx, registrar.Options{
		Key:   gruuKey,
		Store: s.store, Directory: s.directory, Roster: s.roster, Auth: auth,
		Transport: s.transport, Transactions: transactions, Node: s.cfg.Node, Log: s.log, Metrics: s.reg,
		Limits: limits, Phones: s.cfg.PhoneTable(),
	})
	if err != nil {
		return err
	}
	s.atEnd("registrar", s.registrar.Close)
	s.events, err = events.Open(ctx, events.Options{
		Store: s.store, Directory: s.directory, Roster: s.roster, Auth: auth, Peers: s.cfg.PeerTable(),
		Registrar: s.registrar, Transport: s.transport, Transactions: transactions, Node: s.cfg.Node, Log: s.log, Metrics: s.reg,
		Consents: s.consents, Subscriptions: notifier.Options{Phones: s.cfg.PhoneTable(), Lists: s.lists},
	})
	if err != nil {
		return err
	}
	s.atEnd("events", s.events.Close)
	if err := s.startUpstreams(ctx, transactions); err != nil {
		return err
	}
	if err := s.startPush(); err != nil {
		return err
	}
	codes, err := s.startCodes(transactions)
	if err != nil {
		return err
	}
	carrier, err := s.startCalls(ctx, transactions)
	if err != nil {
		return err
	}
	s.lines = waiting.New(waiting.Options{Metrics: s.reg})
	board, err := hunt.Open(ctx, hunt.Options{Store: s.store, Log: s.log})
	if err != nil {
		return err
	}
	s.proxy = proxy.New(proxy.Options{
		Codes: codes, Board: board, Lines: s.lines,
		Pages: pages{s},
		Store: s.store, Directory: s.directory, Roster: s.roster, Auth: auth, Peers: s.cfg.PeerTable(),
		Waker: s.wakes(), Carrier: carrier, Instances: s.registrar, Phones: s.cfg.PhoneTable(), Node: s.cfg.Node, Log: s.log, Metrics: s.reg,
	})
	unwatch := s.roster.Watch(s.proxy.AgentChanged)
	s.atEnd("waiting callers", func() error { unwatch(); return nil })
	*endpoint = sip.Endpoint{
		Registrar: s.registrar, Events: s.events, Proxy: s.proxy, Relay: carrier.Relay.Serve, Asked: s.proxy.Asked, AllowEvents: s.events.AllowEvents(),
	}
	if err := s.startProbes(carrier.Calls, transactions); err != nil {
		return err
	}
	s.atEnd("transport", s.transport.Close)
	return nil
}

// Reload takes what can change while running from a new configuration: peers, trunks,
// upstreams, phones, tokens, domains and agents, the certificate. Listeners need a restart.
func (s *Server) Reload(ctx context.Context, cfg *config.Config) error {
	if err := s.seed(ctx, s.directory, cfg); err != nil {
		return err
	}
	tokens, err := tokens(s.directory, cfg)
	if err != nil {
		return err
	}
	trunks, err := cfg.SIPTrunks()
	if err != nil {
		return err
	}
	upstreams, err := cfg.Publisher()
	if err != nil {
		return err
	}
	if err := s.web.SetTokens(tokens); err != nil {
		return err
	}
	if err := s.publisher.SetUpstreams(upstreams); err != nil {
		return err
	}
	if err := s.trunks.Set(trunks); err != nil {
		return err
	}
	s.setPeers(cfg)
	s.events.SetPeers(cfg.PeerTable())
	s.events.SetPhones(cfg.PhoneTable())
	s.registrar.SetPhones(cfg.PhoneTable())
	s.proxy.SetPhones(cfg.PhoneTable())
	if err := s.registrar.SetLimits(cfg.Registrar.Limits()); err != nil {
		return err
	}
	s.proxy.SetPeers(cfg.PeerTable())
	if s.cert != nil {
		if err := s.cert.Reload(); err != nil {
			return err
		}
	}
	s.log.Info().Msg("configuration reloaded")
	return nil
}

// drainTime bounds a shutdown: what has not ended by then is cut.
const drainTime = 10 * time.Second

// Drain stops taking on new work: /readyz fails, new SUBSCRIBEs are told to come
// back, HTTP requests finish. Subscriptions and registrations stay: they outlive
// a restart.
func (s *Server) Drain(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	s.listening.draining.Store(true)
	if s.waker != nil {
		_ = s.waker.Close() // calls that wait are answered while they can be
	}
	s.lines.Close()
	if err := s.events.Drain(ctx); err != nil {
		s.log.Warn().Err(err).Msg("not all NOTIFYs were answered before the shutdown")
	}
	if err := s.publisher.Drain(ctx); err != nil {
		s.log.Warn().Err(err).Msg("not all PUBLISHes were answered before the shutdown")
	}
	if s.webphone != nil {
		if err := s.webphone.Shutdown(ctx); err != nil {
			s.log.Warn().Err(err).Msg("not all webphones were told of the shutdown")
		}
	}
	if err := s.web.Close(); err != nil {
		s.log.Warn().Err(err).Msg("live streams did not end")
	}
	s.listening.shutdownHTTP(ctx)
}
