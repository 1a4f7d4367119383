package registrar

import "github.com/prometheus/client_golang/prometheus"

// qualifyCounters are what the asker tells of itself.
type qualifyCounters struct {
	asked, answered, silent, postponed, dead prometheus.Counter
	trip                                     prometheus.Histogram
}

func (c *qualifyCounters) init(r *Registrar) []prometheus.Collector {
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lamplight_sip_qualify_total",
		Help: "OPTIONS to registered phones: asked, answered, silent (no answer in time), postponed (heard meanwhile), dead (unregistered).",
	}, []string{"outcome"})
	c.asked, c.answered = total.WithLabelValues("asked"), total.WithLabelValues("answered")
	c.silent, c.postponed = total.WithLabelValues("silent"), total.WithLabelValues("postponed")
	c.dead = total.WithLabelValues("dead")
	c.trip = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "lamplight_sip_qualify_seconds", Help: "Time from OPTIONS to the phone's answer.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
	})
	open := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "lamplight_sip_qualify_open", Help: "OPTIONS that wait for an answer.",
	}, func() float64 { return float64(r.ask.openNow()) })
	return []prometheus.Collector{total, c.trip, open}
}

func (q *asker) openNow() int {
	if q == nil {
		return 0
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.open
}
