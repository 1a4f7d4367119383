package webrtc

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"lamplight/webrtc/signalling"
)

// metrics of a Server; they count whether or not they are registered.
type metrics struct {
	all []prometheus.Collector

	refused, messages, results        *prometheus.CounterVec
	pings, lost, suspected            prometheus.Counter
	beacons, reportFailed, renewed    prometheus.Counter
	rtt, testSeconds, ringAck         prometheus.Histogram
	callRTT, callJitter               prometheus.Histogram
	callLost                          *prometheus.HistogramVec
	ended                             *prometheus.CounterVec
	sessions, sockets, calls, inQueue prometheus.GaugeFunc
	talking                           prometheus.GaugeFunc
}

func newMetrics(s *Server) *metrics {
	m := &metrics{}
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "lamplight_webphone_" + name, Help: help})
		m.all = append(m.all, c)
		return c
	}
	vec := func(name, help, label string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lamplight_webphone_" + name, Help: help}, []string{label})
		m.all = append(m.all, c)
		return c
	}
	gauge := func(name, help string, f func() float64) prometheus.GaugeFunc {
		g := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lamplight_webphone_" + name, Help: help}, f)
		m.all = append(m.all, g)
		return g
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "lamplight_webphone_" + name, Help: help, Buckets: buckets})
		m.all = append(m.all, h)
		return h
	}
	m.refused = vec("refused_total", "Sockets, messages and calls refused, by reason.", "why")
	m.messages = vec("messages_total", "Messages received, by type.", "type")
	m.results = vec("test_calls_total", "Test calls ended, by outcome.", "outcome")
	m.ended = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lamplight_webphone_calls_total", Help: "Calls of webphones ended, by direction and why.",
	}, []string{"direction", "why"})
	m.all = append(m.all, m.ended)
	m.talking = gauge("calls", "Calls of webphones.", func() float64 { return float64(s.calling.Load()) })
	m.pings = counter("pings_total", "Pings sent.")
	m.lost = counter("lost_total", "Sessions ended by silence.")
	m.suspected = counter("suspected_total", "Times a session became suspect.")
	m.beacons = counter("beacons_total", "Goodbyes by HTTP that ended something.")
	m.reportFailed = counter("report_failed_total", "Changes the roster could not take.")
	m.renewed = counter("calls_renewed_total", "Calls that went on in a page that was loaded anew.")
	m.rtt = histogram("rtt_seconds", "Time from a ping to its answer.", []float64{.005, .02, .05, .1, .25, .5, 1, 2, 4})
	m.testSeconds = histogram("test_seconds", "Time from a test call's answer to its second of audio.", []float64{1, 1.1, 1.25, 1.5, 2, 3, 5})
	m.callRTT = histogram("call_rtt_seconds", "Mean round trip of a call's audio between page and gateway, as the page measured it.", []float64{.01, .03, .1, .2, .3, .5, 1})
	m.callJitter = histogram("call_jitter_seconds", "Mean jitter of what a page heard in a call, as the page measured it.", []float64{.002, .005, .01, .02, .03, .05, .1})
	m.callLost = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "lamplight_webphone_call_lost_ratio", Help: "Share of a call's audio that was lost, by its way.",
		Buckets: []float64{.001, .005, .01, .02, .05, .1, .2},
	}, []string{"way"})
	m.all = append(m.all, m.callLost)
	m.ringAck = histogram("ring_ack_seconds", "Time from a call's offer to the page to its word that it rings.", []float64{.01, .02, .05, .1, .2, .3, .5, .7, 1})
	m.sessions = gauge("sessions", "Webphone sessions, those waiting for their page included.", func() float64 {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return float64(s.count)
	})
	m.sockets = gauge("sockets", "Open webphone sockets.", func() float64 {
		s.mu.RLock()
		defer s.mu.RUnlock()
		return float64(len(s.links))
	})
	m.calls = gauge("test_calls", "Test calls up.", func() float64 {
		if s.tester == nil {
			return 0
		}
		return float64(s.tester.Calls())
	})
	m.inQueue = gauge("test_queue", "Sessions waiting for a test call.", func() float64 { return float64(s.tests.waiting()) })
	return m
}

func (m *metrics) refuse(why string) { m.refused.WithLabelValues(why).Inc() }
func (m *metrics) call(out bool, why string) {
	direction := "in"
	if out {
		direction = "out"
	}
	m.ended.WithLabelValues(direction, why).Inc()
}
func (m *metrics) in(t signalling.Type) { m.messages.WithLabelValues(string(t)).Inc() }
func (m *metrics) tests(outcome string) { m.results.WithLabelValues(outcome).Inc() }

func (m *metrics) register(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	var errs []error
	for _, c := range m.all {
		errs = append(errs, r.Register(c))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("webrtc: metrics: %w", err)
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
