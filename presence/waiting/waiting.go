// Package waiting keeps the callers who wait in ring groups for somebody to become
// free.
//
// # Guarantees
//
//   - Who came first is woken first, after those whose call is more urgent. One who is
//     being offered to a member keeps his place, and the next one is woken for the next
//     member.
//   - Nobody is held up by one before him who cannot be served by the same members:
//     of each kind of call the first is woken.
//   - Each line is bounded by its group, all of them by Options.Most.
//   - A caller is in one line at a time, until he leaves; nothing is kept over a
//     restart, for the calls end with the server.
package waiting

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"lamplight/presence"
)

// ErrFull means that as many wait as may.
var ErrFull = errors.New("waiting: the queue is full")

// Options of Lines.
type Options struct {
	// Most is how many callers may wait in all groups together; default 5000.
	Most    int
	Metrics prometheus.Registerer // default: none
}

// Lines are safe for concurrent use and own no goroutine.
type Lines struct {
	most  int
	ended *prometheus.CounterVec

	mu    sync.Mutex
	lines map[presence.GroupID][]*Place // by priority and time of joining; guarded by mu
	all   int                           // guarded by mu
	stop  bool                          // nobody may join any more; guarded by mu
}

// Caller is who waits.
type Caller struct {
	CallID string
	URI    string
	Since  time.Time
	// Kind of the call: calls of one kind are taken by the same members.
	Kind presence.CallKind
	// Priority: the higher is served first.
	Priority int
	// Wake has him look for somebody who is free; when it returns he has. It is called
	// without a lock, as is Stop, which ends his call because of that.
	Wake func()
	Stop func(why string)
}

// Place is a caller's place in a line.
type Place struct {
	lines  *Lines
	group  presence.GroupID
	caller Caller
	// offered to a member, or on his way to be; guarded by lines.mu, as the next
	offered string
	left    bool
}

// How a caller's waiting ends, for the counters.
const (
	Served    = "served"
	Abandoned = "abandoned"
	Overflow  = "overflow"
)

// New makes empty lines.
func New(o Options) *Lines {
	if o.Most <= 0 {
		o.Most = 5000
	}
	l := &Lines{most: o.Most, lines: make(map[presence.GroupID][]*Place)}
	l.ended = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lamplight_queue_ended_total", Help: "Callers who waited in a group, by what became of them.",
	}, []string{"how"})
	if o.Metrics != nil {
		o.Metrics.MustRegister(l.ended, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "lamplight_queue_waiting", Help: "Callers who wait in groups.",
		}, func() float64 { n, _ := l.state(); return float64(n) }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "lamplight_queue_longest_wait_seconds", Help: "How long the one has waited who came first.",
		}, func() float64 { _, longest := l.state(); return longest.Seconds() }))
	}
	return l
}

func (l *Lines) state() (n int, longest time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		for _, p := range line {
			longest = max(longest, time.Since(p.caller.Since))
		}
	}
	return l.all, longest
}

// Join puts the caller in the group's line, behind all who are as urgent; ErrFull if
// size wait there.
func (l *Lines) Join(g presence.GroupID, size int, c Caller) (*Place, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines[g]) >= size || l.all >= l.most || l.stop {
		return nil, ErrFull
	}
	p := &Place{lines: l, group: g, caller: c}
	at := len(l.lines[g])
	for at > 0 && l.lines[g][at-1].caller.Priority < c.Priority {
		at--
	}
	l.lines[g] = slices.Insert(l.lines[g], at, p)
	l.all++
	return p, nil
}

// Position is 1 for the first in line, and of how many; 0 for who has left.
func (p *Place) Position() (at, of int) {
	p.lines.mu.Lock()
	defer p.lines.mu.Unlock()
	line := p.lines.lines[p.group]
	return slices.Index(line, p) + 1, len(line)
}

// Offered says to whom the caller is being offered; empty: to nobody any more.
func (p *Place) Offered(to string) {
	p.lines.mu.Lock()
	p.offered = to
	p.lines.mu.Unlock()
}

// First reports whether it is the caller's turn: everybody before him whose call is
// of his kind is being offered already.
func (p *Place) First() bool {
	p.lines.mu.Lock()
	defer p.lines.mu.Unlock()
	return slices.Contains(p.lines.firstLocked(p.group), p)
}

// firstLocked are those whose turn it is: the first of each kind who is not being
// offered.
func (l *Lines) firstLocked(g presence.GroupID) (out []*Place) {
	for _, p := range l.lines[g] {
		if p.offered == "" && !slices.ContainsFunc(out, func(o *Place) bool { return o.caller.Kind == p.caller.Kind }) {
			out = append(out, p)
		}
	}
	return out
}

// Waits reports whether somebody waits in the group who is not being offered, and
// whose call is of that kind.
func (l *Lines) Waits(g presence.GroupID, kind presence.CallKind) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.firstLocked(g), func(p *Place) bool { return p.caller.Kind == kind })
}

// Leave takes the caller out of the line. Leaving twice does nothing.
func (p *Place) Leave(how string) {
	l := p.lines
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.left {
		return
	}
	p.left = true
	l.all--
	l.ended.WithLabelValues(how).Inc()
	line := l.lines[p.group]
	if at := slices.Index(line, p); at >= 0 {
		line = slices.Delete(line, at, at+1)
	}
	if l.lines[p.group] = line; len(line) == 0 {
		delete(l.lines, p.group)
	}
}

// Wake wakes those in the group's line whose turn it is, one after the other.
func (l *Lines) Wake(g presence.GroupID) {
	l.mu.Lock()
	turns := l.firstLocked(g)
	l.mu.Unlock()
	for _, p := range turns {
		p.caller.Wake()
	}
}

// Groups are those in which somebody waits, first the one where the first in line
// has waited the longest: an agent of several groups is given to him.
func (l *Lines) Groups() []presence.GroupID {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]presence.GroupID, 0, len(l.lines))
	since := make(map[presence.GroupID]time.Time, len(l.lines))
	for g, line := range l.lines {
		out = append(out, g)
		since[g] = line[0].caller.Since
		if turns := l.firstLocked(g); len(turns) > 0 {
			since[g] = turns[0].caller.Since
		}
	}
	slices.SortFunc(out, func(a, b presence.GroupID) int { return since[a].Compare(since[b]) })
	return out
}

// Close ends every call that waits, and lets nobody join any more.
func (l *Lines) Close() {
	l.mu.Lock()
	l.stop = true
	var all []*Place
	for _, line := range l.lines {
		for _, p := range line {
			if p.caller.Stop != nil {
				all = append(all, p)
			}
		}
	}
	l.mu.Unlock()
	for _, p := range all {
		p.caller.Stop("the server stops")
	}
}

// Waiter is a caller as he is shown.
type Waiter struct {
	CallID, URI string
	Since       time.Time
	Position    int
	Offered     string // to whom; empty: to nobody
}

// List shows who waits in a group, the first in front.
func (l *Lines) List(g presence.GroupID) []Waiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]Waiter, 0, len(l.lines[g]))
	for i, p := range l.lines[g] {
		out = append(out, Waiter{p.caller.CallID, p.caller.URI, p.caller.Since, i + 1, p.offered})
	}
	return out
}
