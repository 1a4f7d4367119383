package webrtc

import (
	"slices"
	"time"

	"lamplight/webrtc/signalling"
)

// keysEvery is how often a page is told of keys at most, however fast they come.
const keysEvery = 100 * time.Millisecond

// farKeys are the keys that the other side pressed. They are the call's own, as all
// that run does.
type farKeys struct {
	pressed []byte // the last signalling.MaxKeys; nil: there never were any
	told    string
	waits   bool // the page was told a moment ago, and hears of the rest soon
}

// pressedBy notes a key that came by signalling.
func (c *call) pressedBy(l *leg, key byte) {
	if c.leg.Load() == l {
		c.pressedThere(key)
	}
}

// pressedThere notes a key of the other side's and tells the page.
func (c *call) pressedThere(key byte) {
	f := &c.far
	f.pressed = append(f.pressed, key)
	if more := len(f.pressed) - signalling.MaxKeys; more > 0 {
		f.pressed = slices.Delete(f.pressed, 0, more)
	}
	c.tellKeys()
}

// tellKeys tells the page of the keys, now or soon.
func (c *call) tellKeys() {
	f := &c.far
	if f.waits || f.told == string(f.pressed) {
		return
	}
	f.told, f.waits = string(f.pressed), true
	c.x.say(signalling.PressedMsg{T: signalling.Pressed, Call: c.id, Keys: f.told})
	c.after(keysEvery, func() {
		f.waits = false
		c.tellKeys()
	})
}

// forgetKeys: somebody else is at the other end now, whom keys pressed for the former
// are no business of either.
func (c *call) forgetKeys() {
	c.typed.waiting = ""
	c.far.pressed = c.far.pressed[:0]
	c.tellKeys()
}

// retell tells a page that came back how the call is.
func (c *call) retell() {
	c.fresh.back = true
	c.tell()
	if c.far.pressed != nil {
		c.x.say(signalling.PressedMsg{T: signalling.Pressed, Call: c.id, Keys: c.far.told})
	}
}
