package push

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The pause before another try doubles from firstPause on, a half more or less.
const (
	firstPause = 200 * time.Millisecond
	maxPause   = 5 * time.Second
	maxAnswer  = 16 << 10 // bytes of an answer that are read
)

// deliver tries until the service has taken the push or said no for good, the
// tries are used up or the call has stopped waiting.
func (g *Gateway) deliver(q *queue, d *delivery) error {
	var last error
	pause := firstPause
	for try := range q.provider.Tries {
		if try > 0 && !g.wait(pause, g.message(d).Until) {
			break
		}
		m := g.message(d)
		if !m.Until.After(time.Now()) {
			break
		}
		began := time.Now()
		v := g.try(q, &m)
		g.count.took(m.Provider, time.Since(began))
		if v.err == nil {
			return nil
		}
		last = v.err
		g.log.Warn().Err(v.err).Str("provider", m.Provider).Stringer("device", m.Target).Int("status", v.status).Int("try", try+1).Msg("push not taken")
		if !v.again {
			return v.err
		}
		pause = min(max(2*pause, v.after), maxPause)
		if v.after > maxPause {
			break
		}
	}
	switch {
	case g.run.Err() != nil:
		return ErrClosed
	case last != nil:
		return last
	}
	return ErrLate
}

// wait pauses; false: there is no time left for another try.
func (g *Gateway) wait(d time.Duration, until time.Time) bool {
	d = d/2 + time.Duration(rand.Int64N(int64(d)))
	if time.Until(until) <= d {
		return false
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-g.run.Done():
		return false
	}
}

// verdict is what one try came to.
type verdict struct {
	status int
	err    error         // nil: taken
	again  bool          // another try may succeed
	after  time.Duration // but not before
}

func (g *Gateway) try(q *queue, m *Message) verdict {
	now := time.Now()
	ctx, cancel := context.WithTimeout(g.run, min(q.provider.Timeout, m.Until.Sub(now)))
	defer cancel()
	req, err := q.request(ctx, m, now)
	if err != nil {
		return verdict{err: err}
	}
	res, err := g.client.Do(req)
	if err != nil {
		return verdict{err: fmt.Errorf("push: %w", withoutURL(err)), again: true}
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		body = nil // its status says enough
	}
	return judge(res, body, m, q.provider.Form)
}

// withoutURL: the URL of a push has the token in it.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

func (q *queue) request(ctx context.Context, m *Message, now time.Time) (*http.Request, error) {
	h := make(http.Header)
	body, err := q.provider.write(m, now, h)
	if err != nil {
		return nil, fmt.Errorf("push: write: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.address(&q.provider), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("%w: the token makes no address", ErrRefused)
	}
	req.Header = h
	for name, value := range q.provider.Headers {
		req.Header.Set(name, value)
	}
	token := q.provider.Token
	if q.token != nil {
		if token, err = q.token.read(); err != nil {
			return nil, err
		}
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

// judge reads an answer. 410 ends the token, and so do the words by which Apple and
// Firebase say the same with another status. 404 without them ends it at a gateway
// of one's own alone: theirs means a path or project that is set up wrongly, and
// would end every device's.
func judge(res *http.Response, body []byte, m *Message, form Form) verdict {
	v := verdict{status: res.StatusCode}
	why := reason(body)
	if strings.Contains(why, m.PRID) {
		why = ""
	}
	switch {
	case res.StatusCode/100 == 2:
		return v
	case res.StatusCode == http.StatusNotFound && form == FormJSON, res.StatusCode == http.StatusGone, gone(why):
		v.err = fmt.Errorf("%w: %d %s", ErrGone, res.StatusCode, why)
	case res.StatusCode == http.StatusTooManyRequests, res.StatusCode == http.StatusRequestTimeout, res.StatusCode >= 500,
		// An access token that ran out: whoever refreshes its file may just be at it.
		res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusForbidden:
		v.err, v.again = fmt.Errorf("push: the service answers %d %s", res.StatusCode, why), true
		if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 {
			v.after = time.Duration(min(s, 3600)) * time.Second
		}
	default:
		v.err = fmt.Errorf("%w: %d %s", ErrRefused, res.StatusCode, why)
	}
	return v
}

func gone(why string) bool {
	switch strings.ToUpper(why) {
	case "UNREGISTERED", "BADDEVICETOKEN", "DEVICETOKENNOTFORTOPIC", "EXPIREDTOKEN":
		return true
	}
	return false
}

// reason is the word an answer gives: Apple's {"reason":…}, Firebase's
// {"error":{"status":…,"details":[{"errorCode":…}]}}.
func reason(body []byte) string {
	var a struct {
		Reason string `json:"reason"`
		Error  struct {
			Status  string `json:"status"`
			Details []struct {
				Code string `json:"errorCode"`
			} `json:"details"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &a) != nil {
		return ""
	}
	why := a.Reason
	if why == "" {
		why = a.Error.Status
	}
	for _, d := range a.Error.Details {
		if d.Code != "" {
			why = d.Code
		}
	}
	return strings.ToValidUTF8(why[:min(len(why), 100)], "")
}
