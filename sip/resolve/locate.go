package resolve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// The most that one answer of the DNS may make us do.
const (
	maxNAPTR   = 8
	maxSRV     = 16 // servers of one service that are looked at
	maxTargets = 16 // places to try
)

// Locator is the Finder of RFC 3263: it asks which transports a domain takes
// (NAPTR), which servers it has for them (SRV), then their addresses. A name with
// a port, or an address, is taken as it stands (§4.2).
//
// Where a Server names its transport that is kept to; else the domain chooses
// among ours, and where it says nothing it is UDP, or for sips TLS (§4.1).
type Locator struct {
	// DNS is asked for NAPTR and SRV; nil: Client, the system's name servers.
	// Who asks often puts a Cache in front.
	DNS DNS
	// Hosts finds addresses.
	Hosts Hosts
	// Transports are ours, the dearest first, for domains that leave us the
	// choice; default UDP, TCP, TLS.
	Transports []string
	// IntN chooses among servers of one priority; nil: rand.IntN.
	IntN func(int) int
}

// service is one way to a domain: a transport, and where its SRV records are.
type service struct{ transport, name string }

// Find lists the places to try. It asks no longer than ctx lets it.
func (l *Locator) Find(ctx context.Context, s Server) ([]Target, error) {
	if _, err := netip.ParseAddr(s.Host); err == nil || s.Port != 0 {
		return l.addresses(ctx, s, s.Host, l.plain(s), s.Port)
	}
	services, err := l.services(ctx, s)
	if err != nil {
		return nil, err
	}
	var out []Target
	var failed []error
	none := false
	for _, v := range services {
		found, says, err := l.servers(ctx, s, v)
		none = none || says
		if err != nil {
			failed = append(failed, err)
		}
		out = append(out, found...)
	}
	switch {
	case len(out) > 0:
		return out[:min(len(out), maxTargets)], nil
	case none: // "." as the target: the service is decidedly not there (RFC 2782)
		return nil, fmt.Errorf("resolve %s: %w", s.Host, ErrNoAddress)
	case len(failed) > 0:
		return nil, errors.Join(failed...)
	}
	return l.addresses(ctx, s, s.Host, l.plain(s), 0)
}

// plain is the transport where the DNS is not asked for it (§4.1).
func (l *Locator) plain(s Server) string {
	switch {
	case s.Transport != "":
		return s.Transport
	case s.Secure:
		return "TLS"
	}
	return "UDP"
}

// services are where to ask for servers: what NAPTR records say, in their order,
// else by the names of RFC 2782 (§4.1).
func (l *Locator) services(ctx context.Context, s Server) ([]service, error) {
	ours := l.Transports
	if len(ours) == 0 {
		ours = []string{"UDP", "TCP", "TLS"}
	}
	if s.Secure {
		ours = []string{"TLS"}
	}
	if s.Transport != "" {
		return []service{{s.Transport, prefix(s.Transport) + s.Host}}, nil
	}
	a, err := l.dns().Ask(ctx, s.Host, KindNAPTR)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", s.Host, err)
	}
	list := slices.Clone(a.NAPTR)
	slices.SortStableFunc(list, func(a, b NAPTR) int {
		return cmp.Or(cmp.Compare(a.Order, b.Order), cmp.Compare(a.Preference, b.Preference))
	})
	var out []service
	for _, n := range list[:min(len(list), maxNAPTR)] {
		t := transportOf(n.Service)
		if strings.EqualFold(n.Flags, "s") && n.Replacement != "" && n.Regexp == "" && slices.Contains(ours, t) {
			out = append(out, service{t, n.Replacement})
		}
	}
	if len(out) == 0 {
		for _, t := range ours {
			out = append(out, service{t, prefix(t) + s.Host})
		}
	}
	return out, nil
}

// transportOf reads the service of a NAPTR record (RFC 3263 §4.1).
func transportOf(service string) string {
	switch strings.ToUpper(service) {
	case "SIP+D2U":
		return "UDP"
	case "SIP+D2T":
		return "TCP"
	case "SIPS+D2T":
		return "TLS"
	}
	return ""
}

// prefix begins the name of a service's SRV records.
func prefix(transport string) string {
	switch transport {
	case "TCP":
		return "_sip._tcp."
	case "TLS":
		return "_sips._tcp."
	}
	return "_sip._udp."
}

// servers are the places of one service; none says that it decidedly is not there.
// A server whose name has no address is left out.
func (l *Locator) servers(ctx context.Context, s Server, v service) (out []Target, none bool, err error) {
	a, err := l.dns().Ask(ctx, v.name, KindSRV)
	if err != nil {
		return nil, false, fmt.Errorf("resolve %s: %w", v.name, err)
	}
	if len(a.SRV) == 1 && a.SRV[0].Target == "" {
		return nil, true, nil
	}
	list := order(a.SRV, l.IntN)
	var failed []error
	for _, srv := range list[:min(len(list), maxSRV)] {
		if len(out) >= maxTargets {
			break
		}
		found, err := l.addresses(ctx, s, srv.Target, v.transport, srv.Port)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		out = append(out, found...)
	}
	return out, false, errors.Join(failed...)
}

// addresses are those of one host. A certificate must name what was asked for, not
// what the DNS made of it.
func (l *Locator) addresses(ctx context.Context, s Server, host, transport string, port uint16) ([]Target, error) {
	list, err := l.Hosts.Find(ctx, Server{Transport: transport, Host: host, Port: port})
	for i := range list {
		list[i].Name = s.Host
	}
	return list[:min(len(list), maxTargets)], err
}

func (l *Locator) dns() DNS {
	if l.DNS == nil {
		return Client{}
	}
	return l.DNS
}
