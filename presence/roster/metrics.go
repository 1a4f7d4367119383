package roster

import "github.com/prometheus/client_golang/prometheus"

// metrics count what the roster does.
type metrics struct {
	applied, refused, busy, published, withdrawn prometheus.Counter

	in  prometheus.Registerer
	all []prometheus.Collector
}

func (m *metrics) register(in prometheus.Registerer, r *Roster) error {
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{
			Namespace: "lamplight", Subsystem: "roster", Name: name, Help: help,
		})
		m.all = append(m.all, c)
		return c
	}
	m.applied = counter("changes_total", "Changes applied to agents.")
	m.refused = counter("refused_total", "Changes that are not allowed.")
	m.busy = counter("busy_total", "Changes turned away because too many were waiting.")
	m.published = counter("snapshots_total", "Snapshots published.")
	m.withdrawn = counter("withdrawn_total", "Changes withdrawn because their commit failed.")
	m.all = append(m.all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "lamplight", Subsystem: "roster", Name: "pending", Help: "Changes waiting in the shards.",
	}, func() float64 { return float64(r.Pending()) }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "lamplight", Subsystem: "roster", Name: "bare", Help: "Addresses of record without an agent.",
	}, func() float64 { return float64(r.bares.Load()) }))
	if in == nil {
		return nil
	}
	m.in = in
	for i, c := range m.all {
		if err := in.Register(c); err != nil {
			m.all = m.all[:i]
			m.unregister()
			return err
		}
	}
	return nil
}

func (m *metrics) unregister() {
	if m.in == nil {
		return
	}
	for _, c := range m.all {
		m.in.Unregister(c)
	}
}
