package api

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Where a request came from and whether it came over TLS is told by a proxy in
// X-Forwarded-For and X-Forwarded-Proto. Anybody can write these, so they count
// only when the connection is from one of Options.Proxies.

// secure reports whether the request came over TLS.
func (a *API) secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	return a.proxied(r) && strings.EqualFold(lastOf(r.Header.Values("X-Forwarded-Proto")), "https")
}

// source is the address the request came from; the zero address where that
// cannot be told.
func (a *API) source(r *http.Request) netip.Addr {
	from := peer(r)
	if !a.trusted(from) {
		return from
	}
	// Each proxy appends whom it heard, so the list is read from its end: the
	// first that is no proxy of ours is the client. What is before is hearsay.
	list := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, name := range slices.Backward(list) {
		addr, err := forwarded(name)
		if err != nil {
			break
		}
		from = addr
		if !a.trusted(addr) {
			break
		}
	}
	return from
}

// proxied reports whether the connection is a trusted proxy's.
func (a *API) proxied(r *http.Request) bool { return a.trusted(peer(r)) }

// strayProxy reports whether somebody who is not trusted says to be a proxy:
// then a connection from this machine says nothing of where the browser is.
func (a *API) strayProxy(r *http.Request) bool {
	return !a.proxied(r) && (r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "")
}

func (a *API) trusted(addr netip.Addr) bool {
	return addr.IsValid() && slices.ContainsFunc(a.o.Proxies, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// peer is the address at the other end of the connection.
func peer(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap().WithZone("")
}

// forwarded reads one entry, which some proxies write with the port.
func forwarded(name string) (netip.Addr, error) {
	name = strings.TrimSpace(name)
	addr, err := netip.ParseAddr(name)
	if err != nil {
		ap, perr := netip.ParseAddrPort(name)
		if perr != nil {
			return netip.Addr{}, err //nolint:wrapcheck // the caller only asks whether
		}
		addr = ap.Addr()
	}
	return addr.Unmap().WithZone(""), nil
}

// lastOf is the last word of a header that may be a list: the nearest proxy's.
func lastOf(values []string) string {
	if len(values) == 0 {
		return ""
	}
	last := values[len(values)-1]
	return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
}
