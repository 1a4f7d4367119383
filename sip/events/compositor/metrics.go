package compositor

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lamplight/presence"
)

// metrics are counted whether or not anybody collects them.
type metrics struct {
	publications prometheus.Gauge
	answers      *prometheus.CounterVec
	limits       *prometheus.CounterVec
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		publications: prometheus.NewGauge(prometheus.GaugeOpts{Name: "lamplight_publications", Help: "Live publications."}),
		answers:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lamplight_publish_answers_total", Help: "Answers to PUBLISH by status."}, []string{"status"}),
		limits:       prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lamplight_publish_limited_total", Help: "PUBLISHes refused by a limit: waiting, publications."}, []string{"limit"}),
	}
	if r != nil {
		r.MustRegister(m.publications, m.answers, m.limits)
	}
	return m
}

// Info is a publication as diagnostics show it.
type Info struct {
	Agent    presence.AgentID
	AOR      string // of an address without an agent
	Peer     string
	Observer bool
	ETag     string
	Expires  time.Time
	Legs     []presence.Leg
}

// Publications calls f with every live publication until f returns false.
// Nothing is locked while f runs.
func (c *Compositor) Publications(f func(Info) bool) {
	c.mu.Lock()
	all := make([]*presentity, 0, len(c.people))
	for _, p := range c.people {
		all = append(all, p)
	}
	c.mu.Unlock()
	for _, p := range all {
		p.mu.Lock()
		st := p.now // never changed once installed
		p.mu.Unlock()
		for _, pub := range st.pubs {
			i := Info{Agent: p.agent, AOR: p.aor, Peer: pub.Peer, Observer: pub.Observer, ETag: pub.entityTag(), Expires: pub.Expires}
			for _, k := range sortedKeys(pub.Legs) {
				i.Legs = append(i.Legs, pub.Legs[k])
			}
			if !f(i) {
				return
			}
		}
	}
}
