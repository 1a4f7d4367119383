package server

import (
	"lamplight/presence"
	"lamplight/sip/proxy"
	"lamplight/sip/push"
	"lamplight/sip/registrar"
)

// startPush opens what wakes mobiles, where push services are configured.
func (s *Server) startPush() error {
	services := s.cfg.Push.Services()
	if len(services.Providers) == 0 {
		return nil
	}
	gateway, err := push.NewGateway(push.Options{Services: services, Log: s.log, Metrics: s.reg})
	if err != nil {
		return err
	}
	s.atEnd("push gateway", gateway.Close)
	s.waker = push.NewWaker(push.WakerOptions{
		Bindings: s.registrar, Sender: gateway, Wait: s.cfg.Push.Wait, Log: s.log, Metrics: s.reg,
	})
	s.atEnd("waker", s.waker.Close)
	s.registrar.OnRefreshDue(s.waker.Refresh)
	s.registrar.OnChange(func(agent presence.AgentID, _ []registrar.Ended) { s.waker.Changed(agent) })
	return nil
}

// wakes is the waker as the proxy wants it: none rather than one that is nil.
func (s *Server) wakes() proxy.Waker {
	if s.waker == nil {
		return nil
	}
	return s.waker
}
