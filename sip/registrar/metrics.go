package registrar

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// counters are what the registrar tells of itself.
type counters struct {
	registry             prometheus.Registerer
	all                  []prometheus.Collector
	answers              *prometheus.CounterVec
	refreshed, committed prometheus.Counter
	qualify              qualifyCounters
}

func newCounters(r *Registrar, registry prometheus.Registerer) (*counters, error) {
	c := &counters{registry: registry}
	c.answers = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lamplight_sip_register_total",
		Help: "REGISTER requests by outcome: refresh (nothing written), change (committed), or the status refused with.",
	}, []string{"outcome"})
	c.refreshed, c.committed = c.answers.WithLabelValues("refresh"), c.answers.WithLabelValues("change")
	bindings := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "lamplight_sip_bindings", Help: "Contacts bound to addresses of record.",
	}, r.bindings)
	c.all = append(c.qualify.init(r), c.answers, bindings)
	if registry == nil {
		return c, nil
	}
	for i, m := range c.all {
		if err := registry.Register(m); err != nil {
			c.all = c.all[:i]
			c.unregister()
			return nil, err
		}
	}
	return c, nil
}

func (c *counters) unregister() {
	if c.registry == nil {
		return
	}
	for _, m := range c.all {
		c.registry.Unregister(m)
	}
}

func (c *counters) refresh()           { c.refreshed.Inc() }
func (c *counters) changed()           { c.committed.Inc() }
func (c *counters) refused(status int) { c.answers.WithLabelValues(strconv.Itoa(status)).Inc() }

// bindings counts what there is.
func (r *Registrar) bindings() float64 {
	n := 0
	for _, s := range r.shards {
		s.mu.Lock()
		for _, rec := range s.agents {
			n += len(rec.bindings)
		}
		s.mu.Unlock()
	}
	return float64(n)
}
