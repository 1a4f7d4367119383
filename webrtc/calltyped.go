package webrtc

import (
	"errors"
	"fmt"

	"lamplight/webrtc/media"
	"lamplight/webrtc/signalling"
)

// maxTyped is how many keys may wait to be sent: what is typed in a quarter of a minute.
const maxTyped = 64

// typedKeys are the keys that the agent has pressed and that are not sent yet. Each
// takes a fifth of a second, and people type faster. They are the call's own, as all
// that run does.
type typedKeys struct {
	waiting string
	sending bool
}

// press has keys sent after those that were pressed before.
func (c *call) press(keys string) {
	if c.leg.Load() == nil || c.bridge == nil || c.state != signalling.CallTalking && c.state != signalling.CallEarly {
		return
	}
	if len(c.typed.waiting)+len(keys) > maxTyped {
		c.notice("Too many keys at once: the last were not sent.")
		return
	}
	c.typed.waiting += keys
	c.sendKeys()
}

// sendKeys sends the keys that wait, by the audio (RFC 4733) or, where the other side
// takes none there, by INFO.
func (c *call) sendKeys() {
	if c.typed.sending || c.typed.waiting == "" {
		return
	}
	n := min(len(c.typed.waiting), signalling.MaxKeys)
	keys, l, b := c.typed.waiting[:n], c.leg.Load(), c.bridge
	c.typed.waiting, c.typed.sending = c.typed.waiting[n:], true
	c.keys.Go(func() {
		err := b.Dial(keys)
		switch {
		case errors.Is(err, media.ErrKeysToPhone):
			for _, k := range keys {
				l.ua.Info("application/dtmf-relay", fmt.Appendf(nil, "Signal=%c\r\nDuration=100\r\n", k), func(int) {})
			}
		case err != nil:
			c.x.srv.o.Log.Info().Str("call", c.id).Err(err).Msg("webphone keys not sent")
		}
		c.post(func() {
			c.typed.sending = false
			c.sendKeys()
		})
	})
}
