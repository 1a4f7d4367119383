package media

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of a Gateway; they count whether or not they are registered.
type metrics struct {
	all []prometheus.Collector

	refused              *prometheus.CounterVec
	eventsLost, timedOut prometheus.Counter
	packets, lost        *prometheus.CounterVec
	mos                  *prometheus.HistogramVec
}

func newMetrics(g *Gateway) *metrics {
	m := &metrics{}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "lamplight_media_" + name, Help: help})
		m.all = append(m.all, c)
		return c
	}
	vec := func(name, help, label string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lamplight_media_" + name, Help: help}, []string{label})
		m.all = append(m.all, c)
		return c
	}
	gauge := func(name, help string, f func() float64) {
		m.all = append(m.all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lamplight_media_" + name, Help: help}, f))
	}
	m.refused = vec("refused_total", "Calls that got no media, by reason.", "why")
	m.eventsLost = counter("events_lost_total", "Events of calls that nobody read in time.")
	m.timedOut = counter("timed_out_total", "Times a phone sent nothing for too long.")
	m.packets = vec("packets_total", "Packets of ended calls that arrived, by side.", "side")
	m.lost = vec("lost_total", "Packets of ended calls that were lost on the way here, by side.", "side")
	m.mos = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "lamplight_media_mos", Help: "Estimated quality of ended calls, by the side that spoke.",
		Buckets: []float64{2, 3, 3.5, 3.8, 4, 4.2, 4.3, 4.5},
	}, []string{"side"})
	m.all = append(m.all, m.mos)
	gauge("calls", "Calls through the gateway.", func() float64 { return float64(g.Calls()) })
	gauge("ports_free", "Pairs of RTP ports that could be taken.", func() float64 { return float64(g.free(time.Now())) })
	m.all = append(m.all, prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "lamplight_media_streams_refused_total",
		Help: "Connections by ICE-TCP closed at once: too many, in all or from one address.",
	}, func() float64 { return float64(g.o.Port.TCPRefused()) }))
	return m
}

// ended counts a call.
func (m *metrics) ended(q [2]Quality) {
	for i, s := range q {
		side := Side(i).String() //nolint:gosec // zero or one
		m.packets.WithLabelValues(side).Add(float64(s.Packets))
		m.lost.WithLabelValues(side).Add(float64(s.Lost))
		if s.MOS > 0 {
			m.mos.WithLabelValues(side).Observe(s.MOS)
		}
	}
}

func (m *metrics) register(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	var errs []error
	for _, c := range m.all {
		errs = append(errs, r.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("media: metrics: %w", err)
	}
	return nil
}

func (m *metrics) unregister(r prometheus.Registerer) {
	if r == nil {
		return
	}
	for _, c := range m.all {
		r.Unregister(c)
	}
}
