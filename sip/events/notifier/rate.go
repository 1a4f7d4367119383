package notifier

import (
	"math"
	"strconv"
	"strings"

	"lamplight/sip/message"
)

// rates are a watcher's wishes about how often it is told (RFC 6446 §4). Of
// changes that come faster the last one is told. What answers a SUBSCRIBE, what
// ends the subscription and what repeats a failed NOTIFY is told at once.
type rates struct {
	// atMost and atLeast are the seconds between two NOTIFYs: no fewer, no more;
	// 0: as it comes. adaptive is the rate that the last minute should have had.
	atMost, atLeast stamp
	adaptive        float64
	text            string // as granted, for Subscription-State and the row

	told   stamp     // the last NOTIFY
	recent [32]stamp // ring of the last ones
	next   uint8     // in recent
}

// The bounds of rates: times are whole seconds, a change waits an hour at most,
// and nobody is told what has not changed more often than each five seconds.
const (
	longestPause  = 3600
	shortestPulse = 5
	longestPulse  = 86_400
	adaptPeriod   = 60 // RFC 6446 §7.4: the period that the rate is taken over
)

// ratesOf reads the parameters of an Event header (RFC 6446 §8); nil: none.
func ratesOf(event string) (r *rates, ok bool) {
	_, rest, _ := strings.Cut(event, ";")
	if !strings.Contains(strings.ToLower(rest), "-rate") {
		return nil, true
	}
	params, err := message.ParseParams(rest)
	if err != nil {
		return nil, false
	}
	var most, least, adaptive float64
	for _, p := range []struct {
		name  string
		value *float64
	}{{"max-rate", &most}, {"min-rate", &least}, {"adaptive-min-rate", &adaptive}} {
		text, given := params.Get(p.name)
		if !given {
			continue
		}
		if *p.value, ok = parseRate(text); !ok {
			return nil, false
		}
	}
	return newRates(most, least, adaptive), true
}

// parseRate reads 1*2DIGIT [ "." 1*10DIGIT ], more than nothing.
func parseRate(s string) (float64, bool) {
	whole, fraction, dotted := strings.Cut(s, ".")
	if len(whole) < 1 || len(whole) > 2 || len(fraction) > 10 || dotted && fraction == "" || strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && f > 0
}

// newRates brings what is asked for within the bounds. A least rate above the
// greatest is lowered to it (RFC 6446 §6.3), and an adaptive one takes the place
// of a least one.
func newRates(most, least, adaptive float64) *rates {
	r := &rates{adaptive: adaptive}
	if most > 0 {
		r.atMost = min(wholeSeconds(1/most), longestPause)
	}
	switch {
	case adaptive > 0:
		r.adaptive = min(adaptive, 1/float64(max(r.atMost, shortestPulse)))
	case least > 0:
		r.atLeast = min(max(wholeSeconds(1/least), r.atMost, shortestPulse), longestPulse)
	}
	if *r == (rates{}) {
		return nil
	}
	r.text = rateText(";max-rate=", r.atMost) + rateText(";min-rate=", r.atLeast)
	if r.adaptive > 0 {
		r.text += ";adaptive-min-rate=" + decimal(r.adaptive)
	}
	return r
}

// wholeSeconds is a time in whole seconds, rounded up but for what a rate of ten
// digits cannot say.
func wholeSeconds(f float64) stamp {
	return stamp(min(max(math.Ceil(f-1e-4), 1), longestPulse))
}

func rateText(name string, seconds stamp) string {
	if seconds == 0 {
		return ""
	}
	return name + decimal(1/float64(seconds))
}

// decimal writes a rate with at most ten digits after the point.
func decimal(f float64) string {
	return strings.TrimRight(strings.TrimRight(strconv.FormatFloat(f, 'f', 10, 64), "0"), ".")
}

// ratesFrom reads rates as text has them, as from a row.
func ratesFrom(text string) *rates {
	if text == "" {
		return nil
	}
	r, _ := ratesOf("x" + text)
	return r
}

// granted is what Subscription-State says of them (RFC 6446 §4.3).
func (r *rates) granted() string {
	if r == nil {
		return ""
	}
	return r.text
}

// pause is when the next NOTIFY of a change may be sent. Clocks of whole seconds
// are compared, so a second is added to be sure of the rest.
func (r *rates) pause() stamp {
	if r == nil || r.atMost == 0 || r.told == 0 {
		return 0
	}
	return r.told + r.atMost + 1
}

// pulse is when a NOTIFY is owed though nothing changed; 0: never.
func (r *rates) pulse() stamp {
	switch {
	case r == nil || r.told == 0:
		return 0
	case r.atLeast > 0:
		return r.told + r.atLeast
	case r.adaptive > 0:
		return r.told + r.adapted()
	}
	return 0
}

// adapted is how long to wait so that the last minute comes to the rate (RFC 6446
// §7.4: count / (rate² · period)): longer, the more was told of itself.
func (r *rates) adapted() stamp {
	count := 0
	for _, at := range r.recent {
		if at != 0 && at+adaptPeriod > r.told {
			count++
		}
	}
	wait := wholeSeconds(float64(count) / (r.adaptive * r.adaptive * adaptPeriod))
	return min(max(wait, r.atMost+1, shortestPulse), longestPulse)
}

// sent notes a NOTIFY.
func (r *rates) sent(now stamp) {
	if r == nil {
		return
	}
	r.told = now
	r.recent[r.next%uint8(len(r.recent))] = now
	r.next++
}

// paceLocked reports whether a change has to wait, and then has the clock wake
// the subscription.
func (n *Notifier) paceLocked(s *subscription, now stamp) bool {
	at := s.rates.pause()
	if at <= now || s.owed || s.state != active {
		return false
	}
	s.retry = max(s.retry, at)
	n.scheduleLocked(s)
	return true
}
