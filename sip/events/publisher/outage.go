package publisher

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"lamplight/sip/message"
)

// The bounds of how long an upstream that fails is left alone.
const (
	firstPause    = time.Second
	longestPause  = 30 * time.Second
	maxRetryAfter = time.Hour
)

// outage is whether an upstream answers. Its mutex guards it.
type outage struct {
	failed    int       // times in a row; 0: it answers
	silent    bool      // it did not answer at all: it may have been restarted
	why       string    // of the last failure; empty: it answers
	since     time.Time // it has, or has not
	notBefore time.Time // of our own counting
	obey      time.Time // what it asked for by Retry-After, also if it answers others
}

// wait is how long nothing may be sent.
func (o *outage) wait(now time.Time) time.Duration {
	return max(o.notBefore.Sub(now), o.obey.Sub(now))
}

// over ends it.
func (o *outage) over() { o.failed, o.silent, o.why, o.notBefore = 0, false, "", time.Time{} }

// failLocked notes that the upstream failed. What was on its way at the same
// time fails too and counts once.
func (u *upstream) failLocked(why string, silent bool, retryAfter time.Duration) {
	o, now := &u.outage, time.Now()
	o.silent = o.silent || silent
	o.why = why
	if retryAfter > 0 {
		o.obey = later(o.obey, now.Add(min(retryAfter, maxRetryAfter)))
	}
	if now.Before(o.notBefore) {
		return
	}
	if o.failed++; o.failed == 1 {
		o.since = now
		u.p.metrics.up.WithLabelValues(u.conf.Name).Set(0)
		u.log.Warn().Str("why", why).Msg("upstream presence server does not take what it is told")
	}
	pause := min(firstPause<<min(o.failed-1, 10), longestPause)
	o.notBefore = now.Add(pause/2 + rand.N(pause)/2)
	u.moved = true
}

// upLocked notes an answer.
func (u *upstream) upLocked() {
	o := &u.outage
	if o.failed == 0 {
		return
	}
	silent := o.silent
	o.over()
	o.since = time.Now()
	u.p.metrics.up.WithLabelValues(u.conf.Name).Set(1)
	u.log.Info().Msg("upstream presence server answers again")
	if silent {
		u.doubtLocked()
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// retryAfter reads the header of that name (RFC 3261 §20.33); 0: there is none.
func retryAfter(m *message.Message) time.Duration {
	v := strings.TrimSpace(m.Get(message.RetryAfter))
	if i := strings.IndexAny(v, " \t;("); i >= 0 {
		v = v[:i]
	}
	n, err := strconv.ParseUint(v, 10, 32)
	if err != nil {
		return 0
	}
	return time.Duration(n) * time.Second
}

// doubt is whether an upstream still has what it was told. Its mutex guards it.
type doubt struct {
	left     []*publication // to be asked for
	accepted int            // still known, in a row
	asked    time.Time      // when a tag was sent last
}

// convinced is how many publications in a row must be known to end a doubt.
const convinced = 10

// doubtLocked begins to ask for every publication. The order of a map is as good
// as a random sample.
func (u *upstream) doubtLocked() {
	if len(u.doubt.left) > 0 {
		return
	}
	u.doubt.accepted = 0
	for _, p := range u.pubs {
		if p.tag != "" {
			u.doubt.left = append(u.doubt.left, p)
		}
	}
	u.kick()
}

// rememberedLocked: a tag was known.
func (u *upstream) rememberedLocked() {
	if u.doubt.accepted++; u.doubt.accepted >= convinced {
		u.doubt.left = nil
	}
}

// forgottenLocked: one was not. It is a surprise where the tag was certain and
// should have lived on.
func (u *upstream) forgottenLocked(surprise bool) {
	u.doubt.accepted = 0
	if surprise {
		u.doubtLocked()
	}
}

// askLocked is the next publication to ask for: of a doubt, or because none was
// for Verify. wait is how long there is none.
func (u *upstream) askLocked(now time.Time) (p *publication, wait time.Duration) {
	for len(u.doubt.left) > 0 {
		p := u.doubt.left[len(u.doubt.left)-1]
		u.doubt.left = u.doubt.left[:len(u.doubt.left)-1]
		if p.kept(now) && !p.flying && p.lane == nowhere && u.pubs[p.id] == p {
			p.refresh = true
			return p, 0
		}
	}
	if wait := u.doubt.asked.Add(u.conf.Verify).Sub(now); wait > 0 {
		return nil, wait
	}
	for _, p := range u.clock {
		if p.kept(now) && !p.flying && p.failures == 0 {
			p.refresh = true
			return p, 0
		}
	}
	return nil, u.conf.Verify
}

// hungUp: the stream ended; the server behind the next one may be another.
func (u *upstream) hungUp() {
	u.flow = nil
	u.mu.Lock()
	defer u.mu.Unlock()
	u.doubtLocked()
}
