package webrtc

import (
	"sync"
	"time"

	"lamplight/webrtc/media"
	"lamplight/webrtc/signalling"
)

// CallInfo is a call of a page as diagnostics show it.
type CallInfo struct {
	ID     string // as the page has it
	CallID string // of its dialog; empty before there is one
	Out    bool
	Number string
	Name   string
	State  signalling.CallState
	Held   bool // by the agent
	There  bool // by the other side
	Muted  bool
	Warn   string
	Why    string // it is over
	Status int    // the response that ended it, 0 where none did

	Began    time.Time
	Answered time.Time // zero: it was not
	Ended    time.Time // zero: it goes on

	// Page is what the page measured last, nil before it did; PageAt is when.
	Page   *signalling.Stats
	PageAt time.Time
	// Gateway is what the gateway measured of either side, nil where there was no audio.
	Gateway *[2]media.Quality
}

// measureEvery is how often a page's figures are looked at; those that come sooner are
// passed over.
const measureEvery = time.Second

// seen is what others than its goroutine may know of a call.
type seen struct {
	mu     sync.Mutex
	info   CallInfo // guarded by mu
	bridge Bridge   // guarded by mu; nil before there is audio
	sum    tally    // guarded by mu
}

// now is the call as it is, with what the gateway measures at this moment.
func (s *seen) now() CallInfo {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.info
	if s.bridge != nil {
		q := s.bridge.Quality()
		i.Gateway = &q
	}
	return i
}

// begins makes known that there is a call.
func (c *call) begins() {
	c.seen.mu.Lock()
	defer c.seen.mu.Unlock()
	c.seen.info = CallInfo{ID: c.id, Out: c.out, State: c.state, Began: time.Now()}
}

// show makes known what the page was told.
func (c *call) show() {
	s := &c.seen
	s.mu.Lock()
	defer s.mu.Unlock()
	i := &s.info
	i.ID, i.Out, i.Number, i.Name = c.id, c.out, c.number, c.name
	i.State, i.Held, i.There, i.Muted = c.state, c.held, c.there, c.muted
	i.Warn, i.Why, i.Status = c.msg.Warn, c.msg.Why, c.msg.Status
	if l := c.leg.Load(); l != nil && l.ua != nil {
		i.CallID = l.ua.ID()
	}
	s.bridge = c.bridge
	now := time.Now()
	switch {
	case c.state == signalling.CallTalking && i.Answered.IsZero():
		i.Answered = now
	case c.state == signalling.CallOver && i.Ended.IsZero():
		i.Ended = now
	}
}

// talked is for how long the call has been talking.
func (c *call) talked() time.Duration {
	c.seen.mu.Lock()
	defer c.seen.mu.Unlock()
	if c.state != signalling.CallTalking || c.seen.info.Answered.IsZero() {
		return 0
	}
	return time.Since(c.seen.info.Answered)
}

// measured takes what the page measured, if it can be true and is not the next too soon.
func (c *call) measured(m *signalling.Stats) {
	if !m.Sane() {
		c.x.srv.m.refuse("bad-stats")
		c.x.srv.o.Log.Debug().Str("call", c.id).Msg("webphone figures that cannot be true")
		return
	}
	s := &c.seen
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if !s.info.PageAt.IsZero() && now.Sub(s.info.PageAt) < measureEvery {
		c.x.srv.m.refuse("stats-rate")
		return
	}
	s.info.Page, s.info.PageAt = m, now
	s.sum.add(m)
}

// tally sums up what a page measured in a call.
type tally struct{ rtt, jitter, lost, there mean }

type mean struct {
	sum float64
	n   int
}

func (m *mean) add(v *float64) {
	if v != nil {
		m.sum += *v
		m.n++
	}
}

// value is the mean; false: nothing was measured.
func (m *mean) value() (float64, bool) {
	if m.n == 0 {
		return 0, false
	}
	return m.sum / float64(m.n), true
}

func (t *tally) add(s *signalling.Stats) {
	t.rtt.add(s.RTT)
	t.jitter.add(s.Jitter)
	t.lost.add(s.Lost)
	t.there.add(s.LostThere)
}

// summed counts a call that was talked in, and returns its figures for the log.
func (c *call) summed() map[string]any {
	i := c.seen.now()
	if i.Answered.IsZero() {
		return nil
	}
	c.seen.mu.Lock()
	sum := c.seen.sum
	c.seen.mu.Unlock()
	m, said := c.x.srv.m, map[string]any{"talked": i.Ended.Sub(i.Answered)}
	if v, ok := sum.rtt.value(); ok {
		m.callRTT.Observe(v / 1000)
		said["rtt_ms"] = v
	}
	if v, ok := sum.jitter.value(); ok {
		m.callJitter.Observe(v / 1000)
		said["jitter_ms"] = v
	}
	if v, ok := sum.lost.value(); ok {
		m.callLost.WithLabelValues("to-page").Observe(v)
		said["lost_to_page"] = v
	}
	if i.Page != nil {
		said["codec"], said["path"] = i.Page.Codec, i.Page.Path
	}
	if i.Gateway == nil {
		return said
	}
	for side, q := range i.Gateway {
		from := media.Side(side).String() //nolint:gosec // zero or one
		if all := q.Packets + q.Lost; all > 0 {
			share := float64(q.Lost) / float64(all)
			m.callLost.WithLabelValues("from-" + from).Observe(share)
			said["lost_from_"+from] = share
		}
		if q.MOS > 0 {
			said["mos_"+from] = q.MOS
		}
	}
	return said
}
