package push

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// counters are what the gateway tells of itself.
type counters struct {
	registry prometheus.Registerer
	all      []prometheus.Collector
	outcomes *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newCounters(g *Gateway, registry prometheus.Registerer) (*counters, error) {
	c := &counters{registry: registry}
	c.outcomes = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lamplight_push_total", Help: "Pushes by what became of them: sent, gone (token ended), refused, failed, late, busy, unserved, closed.",
	}, []string{"provider", "outcome"})
	c.seconds = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "lamplight_push_seconds", Help: "Time of one request to a push service.",
		Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5},
	}, []string{"provider"})
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "lamplight_push_waiting", Help: "Devices with a push that waits or is being sent.",
	}, func() float64 { return float64(g.waiting()) })
	c.all = []prometheus.Collector{c.outcomes, c.seconds, waiting}
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

// outcome counts by a word; what a device makes up as a service's name is no
// label.
func (c *counters) outcome(provider string, err error) {
	word := "failed"
	for is, w := range map[error]string{ErrGone: "gone", ErrBusy: "busy", ErrLate: "late", ErrRefused: "refused", ErrClosed: "closed"} {
		if errors.Is(err, is) {
			word = w
		}
	}
	switch {
	case err == nil:
		word = "sent"
	case errors.Is(err, ErrUnserved):
		provider, word = "other", "unserved"
	}
	c.outcomes.WithLabelValues(provider, word).Inc()
}

func (c *counters) took(provider string, d time.Duration) {
	c.seconds.WithLabelValues(provider).Observe(d.Seconds())
}
