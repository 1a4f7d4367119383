package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/netip"

	"lamplight/cmd/lamplight/internal/config"
	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/sip/digest"
	"lamplight/web"
	"lamplight/web/access"
	"lamplight/web/proxies"
	"lamplight/web/ticket"
	"lamplight/web/ui"
	"lamplight/webrtc"
)

// errDraining fails /readyz during a shutdown, so that a balancer looks away.
var errDraining = errors.New("shutting down")

func (s *Server) startWeb(context.Context) error {
	tokens, err := tokens(s.directory, s.cfg)
	if err != nil {
		return err
	}
	webphone := http.NewServeMux() // web needs its handler, and it needs web's tickets
	o := web.Options{
		Directory: s.directory, Roster: s.roster, Store: s.store, HA1: ha1,
		Tokens: tokens, UI: ui.Files(), SIP: s.transport.WebSocketHandler(),
		Registrations: registrations{s.registrar, s.waker}, Lists: s.lists, Desks: s.desks, Lines: s.lines, Turns: s.proxy,
		Watchers: watchers{s.directory, s.events}, Consents: s.consents,
		Mailboxes: mailboxes{s.events.Mailboxes(), s.directory}, Diagnostics: diagnostics{s.directory, s.events, s.transport, s.publisher, s.trunks},
		SessionEnded: func(sub ticket.Subject) {
			if s.webphone != nil {
				s.webphone.Logout(sub.Agent, sub.Session)
			}
		},
		Checks: []web.Check{
			{Name: "store", Run: func(context.Context) error { return s.store.Healthy() }},
			{Name: "roster", Run: func(context.Context) error { return s.roster.Healthy() }},
			{Name: "listeners", Run: func(context.Context) error {
				if s.listening == nil || s.listening.draining.Load() {
					return errDraining
				}
				return nil
			}},
		},
		Gatherer: s.reg, Metrics: s.reg, Node: s.cfg.Node, Origins: s.cfg.HTTP.Origins, Proxies: s.proxies(), Log: s.log,
	}
	if s.cfg.Webphone.UDP != "" {
		o.Webphone, o.Webphones = webphone, webphones{s}
	}
	if s.web, err = web.New(o); err != nil {
		return err
	}
	s.atEnd("web", s.web.Close)
	if s.cfg.Webphone.UDP == "" {
		return nil
	}
	s.webphone, err = webrtc.Open(webrtc.Options{
		Roster: s.roster, Directory: s.directory, Redeemer: redeemer{s.web.Tickets()},
		Port: s.icePort, ICEServersOf: s.iceServers, ICELife: s.cfg.Media.Turn.TTL, Calling: s.calling(), Source: s.proxies().Client,
		TrustWithoutTest: s.cfg.Webphone.TrustWithoutTest, Origins: s.cfg.HTTP.Origins,
		Log: s.log, Metrics: s.reg,
	})
	if err != nil {
		return err
	}
	s.atEnd("webphone", s.webphone.Close)
	webphone.Handle("/webphone", s.webphone)
	webphone.Handle("/webphone/bye", s.webphone.Beacon())
	return nil
}

// proxies are the reverse proxies in front, who are believed.
func (s *Server) proxies() proxies.Proxies { return s.cfg.Proxies() }

// client is whom a request is from that came by one of them.
func (s *Server) client(r *http.Request) (netip.Addr, bool) {
	p := s.proxies()
	return p.Client(r), p.Through(r)
}

// tokens puts the configured tokens in the form the API compares.
func tokens(d *directory.Directory, c *config.Config) ([]access.Token, error) {
	out := make([]access.Token, 0, len(c.Tokens))
	for _, t := range c.Tokens {
		a := access.Token{Name: t.Name, Hash: t.SHA256, Role: presence.Role(t.Role)}
		if t.Token != "" {
			sum := sha256.Sum256([]byte(t.Token))
			a.Hash = hex.EncodeToString(sum[:])
		}
		if t.Domain != "" {
			dom, ok := d.DomainByName(t.Domain)
			if !ok {
				return nil, fmt.Errorf("token %s: unknown domain %s", t.Name, t.Domain)
			}
			a.Domain = dom.ID
		}
		out = append(out, a)
	}
	return out, nil
}

// ha1 computes digests for web, which knows nothing of SIP.
func ha1(algorithm, user, realm, password string) string {
	h, err := digest.HA1(algorithm, user, realm, password)
	if err != nil {
		return "" // an unknown algorithm, which the caller refuses
	}
	return h
}

// redeemer gives the webphone the subject of a page's ticket.
type redeemer struct{ tickets *ticket.Tickets }

func (r redeemer) Redeem(t string) (webrtc.Subject, bool) {
	s, ok := r.tickets.Redeem(t)
	return webrtc.Subject{Domain: s.Domain, Agent: s.Agent, Session: s.Session}, ok
}
