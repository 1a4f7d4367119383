// Package proxies tells whom an HTTP request is from where reverse proxies stand in front.
//
// A proxy says in X-Forwarded-For where a request came from, and in X-Forwarded-Proto
// whether that was over TLS. Anybody can write these, so they count only when the
// connection is from one of ours. Everything that counts, logs or judges by address
// asks here, so that all of it sees the same client.
package proxies

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the addresses of the reverse proxies that are believed; nil: there are
// none. They are not changed.
type Proxies []netip.Prefix

// Client is the address the request came from, as far as ours know; the zero address
// where that cannot be told.
func (p Proxies) Client(r *http.Request) netip.Addr {
	from := peer(r)
	if !p.Contain(from) {
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
		if !p.Contain(addr) {
			break
		}
	}
	return from
}

// Through reports whether the connection is that of a proxy of ours.
func (p Proxies) Through(r *http.Request) bool { return p.Contain(peer(r)) }

// Secure reports whether the request came over TLS.
func (p Proxies) Secure(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	return p.Through(r) && strings.EqualFold(lastOf(r.Header.Values("X-Forwarded-Proto")), "https")
}

// Stray reports whether somebody who is none of ours says to be a proxy: then a
// connection from this machine says nothing of where the browser is.
func (p Proxies) Stray(r *http.Request) bool {
	return !p.Through(r) && (r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "")
}

// Contain reports whether the address is that of one of ours.
func (p Proxies) Contain(addr netip.Addr) bool {
	return addr.IsValid() && slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(addr) })
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
