package ua

import (
	"strconv"
	"strings"
	"time"

	"lamplight/sip/message"
)

// sessionTimer keeps a session timer as it was agreed (RFC 4028). We ask for none; where
// the other side does, it refreshes, unless it wants us to.
type sessionTimer struct {
	every time.Duration // 0: there is none
	ours  bool          // we refresh
	timer *time.Timer
}

func (t *sessionTimer) stop() {
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
}

// answerLocked reads what a request asks for and says in its answer what it gets.
func (t *sessionTimer) answerLocked(c *Call, m *message.Message, b *message.Builder) {
	every, refresher, ok := sessionExpires(m)
	if !ok {
		return
	}
	if refresher == "" {
		refresher = "uac"
	}
	b.Add(message.SessionExpires, strconv.Itoa(int(every/time.Second))+";refresher="+refresher)
	if refresher == "uac" {
		b.Add(message.Require, "timer")
	}
	t.startLocked(c, every, refresher == "uas")
}

// answeredLocked reads what was agreed from an answer.
func (t *sessionTimer) answeredLocked(c *Call, m *message.Message) {
	every, refresher, ok := sessionExpires(m)
	if !ok {
		t.stop()
		t.every = 0
		return
	}
	t.startLocked(c, every, refresher != "uas")
}

// offerLocked goes on with the timer in a request of ours.
func (t *sessionTimer) offerLocked(b *message.Builder) {
	if t.every == 0 {
		return
	}
	refresher := "uas"
	if t.ours {
		refresher = "uac"
	}
	b.Add(message.SessionExpires, strconv.Itoa(int(t.every/time.Second))+";refresher="+refresher)
}

func (t *sessionTimer) startLocked(c *Call, every time.Duration, ours bool) {
	t.stop()
	t.every, t.ours = every, ours
	wait := every - min(32*time.Second, every/3) // RFC 4028 §10
	if ours {
		wait = every / 2
	}
	var timer *time.Timer
	timer = c.phone.stack.after(wait, func() {
		c.mu.Lock()
		if t.timer != timer {
			c.mu.Unlock()
			return
		}
		if !ours {
			c.mu.Unlock()
			c.hangUp(End{Status: 408, Text: "Not Refreshed", Far: true})
			return
		}
		b := c.phone.describe(c.requestLocked("UPDATE"))
		t.offerLocked(b)
		c.mu.Unlock()
		c.phone.stack.tx.Send(c.phone.flow, b, c.refreshed)
	})
	t.timer = timer
}

// refreshed takes the answer to a refresh of ours. Who knows no UPDATE cannot be
// asked so; its own limits hold.
func (c *Call) refreshed(m *message.Message, err error) {
	switch status := statusOf(m, err); {
	case status == 408 || status == 481:
		c.hangUp(End{Status: status, Text: "Call Is Gone", Far: true})
	case status < 300:
		c.mu.Lock()
		if c.state == talked {
			c.timer.answeredLocked(c, m)
		}
		c.mu.Unlock()
	}
}

// least is the shortest session timer (RFC 4028 §4).
const least = 90 * time.Second

func sessionExpires(m *message.Message) (every time.Duration, refresher string, ok bool) {
	seconds, rest, _ := strings.Cut(m.Get(message.SessionExpires), ";")
	n, ok := message.ParseSeconds(strings.TrimSpace(seconds))
	if !ok || n == 0 {
		return 0, "", false
	}
	if p, err := message.ParseParams(rest); err == nil {
		refresher, _ = p.Get("refresher")
	}
	return max(time.Duration(n)*time.Second, least), strings.ToLower(refresher), true
}
