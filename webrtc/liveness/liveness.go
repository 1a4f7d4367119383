// Package liveness judges from pings and their answers whether a page lives. It
// is a pure state machine: it owns no clock, no timer and no goroutine, and is
// not safe for concurrent use.
//
// # What counts as silence
//
// Only an answer made by the page's own code counts. Silence runs from the last
// answer; where pings are far apart it runs from the oldest unanswered ping
// instead, so that a page is never blamed for a question nobody asked.
package liveness

import "time"

// State is how alive the page is.
type State uint8

// The states, in the order silence leads through them.
const (
	Alive State = iota
	Suspect
	Lost
)

func (s State) String() string {
	switch s {
	case Alive:
		return "alive"
	case Suspect:
		return "suspect"
	default:
		return "lost"
	}
}

// Timing holds the limits. The zero value is completed by WithDefaults.
type Timing struct {
	// Fast is the interval of pings while calls may be offered or go on, and while
	// the page is suspect; default 1 s.
	Fast time.Duration
	// Idle is the interval otherwise; default 5 s.
	Idle time.Duration
	// Suspect and Lost are the silences after which the page gets no new rings,
	// and after which its session ends; default 2.2 s and 4 s.
	Suspect, Lost time.Duration
	// Jitter spreads the intervals by this share to either side; default 0.1.
	// Negative means none.
	Jitter float64
}

// WithDefaults fills what is unset.
func (t Timing) WithDefaults() Timing {
	if t.Fast <= 0 {
		t.Fast = time.Second
	}
	if t.Idle <= 0 {
		t.Idle = 5 * time.Second
	}
	if t.Suspect <= 0 {
		t.Suspect = 2200 * time.Millisecond
	}
	if t.Lost <= 0 {
		t.Lost = 4 * time.Second
	}
	if t.Jitter == 0 {
		t.Jitter = 0.1
	}
	t.Jitter = min(max(t.Jitter, 0), 0.5)
	return t
}

// outstanding is how many unanswered pings are remembered. Pings stop beyond
// it; with useful limits the page is lost long before.
const outstanding = 8

type ping struct {
	n  uint64
	at time.Time
}

// Pulse is one page's state. Make it with New.
type Pulse struct {
	t     Timing
	roll  func() float64
	n     uint64            // of the last ping sent
	sent  time.Time         // when; zero: never
	heard time.Time         // the last answer, at first the start
	pace  float64           // jitter drawn for the coming interval
	open  [outstanding]ping // unanswered, oldest first
	count int
}

// New starts a pulse. The page has just spoken, so now counts as its first
// answer. Roll gives numbers in [0,1) for the jitter; nil means no jitter.
func New(t Timing, now time.Time, roll func() float64) Pulse {
	p := Pulse{t: t.WithDefaults(), roll: roll, heard: now}
	p.draw()
	return p
}

func (p *Pulse) draw() {
	p.pace = 1
	if p.roll != nil {
		p.pace = 1 + p.t.Jitter*(2*p.roll()-1)
	}
}

// State of the page at this time.
func (p *Pulse) State(now time.Time) State {
	since, ok := p.silentSince()
	if !ok {
		return Alive
	}
	switch silence := now.Sub(since); {
	case silence >= p.t.Lost:
		return Lost
	case silence >= p.t.Suspect:
		return Suspect
	}
	return Alive
}

// silentSince is when the silence began, if a ping is unanswered at all.
func (p *Pulse) silentSince() (time.Time, bool) {
	if p.count == 0 {
		return time.Time{}, false
	}
	oldest := p.open[0].at
	// A ping at most one fast interval after the last answer: the page has been
	// watched all along, so the silence began with that answer.
	if oldest.Sub(p.heard) <= time.Duration(float64(p.t.Fast)*(1+p.t.Jitter)) {
		return p.heard, true
	}
	return oldest, true
}

// due is when the next ping has to go out.
func (p *Pulse) due(now time.Time, fast bool) time.Time {
	if p.sent.IsZero() {
		return now
	}
	every := p.t.Idle
	if fast || p.State(now) != Alive {
		every = p.t.Fast
	}
	return p.sent.Add(time.Duration(float64(every) * p.pace))
}

// Due reports whether a ping has to go out now. Fast is set while calls may be
// offered to the page; a change of it takes effect at once.
func (p *Pulse) Due(now time.Time, fast bool) bool {
	return p.count < outstanding && !now.Before(p.due(now, fast))
}

// Ping notes that a ping goes out now and returns its number, counted from 1.
func (p *Pulse) Ping(now time.Time) uint64 {
	p.n++
	p.sent = now
	p.draw()
	if p.count < outstanding {
		p.open[p.count] = ping{n: p.n, at: now}
		p.count++
	}
	return p.n
}

// Pong notes the answer to ping n, which answers all before it. It returns the
// round trip, or false if no such ping waits for an answer; then nothing
// changes, so that a page cannot answer twice or in advance.
func (p *Pulse) Pong(n uint64, now time.Time) (time.Duration, bool) {
	for i := range p.count {
		if p.open[i].n != n {
			continue
		}
		trip := now.Sub(p.open[i].at)
		p.count = copy(p.open[:], p.open[i+1:p.count])
		p.heard = now
		return trip, true
	}
	return 0, false
}

// Unanswered is how many pings wait for an answer.
func (p *Pulse) Unanswered() int { return p.count }

// Heard is when the page last answered.
func (p *Pulse) Heard() time.Time { return p.heard }

// Wake is the next time at which a ping is due or the state changes, always
// after now unless a ping is due already.
func (p *Pulse) Wake(now time.Time, fast bool) time.Time {
	var next time.Time
	if p.count < outstanding {
		next = p.due(now, fast)
	}
	if since, ok := p.silentSince(); ok {
		for _, limit := range [...]time.Duration{p.t.Suspect, p.t.Lost} {
			if at := since.Add(limit); at.After(now) && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
	}
	if next.IsZero() { // lost, and as many pings out as are remembered
		next = now.Add(p.t.Fast)
	}
	return next
}
