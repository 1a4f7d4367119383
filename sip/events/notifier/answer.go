package notifier

import (
	"errors"
	"time"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

// Back-off after a failed NOTIFY, in seconds: it doubles from the first to the
// last. The failure itself took 32 s where it was silence.
const (
	firstRetry = 4
	lastRetry  = 64
)

// answered takes the end of a NOTIFY's transaction.
func (n *Notifier) answered(s *subscription, cseq uint32, m *message.Message, err error) {
	p := s.pres
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.inflight != cseq {
		return // the watcher meanwhile came by another way
	}
	s.inflight = 0
	if s.state == retired {
		return
	}
	status := 0
	if err == nil {
		status = m.Status
	}
	if s.telling != nil {
		s.telling.landed(status >= 200 && status < 300)
	}
	s.progress.arrived(status >= 200 && status < 300)
	switch {
	case status >= 200 && status < 300:
		s.failures = 0
	case errors.Is(err, transport.ErrFlowClosed):
		// The connection is gone, not the watcher. It comes back with a SUBSCRIBE.
		n.metrics.failed("flow")
		s.way, s.owed = way{}, true
	case errors.Is(err, transaction.ErrOverload), errors.Is(err, transaction.ErrClosed), errors.Is(err, transport.ErrQueueFull):
		n.metrics.failed("local") // our fault, not the watcher's
		n.postponeLocked(s, 2)
	case ends(status) && s.state == active:
		n.metrics.failed("ended")
		n.logEnd(s, status)
		n.forgetLocked(s)
		n.deleteRow(s)
		n.retireLocked(s)
		return
	default:
		n.failedLocked(s, status, m)
		if s.state == retired {
			return
		}
	}
	if s.late || s.owed || s.state == ending || s.telling.more() {
		n.markSubLocked(s)
	}
}

// failedLocked counts a NOTIFY that was refused for now or not answered, and
// plans the next or gives up.
func (n *Notifier) failedLocked(s *subscription, status int, m *message.Message) {
	if status == 0 {
		n.metrics.failed("timeout")
	} else {
		n.metrics.failed("refused")
	}
	s.owed = true
	if s.state == ending {
		n.retireLocked(s) // the last word is said once
		return
	}
	if s.failures++; int(s.failures) >= n.maxFailures {
		n.logEnd(s, status)
		n.forgetLocked(s)
		n.deleteRow(s)
		n.retireLocked(s)
		return
	}
	wait := stamp(min(firstRetry<<(s.failures-1), lastRetry))
	if m != nil {
		// RFC 6665 §4.2.2: a refusal that says when to try again is no failure
		// for good.
		if after, ok := message.ParseSeconds(retryAfter(m)); ok {
			wait = stamp(min(after, 3600))
		}
	}
	n.postponeLocked(s, max(wait, 1))
}

// postponeLocked forbids NOTIFYs for a while; the newest state follows then.
func (n *Notifier) postponeLocked(s *subscription, seconds stamp) {
	s.owed = true
	s.retry = stampOf(time.Now()) + seconds
	n.scheduleLocked(s)
}

// retryAfter is the delta of a Retry-After header, without comment and
// parameters (RFC 3261 §20.33).
func retryAfter(m *message.Message) string {
	v := m.Get(message.RetryAfter)
	for i := range len(v) {
		if v[i] < '0' || v[i] > '9' {
			return v[:i]
		}
	}
	return v
}

// ends reports whether a refusal destroys the subscription: the watcher knows no
// such dialog or usage, or will never take what we send (RFC 6665 §4.2.2, RFC
// 5057 §5.1).
func ends(status int) bool {
	switch status {
	case 404, 405, 410, 416, 481, 482, 483, 484, 485, 489, 501, 604:
		return true
	}
	return false
}

func (n *Notifier) logEnd(s *subscription, status int) {
	n.log.Info().Str("call_id", s.part(s.callID)).Str("method", "NOTIFY").Str("aor", s.entity).
		Int("status", status).Uint8("failures", s.failures).Msg("subscription ended by its watcher's answers")
}
