package proxy

import (
	"cmp"
	"strconv"
	"time"

	"lamplight/presence"
	"lamplight/presence/routing"
	"lamplight/sip/message"
	"lamplight/sip/proxy/fork"
	"lamplight/sip/push"
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

// note keeps what came of waking one mobile.
func (x *passage) note(e push.Event) {
	id := e.Asked
	if e.Woken {
		id = e.Binding
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.record.Tries = append(x.record.Tries, routing.Try{Target: id, What: e.Text(), At: time.Now().UTC()})
}

// refuse gives the refusal its decision.
func (x *passage) refuse(_ int, b *message.Builder) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.record != nil {
		b.Add(DecisionHeader, x.record.ID)
	}
	if x.why != "" {
		b.Add(message.Reason, reason(b.Status(), x.why))
	}
}

// tell takes what happens to the call: for its legs, and for who asks later why.
func (x *passage) tell(e fork.Event) {
	if e.What == fork.Over {
		x.p.count.WithLabelValues(strconv.Itoa(e.Status)).Inc()
	}
	x.refusedItself(&e)
	if stop := x.took(e); stop != nil {
		stop()
	}
	if e.What == fork.Over {
		x.p.ringing.drop(x)
	}
	if x.also != nil {
		x.also(e)
	}
}

// took writes the event into the record, and keeps that with the last one; stop
// then ends the waking of mobiles.
func (x *passage) took(e fork.Event) (stop func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if e.What == fork.Over {
		x.over = true
		if x.record != nil {
			x.record.Status = e.Status
			x.p.keep(&x.c, x.about, x.record)
		}
		return x.stop
	}
	x.rangLocked(&e)
	if x.record == nil {
		return nil
	}
	x.record.Tries = append(x.record.Tries, routing.Try{Target: cmp.Or(e.Target, "caller"), What: how(&e), Status: e.Status, At: e.At.UTC()})
	return nil
}

// tried is what happened, as the record says it.
func tried(w fork.What) string {
	switch w {
	case fork.Tried:
		return "called"
	case fork.Ringing:
		return "rings"
	case fork.Answered:
		return "answered"
	case fork.Canceled:
		return "not needed any more"
	}
	return "failed"
}
