package api

import (
	"crypto/rand"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// meters are the API's own figures.
type meters struct {
	requests *prometheus.CounterVec
	logins   *prometheus.CounterVec
	streams  prometheus.Gauge
	updates  prometheus.Counter
	refused  prometheus.Counter
}

func newMeters(reg prometheus.Registerer) *meters {
	m := &meters{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lamplight_http_requests_total", Help: "Answers of the API by operation and status.",
		}, []string{"operation", "code"}),
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lamplight_logins_total", Help: "Logins to the pages by outcome.",
		}, []string{"outcome"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "lamplight_live_streams", Help: "Open live streams.",
		}),
		updates: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "lamplight_live_updates_total", Help: "Changes written to live streams.",
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "lamplight_live_streams_refused_total", Help: "Live streams refused because too many were open.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.logins, m.streams, m.updates, m.refused)
	}
	return m
}

func (m *meters) request(operation string, code int) {
	m.requests.WithLabelValues(operation, strconv.Itoa(code)).Inc()
}

func newEpoch() string { return rand.Text()[:10] }
