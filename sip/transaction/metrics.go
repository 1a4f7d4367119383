package transaction

import (
	"strconv"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts; without a Registerer it counts into the void.
type metrics struct {
	reg       prometheus.Registerer
	requests  *prometheus.CounterVec
	responses *prometheus.CounterVec
	answers   *prometheus.CounterVec
	drops     *prometheus.CounterVec
	again     prometheus.Counter
	open      []prometheus.Collector

	mu     sync.RWMutex
	series map[seriesKey]prometheus.Counter // guarded by mu; as many as label values
}

type seriesKey struct {
	vec  *prometheus.CounterVec
	a, b string
	n    int
}

func newMetrics(reg prometheus.Registerer, l *Layer) *metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	gauge := func(kind string, f func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "lamplight_sip_transactions", Help: "SIP transactions open or remembered.",
			ConstLabels: prometheus.Labels{"kind": kind},
		}, f)
	}
	m := &metrics{
		reg:       reg,
		series:    make(map[seriesKey]prometheus.Counter),
		requests:  counter("lamplight_sip_requests_total", "SIP requests received.", "method", "transport"),
		responses: counter("lamplight_sip_responses_received_total", "SIP responses received.", "class", "transport"),
		answers:   counter("lamplight_sip_responses_total", "SIP responses given.", "method", "status"),
		drops:     counter("lamplight_sip_transaction_drops_total", "SIP messages dropped by the transaction layer, by cause.", "cause"),
		again: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "lamplight_sip_retransmissions_received_total", Help: "SIP requests received again.",
		}),
		open: []prometheus.Collector{
			gauge("client", func() float64 { return float64(l.wheel.open.Load()) }),
			gauge("replay", func() float64 { return float64(l.replay.len()) }),
			gauge("invite", func() float64 { return float64(l.invites.len()) }),
			gauge("invite_client", func() float64 { return float64(l.outgoing.len()) }),
		},
	}
	if reg != nil {
		reg.MustRegister(m.all()...)
	}
	return m
}

func (m *metrics) all() []prometheus.Collector {
	return append([]prometheus.Collector{m.requests, m.responses, m.answers, m.drops, m.again}, m.open...)
}

func (m *metrics) unregister() {
	if m.reg == nil {
		return
	}
	for _, c := range m.all() {
		m.reg.Unregister(c)
	}
}

// method keeps the label's values few whatever peers invent.
func method(s string) string {
	switch s {
	case "REGISTER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS",
		"INFO", "MESSAGE", "REFER", "PRACK", "UPDATE":
		return s
	}
	return "other"
}

func (m *metrics) request(name, transport string) {
	m.cached(m.requests, method(name), transport, 0).Inc()
}

func (m *metrics) response(status int, transport string) {
	m.cached(m.responses, transport, "", status/100).Inc()
}

func (m *metrics) answer(name string, status int) {
	m.cached(m.answers, method(name), "", status).Inc()
}

// cached finds a series without making its label values each time.
func (m *metrics) cached(vec *prometheus.CounterVec, a, b string, n int) prometheus.Counter {
	k := seriesKey{vec, a, b, n}
	m.mu.RLock()
	c := m.series[k]
	m.mu.RUnlock()
	if c != nil {
		return c
	}
	switch vec {
	case m.requests:
		c = vec.WithLabelValues(a, b)
	case m.responses:
		c = vec.WithLabelValues(strconv.Itoa(n)+"xx", a)
	default:
		c = vec.WithLabelValues(a, strconv.Itoa(n))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.series[k] = c
	return c
}

func (m *metrics) drop(cause string) { m.drops.WithLabelValues(cause).Inc() }

func (m *metrics) retransmission() { m.again.Inc() }
