package transaction

import (
	"time"

	"lamplight/sip/message"
)

// tryingSoon has us say 100 if the owner says nothing.
func (tx *inviteTx) tryingSoon() {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.state == unanswered && tx.last == nil {
		tx.timer = time.AfterFunc(trying, tx.tick)
	}
}

// tick is the one timer of the state that it finds.
func (tx *inviteTx) tick() {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	switch {
	case tx.state == unanswered && tx.last == nil:
		tx.last = message.NewResponse(tx.req.Message, 100, "").Bytes()
		_ = tx.to.Send(tx.last)
	case tx.state != refusedState:
	case !time.Now().Before(tx.end): // Timer H: it was never acknowledged
		tx.settleLocked()
		tx.layer.invites.drop(tx)
	default: // Timer G
		_ = tx.to.Send(tx.last)
		tx.interval = min(2*tx.interval, tx.layer.o.T2)
		tx.timer.Reset(min(tx.interval, time.Until(tx.end)))
	}
}

// respond sends a response. After a final one nothing is sent but itself.
func (tx *inviteTx) respond(status int, raw []byte) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.state != unanswered {
		return
	}
	tx.stopLocked()
	tx.last = raw
	switch {
	case status < 200:
	case status < 300: // the 2xx that come again are its owner's (RFC 6026 §7.1)
		tx.rememberLocked(false)
	default:
		tx.refuseLocked()
	}
	if err := tx.to.Send(raw); err != nil {
		tx.layer.log.Debug().Err(err).Str("call_id", tx.req.CallID()).Str("method", "INVITE").
			Str("src", tx.req.Flow.Sender()).Str("transport", tx.req.Flow.Transport()).Msg("SIP response not sent")
	}
}

// refuseLocked waits for the ACK (RFC 3261 §17.2.1); Timer G runs over datagrams
// only.
func (tx *inviteTx) refuseLocked() {
	tx.state, tx.gone = refusedState, nil
	tx.interval, tx.end = tx.layer.o.T1, time.Now().Add(64*tx.layer.o.T1)
	first := tx.interval
	if tx.to.Reliable() {
		first = 64 * tx.layer.o.T1
	}
	tx.timer = time.AfterFunc(first, tx.tick)
	tx.layer.invites.listRefused(tx)
}

// rememberLocked makes it an entry of the replay cache. It is there before it is
// gone from the table, so that nothing finds it in neither.
func (tx *inviteTx) rememberLocked(refused bool) {
	tx.settleLocked()
	tx.layer.replay.settle(tx.key, time.Now(), refused)
	tx.layer.invites.drop(tx)
	tx.layer.wheel.kick()
}

func (tx *inviteTx) settleLocked() {
	tx.stopLocked()
	tx.state, tx.last, tx.cancel, tx.gone = settledState, nil, nil, nil
}

func (tx *inviteTx) stopLocked() {
	if tx.timer != nil {
		tx.timer.Stop()
	}
}

// again is an INVITE that comes again: it gets the last response.
func (tx *inviteTx) again() {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.last != nil {
		_ = tx.to.Send(tx.last)
	}
}

// acknowledged takes the ACK; false: it is of a 2xx.
func (tx *inviteTx) acknowledged() bool {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	switch tx.state {
	case settledState: // it was answered meanwhile
		known, refused := tx.layer.replay.settled(tx.key, time.Now())
		return known && refused
	case refusedState:
		if tx.to.Reliable() { // Timer I is zero
			tx.settleLocked()
			tx.layer.invites.drop(tx)
		} else {
			tx.rememberLocked(true)
		}
	}
	return true
}

// cancels tells the owner, and answers 487 if nobody else has answered (RFC 3261
// §9.2).
func (tx *inviteTx) cancels(reasons []string) {
	tx.mu.Lock()
	if tx.state != unanswered || tx.req.Answered() {
		tx.mu.Unlock()
		return
	}
	f := tx.cancel
	again := tx.canceled
	tx.canceled, tx.reasons = true, reasons
	tx.mu.Unlock()
	if again {
		return
	}
	if f != nil {
		f()
	}
	if !tx.req.Answered() {
		tx.req.Reply(487)
	}
}

func (tx *inviteTx) onCancel(f func()) {
	tx.mu.Lock()
	canceled := tx.canceled
	if tx.state == unanswered {
		tx.cancel = f
	}
	tx.mu.Unlock()
	if canceled {
		f()
	}
}
