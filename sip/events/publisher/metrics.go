package publisher

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are counted whether or not anybody collects them.
type metrics struct {
	reg          prometheus.Registerer
	sent         *prometheus.CounterVec
	results      *prometheus.CounterVec
	publications *prometheus.GaugeVec
	waiting      *prometheus.GaugeVec
	up           *prometheus.GaugeVec
	delay        *prometheus.HistogramVec
}

// label is the one that every series has.
const label = "upstream"

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		reg:          r,
		sent:         prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lamplight_upstream_publish_sent_total", Help: "PUBLISHes sent to upstreams by sort: first, change, refresh, remove."}, []string{label, "event", "sort"}),
		results:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lamplight_upstream_publish_results_total", Help: "What came of them: ok, forgotten (412), too_brief (423), challenged, unauthorized, refused, unavailable, timeout, flow."}, []string{label, "result"}),
		publications: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "lamplight_upstream_publications", Help: "Publications that upstreams have of us."}, []string{label}),
		waiting:      prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "lamplight_upstream_waiting", Help: "Publications that wait to be sent."}, []string{label}),
		up:           prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "lamplight_upstream_up", Help: "1 while the upstream answers."}, []string{label}),
		delay:        prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "lamplight_upstream_publish_seconds", Help: "From a change of state to the upstream's 2xx.", Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, 1, 5, 30}}, []string{label}),
	}
	if r != nil {
		r.MustRegister(m.all()...)
	}
	return m
}

func (m *metrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.sent, m.results, m.publications, m.waiting, m.up, m.delay}
}

func (m *metrics) unregister() {
	if m.reg == nil {
		return
	}
	for _, c := range m.all() {
		m.reg.Unregister(c)
	}
}

// forget drops the series of an upstream that is no more.
func (m *metrics) forget(upstream string) {
	of := prometheus.Labels{label: upstream}
	m.sent.DeletePartialMatch(of)
	m.results.DeletePartialMatch(of)
	m.publications.DeletePartialMatch(of)
	m.waiting.DeletePartialMatch(of)
	m.up.DeletePartialMatch(of)
	m.delay.DeletePartialMatch(of)
}

func (m *metrics) result(upstream, result string) { m.results.WithLabelValues(upstream, result).Inc() }

func (m *metrics) told(upstream string, after time.Duration) {
	m.delay.WithLabelValues(upstream).Observe(after.Seconds())
}
