package push

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// wakerCounters are what the waker tells of itself.
type wakerCounters struct {
	registry      prometheus.Registerer
	all           []prometheus.Collector
	woken, asleep prometheus.Counter
	seconds       prometheus.Histogram
}

func newWakerCounters(w *Waker, registry prometheus.Registerer) *wakerCounters {
	c := &wakerCounters{registry: registry}
	total := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lamplight_push_wakes_total", Help: "Mobiles that a call wanted to wake, by whether they registered in time.",
	}, []string{"outcome"})
	c.woken, c.asleep = total.WithLabelValues("woken"), total.WithLabelValues("asleep")
	c.seconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "lamplight_push_wake_seconds", Help: "Time from a call to the fresh REGISTER of the mobile it woke.",
		Buckets: []float64{.25, .5, 1, 1.5, 2, 3, 4, 6, 8, 12},
	})
	calls := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "lamplight_push_calls_waiting", Help: "Calls that wait for a mobile to wake.",
	}, func() float64 { return float64(w.waiting.Load()) })
	c.all = []prometheus.Collector{total, c.seconds, calls}
	if registry == nil {
		return c
	}
	for i, m := range c.all {
		if err := registry.Register(m); err != nil {
			w.o.Log.Error().Err(err).Msg("waking mobiles is not counted")
			c.all = c.all[:i]
			break
		}
	}
	return c
}

func (c *wakerCounters) unregister() {
	if c.registry == nil {
		return
	}
	for _, m := range c.all {
		c.registry.Unregister(m)
	}
}

func (c *wakerCounters) event(e *Event) {
	if !e.Woken {
		c.asleep.Inc()
		return
	}
	c.woken.Inc()
	c.seconds.Observe(e.After.Seconds())
}

func isGone(err error) bool { return errors.Is(err, ErrGone) }

// why is an error for people, without what it was wrapped with.
func why(err error) string {
	for is, text := range map[error]string{
		ErrBusy: "too many pushes wait", ErrLate: "the push was not sent in time", ErrRefused: "the push service refused the push",
		ErrUnserved: "its push service is not served", ErrClosed: "the server is stopping",
	} {
		if errors.Is(err, is) {
			return text
		}
	}
	return "the push service does not answer as it should"
}
