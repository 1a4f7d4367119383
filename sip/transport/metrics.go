package transport

import "github.com/prometheus/client_golang/prometheus"

// metrics counts; without a Registerer it counts into the void.
type metrics struct {
	reg     prometheus.Registerer
	drops   *prometheus.CounterVec
	flows   prometheus.GaugeFunc
	streams prometheus.GaugeFunc
}

func newMetrics(reg prometheus.Registerer, l *Layer) *metrics {
	m := &metrics{
		reg: reg,
		drops: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lamplight_sip_dropped_total", Help: "SIP messages and connections dropped, by cause.",
		}, []string{"cause"}),
		flows: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "lamplight_sip_flows", Help: "SIP peers remembered.", ConstLabels: prometheus.Labels{"kind": "udp"},
		}, func() float64 { return float64(l.flows.len()) }),
		streams: prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "lamplight_sip_flows", Help: "SIP peers remembered.", ConstLabels: prometheus.Labels{"kind": "stream"},
		}, func() float64 {
			l.mu.Lock()
			defer l.mu.Unlock()
			return float64(len(l.streams))
		}),
	}
	if reg != nil {
		reg.MustRegister(m.drops, m.flows, m.streams)
	}
	return m
}

func (m *metrics) drop(cause string) { m.drops.WithLabelValues(cause).Inc() }

func (m *metrics) unregister() {
	if m.reg != nil {
		m.reg.Unregister(m.drops)
		m.reg.Unregister(m.flows)
		m.reg.Unregister(m.streams)
	}
}
