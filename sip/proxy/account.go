package proxy

import (
	"time"

	"lamplight/presence"
	"lamplight/presence/routing"
)

// turnTo goes on by another decision: the one before is kept as it is.
func (x *passage) turnTo(about presence.ID, r *routing.Record) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over {
		return
	}
	if x.record != nil {
		x.p.keep(&x.c, x.about, x.record)
	}
	x.about, x.record = about, r
}

// say notes what was done, for who asks later why.
func (x *passage) say(target, what string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.record != nil && !x.over {
		x.record.Tries = append(x.record.Tries, routing.Try{Target: target, What: what, At: time.Now().UTC()})
	}
}

// because is the reason that a refusal gives.
func (x *passage) because(why string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.why = why
}

// isWaking reports whether a push may still bring a device.
func (x *passage) isWaking() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.waking
}
