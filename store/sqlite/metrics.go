package sqlite

import (
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"lamplight/store"
)

// metrics counts whether or not anybody collects them.
type metrics struct {
	registerer prometheus.Registerer
	all        []prometheus.Collector

	seconds  prometheus.Histogram
	rows     prometheus.Histogram
	failures prometheus.Counter
	conflict prometheus.Counter
	refused  *prometheus.CounterVec
	purged   prometheus.Counter
	trimmed  prometheus.Counter
}

func newMetrics(queued func() float64) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "lamplight_store_" + name, Help: help})
	}
	m := &metrics{
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "lamplight_store_commit_seconds", Help: "Time of one commit, from its begin to the end of its fsync.",
			Buckets: prometheus.ExponentialBuckets(0.00025, 2, 14),
		}),
		rows: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "lamplight_store_commit_rows", Help: "Rows, that is writes and log entries, in one commit.",
			Buckets: []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000},
		}),
		failures: counter("commit_failures_total", "Commits that the medium failed."),
		conflict: counter("conflicts_total", "Batches whose condition did not hold."),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lamplight_store_refused_total", Help: "Batches refused before the queue.",
		}, []string{"reason"}),
		purged:  counter("purged_total", "Expired records removed."),
		trimmed: counter("log_trimmed_total", "Log entries removed because of their age."),
	}
	queue := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "lamplight_store_queue_rows", Help: "Rows that wait for their commit or are being committed.",
	}, queued)
	m.all = []prometheus.Collector{m.seconds, m.rows, m.failures, m.conflict, m.refused, m.purged, m.trimmed, queue}
	return m
}

func (m *metrics) register(r prometheus.Registerer) error {
	if r == nil {
		return nil
	}
	m.registerer = r
	for i, c := range m.all {
		if err := r.Register(c); err != nil {
			m.all = m.all[:i] // the others are not ours to unregister
			m.unregister()
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}

func (m *metrics) unregister() {
	if m.registerer == nil {
		return
	}
	for _, c := range m.all {
		m.registerer.Unregister(c)
	}
}

func (m *metrics) refuse(err error) {
	reason := "closed"
	switch {
	case errors.Is(err, store.ErrFull):
		reason = "full"
	case errors.Is(err, store.ErrTooLarge):
		reason = "too_large"
	case errors.Is(err, ErrReadOnly):
		reason = "read_only"
	}
	m.refused.WithLabelValues(reason).Inc()
}
