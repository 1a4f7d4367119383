package mailbox

import "github.com/prometheus/client_golang/prometheus"

// metrics are counted whether or not anybody collects them.
type metrics struct {
	mailboxes prometheus.Gauge
	changes   *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		mailboxes: prometheus.NewGauge(prometheus.GaugeOpts{Name: "lamplight_mailboxes", Help: "Mailboxes that something is known of."}),
		changes:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lamplight_mailbox_words_total", Help: "Words on mailboxes by outcome: taken, refused, limit (too many), store (not committed)."}, []string{"outcome"}),
	}
	if r != nil {
		r.MustRegister(m.mailboxes, m.changes)
	}
	return m
}
