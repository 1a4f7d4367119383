package publisher

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

// maxTries bounds how often in a row one PUBLISH is answered to a challenge: a
// proxy's, the server's, and once more because a nonce ran out.
const maxTries = 3

// The pauses of a publication that the upstream refuses.
const (
	firstRefusal   = time.Minute
	longestRefusal = time.Hour
)

// wrongPassword is how long an upstream that refuses ours is left alone: many
// ban who tries on.
const wrongPassword = time.Minute

// linger is how long a finished dialog publication is kept, so that watchers are
// told by the call's terminated and not by there being nothing.
const linger = 10 * time.Second

// maxMinExpires bounds what an upstream may ask for by 423.
const maxMinExpires = 24 * 3600

// answered takes the outcome of a PUBLISH, on a goroutine of the transaction
// layer.
func (u *upstream) answered(p *publication, a *attempt, m *message.Message, err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	p.flying = false
	u.flying--
	if u.pubs[p.id] != p { // given up when the upstream was left
		return
	}
	if u.p.ctx.Err() != nil || errors.Is(err, transaction.ErrClosed) {
		return
	}
	defer u.kick()
	if err != nil {
		u.unansweredLocked(p, err)
	} else {
		u.statusLocked(p, a, m)
	}
	if p.again {
		p.again = false
		u.markLocked(p, urgent)
	}
}

// unansweredLocked: whether the upstream took it is not known, so the tag may be
// old, and what it has.
func (u *upstream) unansweredLocked(p *publication, err error) {
	if errors.Is(err, transport.ErrTooLong) {
		u.refusedLocked(p, err.Error(), 0)
		return
	}
	result := "flow"
	if errors.Is(err, transaction.ErrTimeout) {
		result = "timeout"
		u.dead = true // a stream may be open for long when nobody is there any more
	}
	u.p.metrics.result(u.conf.Name, result)
	p.shaky, p.sum = true, 0
	u.markLocked(p, urgent)
	u.failLocked(err.Error(), true, 0)
}

// statusLocked obeys the final response (RFC 3903 §4.1, §11.1).
func (u *upstream) statusLocked(p *publication, a *attempt, m *message.Message) {
	if m.Status != 401 && m.Status != 407 {
		p.tries = 0
	}
	p.salt++
	u.log.Debug().Str("entity", a.entity).Str("event", p.id.kind.event()).Str("sort", a.sort).Str("tag", a.tag).
		Int("status", m.Status).Str("new_tag", m.Get(message.SIPETag)).Bool("repeated", m.FromTag() != a.from).Msg("upstream answered")
	switch {
	case m.Status < 300:
		u.takenLocked(p, a, m)
	case m.Status == 401, m.Status == 407:
		u.challengedLocked(p, a, m)
	case a.tag != "" && (m.Status == 412 || m.Status == 404 || m.Status == 410 || m.Status == 481):
		u.unknownLocked(p, a)
	case m.Status == 423:
		u.tooBriefLocked(p, a, m)
	case m.Status == 408, m.Status == 429, m.Status >= 500 && m.Status < 600:
		u.p.metrics.result(u.conf.Name, "unavailable")
		u.markLocked(p, background)
		u.failLocked(answerText(m), false, retryAfter(m))
	default:
		u.upLocked()
		u.refusedLocked(p, answerText(m), retryAfter(m))
	}
}

func answerText(m *message.Message) string { return fmt.Sprintf("answered %d %s", m.Status, m.Phrase) }

// takenLocked: 2xx.
func (u *upstream) takenLocked(p *publication, a *attempt, m *message.Message) {
	now := time.Now()
	u.upLocked()
	if a.tag != "" {
		u.rememberedLocked()
	}
	mine := m.FromTag() == a.from
	granted, said := m.ExpiresHeader()
	if a.sort == remove && mine || !mine && said && granted == 0 {
		u.removedLocked(p)
		return
	}
	if a.sort == remove || !said {
		granted = u.expires(p.id.kind)
	}
	granted = min(granted, u.expires(p.id.kind))
	tag := m.Get(message.SIPETag)
	if tag == "" || granted == 0 {
		// RFC 3903 §6 step 7: both are required.
		u.refusedLocked(p, "2xx without SIP-ETag or expiry", 0)
		return
	}
	u.p.metrics.result(u.conf.Name, "ok")
	if a.sort == first {
		p.firsts++
	}
	u.taggedLocked(p, tag, now.Add(time.Duration(granted)*time.Second))
	p.shaky, p.failures, p.salt = false, 0, 0
	if !mine {
		// The answer to a request before: its tag is the newest, but what it
		// brought is not what we just sent. See name.
		p.sum, p.over, p.again = 0, p.id.kind == dialogs, true
	} else if len(a.body) > 0 {
		p.sum, p.told = a.sum, a.live
		p.over = p.id.kind == dialogs && len(p.told) == 0
	}
	if !p.since.IsZero() {
		u.p.metrics.told(u.conf.Name, now.Sub(p.since))
		p.since = time.Time{}
		if p.again {
			p.since = now
		}
	}
	u.saveLocked(p)
	switch {
	case p.gone:
		u.markLocked(p, urgent)
	case p.id.kind == dialogs && len(p.told) == 0:
		u.scheduleLocked(p, now.Add(linger))
	default:
		u.scheduleLocked(p, now.Add(early(granted)))
	}
}

// early is when to refresh: between 70 and 90 % of the time granted.
func early(seconds int) time.Duration {
	d := time.Duration(seconds) * time.Second
	return d*7/10 + rand.N(d/5)
}

// taggedLocked and lostLocked count what the upstream has.
func (u *upstream) taggedLocked(p *publication, tag string, until time.Time) {
	if p.tag == "" {
		u.alive++
	}
	p.tag, p.until = tag, until
	u.p.metrics.publications.WithLabelValues(u.conf.Name).Set(float64(u.alive))
}

func (u *upstream) lostLocked(p *publication) {
	if p.tag != "" {
		u.alive--
		u.p.metrics.publications.WithLabelValues(u.conf.Name).Set(float64(u.alive))
	}
	p.lost()
}

// removedLocked: the upstream does not have it any more.
func (u *upstream) removedLocked(p *publication) {
	u.p.metrics.result(u.conf.Name, "ok")
	u.lostLocked(p)
	p.failures = 0
	// What it was told of and is not known to be over is told to be, in the next
	// publication: its watchers may have heard nothing but that this one is gone.
	if p.gone {
		u.forgetLocked(p)
		return
	}
	u.saveLocked(p)
	u.markLocked(p, urgent) // under its new name
}

// unknownLocked: 412, the upstream has no publication of that tag (RFC 3903
// §4.1: begin anew, without).
func (u *upstream) unknownLocked(p *publication, a *attempt) {
	u.p.metrics.result(u.conf.Name, "forgotten")
	u.upLocked()
	surprise := !p.shaky && a.at.Before(p.until.Add(-2*time.Second))
	u.lostLocked(p)
	p.shaky = false
	u.markLocked(p, urgent)
	u.forgottenLocked(surprise)
}

// tooBriefLocked: 423, with the shortest time it takes.
func (u *upstream) tooBriefLocked(p *publication, a *attempt, m *message.Message) {
	u.upLocked()
	n, ok := message.ParseSeconds(m.Get(message.MinExpires))
	if !ok || n <= a.expires || n > maxMinExpires || a.sort == remove { // a removal asks for no time
		u.refusedLocked(p, answerText(m)+" and no use of its Min-Expires", 0)
		return
	}
	u.p.metrics.result(u.conf.Name, "too_brief")
	u.minExpires[p.id.kind] = max(n, u.minExpires[p.id.kind])
	p.refresh = true
	u.markLocked(p, urgent)
}

// challengedLocked: 401 or 407. What is wrong with the password is wrong with
// every publication, so it counts as a failure of the upstream.
func (u *upstream) challengedLocked(p *publication, a *attempt, m *message.Message) {
	p.tries++
	p.refresh = true
	if a.creds != u.creds { // configured anew meanwhile
		p.tries = 0
	}
	if known, _ := u.creds.Learn(m); known && p.tries < maxTries {
		u.p.metrics.result(u.conf.Name, "challenged")
		u.markLocked(p, urgent)
		return
	}
	p.tries = 0
	u.p.metrics.result(u.conf.Name, "unauthorized")
	u.markLocked(p, background)
	u.failLocked(answerText(m)+": user or password is missing or wrong", false, wrongPassword)
}

// refusedLocked: this publication cannot be told for now.
func (u *upstream) refusedLocked(p *publication, why string, wait time.Duration) {
	u.p.metrics.result(u.conf.Name, "refused")
	u.p.noise.Warn().Str("upstream", u.conf.Name).Str("entity", p.entity).Str("event", p.id.kind.event()).Str("why", why).Msg("publication refused by upstream")
	if p.gone {
		u.lostLocked(p)
		u.forgetLocked(p)
		return
	}
	if wait == 0 {
		wait = min(firstRefusal<<min(p.failures, 10), longestRefusal)
		wait = wait/2 + rand.N(wait)/2
	}
	p.failures++
	p.again = false
	at := time.Now().Add(min(wait, maxRetryAfter))
	if p.alive(time.Now()) && p.until.Before(at) {
		at = p.until // it is gone then, and a new one may be taken
	}
	u.scheduleLocked(p, at)
}
