package server

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"net"
	"net/netip"
	"strings"
	"time"

	"lamplight/cmd/lamplight/internal/config"
	"lamplight/webrtc/iceport"
	"lamplight/webrtc/media"
	"lamplight/webrtc/signalling"
	"lamplight/webrtc/turn"
)

// startMedia opens what browsers reach: the port of test calls and calls, the
// gateway to SIP phones, and the relay.
func (s *Server) startMedia(context.Context) error {
	c := &s.cfg.Media
	if s.cfg.Webphone.UDP == "" {
		return nil
	}
	port, err := iceport.Open(iceport.Options{
		Listen: s.cfg.Webphone.UDP, TCP: c.TCP, External: s.cfg.Webphone.Announce, Loopback: s.cfg.Loopback(), Log: s.log,
	})
	if err != nil {
		return err
	}
	s.icePort = port
	s.atEnd("media port", port.Close)
	if c.RTP != "" {
		if err := s.startGateway(); err != nil {
			return err
		}
	}
	if c.Turn.On() {
		return s.startTurn()
	}
	return nil
}

func (s *Server) startGateway() error {
	c := &s.cfg.Media
	o := media.Options{Port: s.icePort, First: c.First, Silence: c.Silence, Log: s.log, Metrics: s.reg}
	o.Listen, _ = netip.ParseAddr(c.RTP) // validated
	o.Announce, _ = netip.ParseAddr(c.Announce)
	o.Listen6, _ = netip.ParseAddr(c.RTP6)
	o.Announce6, _ = netip.ParseAddr(c.Announce6)
	o.Ports, _ = config.PortRange(c.Ports)
	g, err := media.Open(o)
	if err != nil {
		return err
	}
	s.media = g
	s.atEnd("media gateway", g.Close)
	return nil
}

func (s *Server) startTurn() error {
	c := &s.cfg.Media.Turn
	to, relay, announce := reach(s.icePort.Addr(), s.cfg.Webphone.Announce, interfaces())
	o := turn.Options{
		UDP: c.UDP, TCP: c.TCP, Secret: c.Secret, To: to, Relay: relay, Announce: announce, Log: s.log, Metrics: s.reg,
	}
	o.Ports, _ = config.PortRange(c.Ports) // validated
	if o.Secret == "" {
		o.Secret = rand.Text()
	}
	if c.TLS {
		conf, err := s.tlsConfig()
		if err != nil {
			return err
		}
		o.TLS = conf.Clone()
		o.TLS.NextProtos = nil
		o.TLS.MinVersion = tls.VersionTLS12
	}
	server, err := turn.Open(o)
	if err != nil {
		return err
	}
	s.turnSecret = o.Secret
	s.turnURLs = turnURLs(c, server.Addr(), server.TCPAddr(), announce.String())
	s.atEnd("relay", server.Close)
	return nil
}

// reach is what a relay may reach: where the gateway listens, under each address
// browsers are told; which address relays are bound to, and which one they are
// said to have.
func reach(listen net.Addr, announced []string, own []netip.Addr) (to map[netip.AddrPort]netip.AddrPort, relay, told netip.Addr) {
	is := listen.(*net.UDPAddr).AddrPort()
	is = netip.AddrPortFrom(is.Addr().Unmap(), is.Port())
	var names []netip.Addr
	for _, a := range announced {
		if ip, err := netip.ParseAddr(a); err == nil {
			names = append(names, ip)
		}
	}
	if is.Addr().IsUnspecified() {
		if len(names) == 0 {
			names = own
		}
		is = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), is.Port())
	}
	to = map[netip.AddrPort]netip.AddrPort{is: is}
	told = is.Addr()
	for i, a := range names {
		to[netip.AddrPortFrom(a, is.Port())] = is
		if i == 0 {
			told = a
		}
	}
	return to, is.Addr(), told
}

// interfaces are this machine's addresses that others may reach.
func interfaces() (out []netip.Addr) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok && !ip.Unmap().IsLoopback() && !ip.IsLinkLocalUnicast() && ip.Unmap().Is4() {
				out = append(out, ip.Unmap())
			}
		}
	}
	return out
}

// turnURLs are what browsers are told of our own relay (RFC 7065).
func turnURLs(c *config.Turn, udp, tcp net.Addr, host string) (urls []string) {
	if c.Host != "" {
		host = c.Host
	} else if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	add := func(scheme string, a net.Addr, transport string) {
		_, port, _ := net.SplitHostPort(a.String())
		urls = append(urls, scheme+":"+host+":"+port+"?transport="+transport)
	}
	if udp != nil {
		add("turn", udp, "udp")
	}
	switch {
	case tcp != nil && c.TLS:
		add("turns", tcp, "tcp")
	case tcp != nil:
		add("turn", tcp, "tcp")
	}
	return urls
}

// iceServers are what the page of an agent may use, with a credential of its own.
func (s *Server) iceServers(name string) []signalling.ICEServer {
	c := &s.cfg.Media.Turn
	secret := s.turnSecret
	if secret == "" {
		secret = c.Secret
	}
	var stun, relays []string
	for _, u := range c.Servers {
		if strings.HasPrefix(u, "stun") {
			stun = append(stun, u)
		} else {
			relays = append(relays, u)
		}
	}
	relays = append(relays, s.turnURLs...)
	out := []signalling.ICEServer{}
	if len(stun) > 0 {
		out = append(out, signalling.ICEServer{URLs: stun})
	}
	if len(relays) > 0 {
		user, pass := turn.Credentials(secret, name, time.Now(), c.TTL)
		out = append(out, signalling.ICEServer{URLs: relays, Username: user, Credential: pass})
	}
	return out
}
