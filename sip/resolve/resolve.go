// Package resolve finds where a server is that we send requests to.
//
// A Finder turns the server's name into addresses to try, best first. There are
// two: Hosts asks for the addresses of the host alone (A and AAAA), Locator goes
// the whole way of RFC 3263. A Cache in front of both bounds what is asked.
//
// What an answer may make us do is bounded (maxNAPTR, maxSRV, maxTargets), and
// nothing takes longer than its context.
package resolve

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// ErrNoAddress says that the name has no address.
var ErrNoAddress = errors.New("no address")

// Server is a SIP server as configuration names it.
type Server struct {
	Transport string // UDP, TCP or TLS; empty: what the Locator finds
	Host      string // name or IP address, without brackets
	Port      uint16 // 0: the transport's own
	Secure    bool   // without a Transport: nothing but TLS will do (sips)
}

// ParseServer reads host[:port], an IPv6 address in brackets.
func ParseServer(transport, address string) (Server, error) {
	s := Server{Transport: strings.ToUpper(transport), Host: address}
	if host, port, err := net.SplitHostPort(address); err == nil {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return Server{}, fmt.Errorf("%q: %q is no port", address, port)
		}
		s.Host, s.Port = host, uint16(n)
	} else {
		s.Host = strings.TrimSuffix(strings.TrimPrefix(address, "["), "]")
	}
	if _, err := netip.ParseAddr(s.Host); err != nil && !hostName(s.Host) {
		return Server{}, fmt.Errorf("%q is not host or host:port", address)
	}
	return s, nil
}

// hostName reports whether s could be the name of a host (RFC 1123 §2.1).
func hostName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '.', c == '_':
		default:
			return false
		}
	}
	return s != "" && len(s) <= 253 && s[0] != '-' && s[0] != '.'
}

// String is the server as people write it.
func (s Server) String() string {
	return net.JoinHostPort(s.Host, strconv.Itoa(int(s.port())))
}

// Written is the server as configuration has it: with its port only if one was
// given.
func (s Server) Written() string {
	switch {
	case s.Port != 0:
		return s.String()
	case strings.Contains(s.Host, ":"):
		return "[" + s.Host + "]"
	}
	return s.Host
}

// port is the one given, else the transport's (RFC 3261 §19.1.2).
func (s Server) port() uint16 {
	switch {
	case s.Port != 0:
		return s.Port
	case s.Transport == "TLS" || s.Transport == "" && s.Secure:
		return 5061
	}
	return 5060
}

// Target is one place to try.
type Target struct {
	Transport string
	Addr      netip.AddrPort
	// Name is what a certificate must name: the host as it was asked for (RFC
	// 5922 §7.1).
	Name string
}

// Finder finds the targets of a server, best first and at least one.
type Finder interface {
	Find(ctx context.Context, s Server) ([]Target, error)
}

// Hosts is a Finder by the addresses of the host. The zero value asks the
// system's resolver.
type Hosts struct {
	// Lookup finds the addresses of a name; nil: net.DefaultResolver.
	Lookup func(ctx context.Context, name string) ([]netip.Addr, error)
}

// Find lists the host's addresses in the order the resolver gives them.
func (h Hosts) Find(ctx context.Context, s Server) ([]Target, error) {
	target := func(a netip.Addr) Target {
		return Target{Transport: s.Transport, Addr: netip.AddrPortFrom(a.Unmap(), s.port()), Name: s.Host}
	}
	if a, err := netip.ParseAddr(s.Host); err == nil {
		return []Target{target(a)}, nil
	}
	addrs, err := h.lookup(ctx, s.Host)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", s.Host, err)
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("resolve %s: %w", s.Host, ErrNoAddress)
	}
	out := make([]Target, 0, len(addrs))
	for _, a := range addrs {
		out = append(out, target(a))
	}
	return out, nil
}

func (h Hosts) lookup(ctx context.Context, name string) ([]netip.Addr, error) {
	if h.Lookup != nil {
		return h.Lookup(ctx, name)
	}
	return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
}
