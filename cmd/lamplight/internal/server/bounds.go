package server

import (
	"net"

	"github.com/prometheus/client_golang/prometheus"

	"lamplight/webrtc/streams"
)

// httpConnections is how many connections a listener for HTTP has at once, in all.
const httpConnections = 50_000

// bounded puts bounds to a listener for HTTP: whoever connects need not have said who he
// is, and each connection is a descriptor that SIP and the store lack. A reverse proxy
// brings everybody, so it is bound by what all may have.
func (s *Server) bounded(what string, ln net.Listener) net.Listener {
	l := streams.Bound(ln, streams.Options{
		All: max(httpConnections, s.cfg.HTTP.Connections), PerAddr: s.cfg.HTTP.Connections,
		Exempt: s.proxies().Contain, Outlive: true, What: what, Log: s.log,
	})
	labels := prometheus.Labels{"listener": what}
	s.reg.MustRegister(
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "lamplight_http_connections_refused_total", Help: "HTTP connections closed at once, as too many were open.", ConstLabels: labels,
		}, func() float64 { return float64(l.Refused()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "lamplight_http_connections", Help: "HTTP connections open, WebSockets among them.", ConstLabels: labels,
		}, func() float64 { return float64(l.Open()) }))
	return l
}
