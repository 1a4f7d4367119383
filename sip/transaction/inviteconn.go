package transaction

import (
	"net"

	"github.com/emiago/sipgo/sip"

	"lamplight/sip/message"
)

// An inviteTx is the sip.Connection that its own state machine writes to.
var _ sip.Connection = (*inviteTx)(nil)

// WriteMsg sends our last response, whatever skeleton of it sipgo holds. Before
// there is one, this is the 100 that sipgo makes by itself after 200 ms (RFC 3261
// §17.2.1).
func (tx *inviteTx) WriteMsg(sip.Message) error {
	tx.mu.Lock()
	if tx.last == nil {
		tx.status, tx.last = 100, message.NewResponse(tx.req.Message, 100, "").Bytes()
	}
	raw := tx.last
	tx.mu.Unlock()
	return tx.to.Send(raw)
}

// LocalAddr implements sip.Connection.
func (tx *inviteTx) LocalAddr() net.Addr { return tx.to.LocalAddr() }

// Ref implements sip.Connection; flows are not counted.
func (tx *inviteTx) Ref(int) int { return 1 }

// TryClose implements sip.Connection; the flow outlives the transaction.
func (tx *inviteTx) TryClose() (int, error) { return 1, nil }

// Close implements sip.Connection; the flow outlives the transaction.
func (tx *inviteTx) Close() error { return nil }
