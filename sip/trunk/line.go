package trunk

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"lamplight/sip/digest"
	"lamplight/sip/message"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/resolve"
	"lamplight/sip/transport"
)

// line is one trunk, and what is known of it.
type line struct {
	t      *Trunks
	conf   Trunk
	kept   bool // it is configured; else of one call
	creds  *digest.Responder
	wake   chan struct{} // capacity 1: a hop is to be asked now
	cancel context.CancelFunc
	done   chan struct{} // closed when run has ended; nil: it does not run

	mu    sync.Mutex
	hops  []*hop // in the order they are tried; guarded by mu, with what is in them
	where error  // why none could be found; guarded by mu
}

// hop is one address of a trunk. The line's mutex guards what follows target.
type hop struct {
	target resolve.Target

	up     bool
	known  bool // it has answered or failed since it was found
	missed int  // OPTIONS without an answer in a row
	asking bool
	due    time.Time // of the next OPTIONS
	last   time.Time // it is tried last until then
	why    string    // it is down
	since  time.Time // of the last change
	trip   time.Duration
	own    *transport.Flow // a TLS stream of ours
}

// name is how a hop is shown.
func (h *hop) name() string { return h.target.Addr.String() + "/" + h.target.Transport }

// Info is what is known of a hop.
type Info struct {
	Trunk, Hop string // the hop as address/transport; empty: none could be found, Why says why
	Up         bool
	Why        string    // it is down
	Since      time.Time // of the last change
	RetryAfter time.Time // it is tried last until then; zero: it is not
	RoundTrip  time.Duration
}

func newLine(t *Trunks, c Trunk, kept bool) *line {
	l := &line{t: t, conf: c, kept: kept, creds: digest.NewResponder(c.User, c.Password, c.Realm), wake: make(chan struct{}, 1)}
	if kept && c.Every > 0 {
		ctx, cancel := context.WithCancel(t.life)
		l.cancel, l.done = cancel, make(chan struct{})
		go func() {
			defer close(l.done)
			l.run(ctx)
		}()
	}
	return l
}

// close ends it. Calls that use it go on.
func (l *line) close() {
	if l.done != nil {
		l.cancel()
		<-l.done
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.hops {
		l.dropLocked(h)
	}
	l.hops = nil
}

// dropLocked forgets a hop. Calls keep its stream as long as that lasts.
func (l *line) dropLocked(h *hop) {
	if l.kept {
		l.t.up.DeleteLabelValues(l.conf.Name, h.name())
	}
}

// find looks up the hops, and keeps what is known of those that stay. If nobody
// answers for a server, its hops of before are kept.
func (l *line) find(ctx context.Context) error {
	var found []resolve.Target
	var failed []error
	for _, s := range l.conf.Servers {
		look, cancel := context.WithTimeout(ctx, lookTime)
		list, err := l.t.o.Finder.Find(look, s)
		cancel()
		if err != nil {
			failed = append(failed, err)
			continue
		}
		for _, target := range list {
			if len(found) < maxHops && !slices.Contains(found, target) {
				found = append(found, target)
			}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.where = errors.Join(failed...)
	if len(found) == 0 {
		return l.where
	}
	if len(failed) == 0 || len(l.hops) == 0 {
		l.takeLocked(found)
	}
	return nil
}

// takeLocked makes these the hops, in this order.
func (l *line) takeLocked(found []resolve.Target) {
	old := l.hops
	l.hops = nil
	for _, target := range found {
		i := slices.IndexFunc(old, func(h *hop) bool { return h.target == target })
		if i >= 0 {
			l.hops = append(l.hops, old[i])
			continue
		}
		if l.kept {
			l.t.o.Flows.Trust(target.Addr.Addr()) // it answers as fast as we call
		}
		h := &hop{target: target, up: true, since: time.Now()}
		l.hops = append(l.hops, h)
		l.showLocked(h)
	}
	for _, h := range old {
		if !slices.Contains(l.hops, h) {
			l.dropLocked(h)
		}
	}
}

// hopsFor lists the hops for one call, those that are down last.
func (l *line) hopsFor(ctx context.Context) ([]*hop, error) {
	if err := l.find(ctx); err != nil {
		l.mu.Lock()
		none := len(l.hops) == 0
		l.mu.Unlock()
		if none {
			return nil, err
		}
	}
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	out := slices.Clone(l.hops)
	slices.SortStableFunc(out, func(a, b *hop) int { return compareHops(a.usable(now), b.usable(now)) })
	return out, nil
}

func (h *hop) usable(now time.Time) bool { return h.up && !now.Before(h.last) }

// flow opens the way to a hop.
func (l *line) flow(ctx context.Context, h *hop) (f *transport.Flow, err error) {
	ctx, cancel := context.WithTimeout(ctx, l.conf.Silence)
	defer cancel()
	if h.target.Transport == transport.TLS {
		f, err = l.secure(ctx, h)
	} else {
		f, err = l.t.o.Flows.Flow(ctx, h.target.Transport, h.target.Addr)
	}
	if err != nil {
		l.failed(h, "unreachable", err.Error())
	}
	return f, err
}

// secure is a TLS stream whose certificate names the trunk (RFC 5922 §7.1), kept as
// long as it lasts.
func (l *line) secure(ctx context.Context, h *hop) (*transport.Flow, error) {
	l.mu.Lock()
	f := h.own
	l.mu.Unlock()
	if f != nil {
		select {
		case <-f.Done():
		default:
			return f, nil
		}
	}
	f, err := l.t.o.Flows.Secure(ctx, h.target.Name, l.conf.Roots, h.target.Addr)
	if err == nil {
		l.mu.Lock()
		h.own = f
		l.mu.Unlock()
	}
	return f, err
}

// way is one hop for one call.
func (l *line) way(h *hop, f *transport.Flow) fork.Way {
	w := fork.Way{Name: h.name(), Flow: f, Server: true, Silence: l.conf.Silence, Told: func(status int, res *message.Message) { l.told(h, status, res) }}
	l.signs(&w, "INVITE")
	return w
}

// signs has requests of that method that go there say who we are.
func (l *line) signs(w *fork.Way, method string) {
	if l.conf.User == "" {
		return
	}
	// Who refuses the same credentials twice is not asked a third time (RFC 3261 §22.1).
	answered := map[int]bool{}
	w.Ahead = func(uri string, body []byte) []message.Header {
		return l.creds.Answer(method, uri, body)
	}
	w.Answer = func(res *message.Message, uri string, body []byte) []message.Header {
		ok, stale := l.creds.Learn(res)
		if !ok || answered[res.Status] && !stale {
			return nil
		}
		answered[res.Status] = true
		return l.creds.Answer(method, uri, body)
	}
}

// told takes what a call learnt of a hop. It must not block.
func (l *line) told(h *hop, status int, res *message.Message) {
	switch {
	case res == nil && status == 408:
		l.failed(h, "408", "no answer to a call")
	case res == nil:
		l.failed(h, "lost", "the connection was lost")
	case status == 503:
		l.t.failed.WithLabelValues(l.label(), "503").Inc()
		l.obey(h, res.Get(message.RetryAfter))
	default:
		l.alive(h, 0)
	}
}

// obey takes a Retry-After (RFC 3261 §21.5.4); without one the hop may be tried again
// at once.
func (l *line) obey(h *hop, after string) {
	for i, c := range after {
		if c < '0' || c > '9' {
			after = after[:i]
			break
		}
	}
	seconds, ok := message.ParseSeconds(after)
	if !ok {
		return
	}
	d := min(time.Duration(seconds)*time.Second, mostObeyed)
	l.mu.Lock()
	h.last = time.Now().Add(d)
	l.mu.Unlock()
	if l.kept {
		l.t.o.Log.Info().Str("trunk", l.conf.Name).Str("hop", h.name()).Dur("for", d).Msg("trunk asks to be left alone, its other hops are tried first")
	}
}

// failed: a call had no luck with the hop. It is down until it answers, or if it is
// not asked, for a while.
func (l *line) failed(h *hop, why, text string) {
	l.t.failed.WithLabelValues(l.label(), why).Inc()
	l.mu.Lock()
	if l.done == nil {
		h.last = time.Now().Add(downFor)
	} else {
		l.downLocked(h, text)
		h.due = time.Now()
	}
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// label is the trunk's in metrics; what is called by its URI has but one.
func (l *line) label() string {
	if l.kept {
		return l.conf.Name
	}
	return "-"
}

// alive: it has answered.
func (l *line) alive(h *hop, trip time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	h.missed = 0
	if trip > 0 {
		h.trip = trip
	}
	changed := !h.up
	h.up, h.known, h.why = true, true, ""
	if changed {
		h.since = time.Now()
		l.showLocked(h)
		l.t.o.Log.Info().Str("trunk", l.conf.Name).Str("hop", h.name()).Msg("trunk answers again")
	}
}

// downLocked: it does not answer.
func (l *line) downLocked(h *hop, why string) {
	h.known = true
	if !h.up {
		return
	}
	h.up, h.why, h.since = false, why, time.Now()
	l.showLocked(h)
	l.t.o.Log.Warn().Str("trunk", l.conf.Name).Str("hop", h.name()).Str("why", why).Msg("trunk does not answer, its other hops are tried first")
}

func (l *line) showLocked(h *hop) {
	if !l.kept {
		return
	}
	v := 0.0
	if h.up {
		v = 1
	}
	l.t.up.WithLabelValues(l.conf.Name, h.name()).Set(v)
}

func (l *line) info() (out []Info) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	for _, h := range l.hops {
		i := Info{Trunk: l.conf.Name, Hop: h.name(), Up: h.up, Why: h.why, Since: h.since, RoundTrip: h.trip}
		if now.Before(h.last) {
			i.RetryAfter = h.last
		}
		out = append(out, i)
	}
	if len(out) == 0 {
		i := Info{Trunk: l.conf.Name, Why: "not looked for yet"}
		if l.where != nil {
			i.Why = l.where.Error()
		}
		out = append(out, i)
	}
	return out
}

// seconds is for texts.
func seconds(d time.Duration) string { return strconv.Itoa(int(d/time.Second)) + " s" }
