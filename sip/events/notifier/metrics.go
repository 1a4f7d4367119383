package notifier

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lamplight/sip/events/worklist"
)

// metrics are counted whether or not anybody collects them.
type metrics struct {
	subs      *prometheus.GaugeVec
	sent      prometheus.Counter
	failures  *prometheus.CounterVec
	queueTime prometheus.Histogram
	limits    *prometheus.CounterVec
	answers   *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer, q *worklist.List[task]) *metrics {
	m := &metrics{
		subs:      prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "lamplight_subscriptions", Help: "Live subscriptions by event package."}, []string{"event"}),
		sent:      prometheus.NewCounter(prometheus.CounterOpts{Name: "lamplight_notify_sent_total", Help: "NOTIFYs sent, retransmissions not counted."}),
		failures:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lamplight_notify_failed_total", Help: "NOTIFYs that failed: timeout, refused, ended (subscription unknown to the watcher), flow (connection gone)."}, []string{"reason"}),
		queueTime: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "lamplight_notify_queue_seconds", Help: "From a change of state to its last NOTIFY handed to the transport.", Buckets: []float64{.0001, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, 1, 5}}),
		limits:    prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lamplight_subscribe_limited_total", Help: "SUBSCRIBEs refused by a limit: watcher, lists, total, pending, draining, store."}, []string{"limit"}),
		answers:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lamplight_subscribe_answers_total", Help: "Answers to SUBSCRIBE by status."}, []string{"status"}),
	}
	if r != nil {
		depth := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "lamplight_notify_queue", Help: "Presentities and subscriptions waiting for a worker."}, func() float64 { return float64(q.Depth()) })
		r.MustRegister(m.subs, m.sent, m.failures, m.queueTime, m.limits, m.answers, depth)
	}
	return m
}

func (m *metrics) subscriptions(event string, by int) { m.subs.WithLabelValues(event).Add(float64(by)) }
func (m *metrics) failed(reason string)               { m.failures.WithLabelValues(reason).Inc() }
func (m *metrics) waited(d time.Duration)             { m.queueTime.Observe(d.Seconds()) }
func (m *metrics) limited(limit string)               { m.limits.WithLabelValues(limit).Inc() }
func (m *metrics) answered(status int)                { m.answers.WithLabelValues(strconv.Itoa(status)).Inc() }
