package transaction

import (
	"net"

	"github.com/emiago/sipgo/sip"

	"lamplight/sip/message"
)

// An inviteTx is the sip.Connection that its own state machine writes to.
var _ sip.Connection = (*inviteTx)(nil)

// WriteMsg sends the bytes that a skeleton stands for. The one response that
// sipgo makes by itself is the 100 after 200 ms (RFC 3261 §17.2.1).
func (tx *inviteTx) WriteMsg(m sip.Message) error {
	res, ok := m.(*sip.Response)
	if !ok {
		return nil
	}
	tx.mu.Lock()
	raw, ours := tx.sent[res]
	if !ours {
		raw = message.NewResponse(tx.req.Message, res.StatusCode, "").Bytes()
		tx.sent[res] = raw
	}
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
