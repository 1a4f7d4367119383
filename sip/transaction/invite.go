package transaction

import (
	"log/slog"
	"sync"

	"github.com/emiago/sipgo/sip"

	"lamplight/sip/message"
	"lamplight/sip/transport"
)

// mailRoom is how many retransmissions, ACKs and CANCELs wait for one INVITE;
// beyond that they are dropped, as the network might have done.
const mailRoom = 8

// inviteTable is the INVITE server transactions by key.
type inviteTable struct {
	layer     *Layer
	most      int
	mostBytes int

	mu     sync.Mutex
	m      map[string]*inviteTx // guarded by mu
	bytes  int                  // of their requests; guarded by mu
	closed bool                 // guarded by mu
}

// inviteTx is one INVITE server transaction (RFC 3261 §17.2.1, RFC 6026 §7.1).
// sipgo's state machine keeps state and timers; it is shown skeletons of our
// messages, and what it decides to send is sent as our own bytes.
type inviteTx struct {
	layer *Layer
	key   string
	req   *Request
	fsm   *sip.ServerTx
	inbox chan mail
	to    *transport.Flow

	answering sync.Mutex // held while one response goes through fsm; before mu

	mu       sync.Mutex
	canceled bool   // guarded by mu
	cancel   func() // guarded by mu
	status   int    // of the last response, 0: none; guarded by mu
	last     []byte // the last response; guarded by mu
}

// mail is what the network brings to an INVITE transaction.
type mail struct {
	invite bool     // a retransmission
	ack    *Request // for a final response
	cancel bool
}

func newInviteTable(l *Layer, most, mostBytes int) *inviteTable {
	return &inviteTable{layer: l, most: most, mostBytes: mostBytes, m: make(map[string]*inviteTx)}
}

// inviteKey is the key of the INVITE that an INVITE, ACK or CANCEL belongs to.
func inviteKey(m *message.Message) string {
	var room [256]byte
	return string(appendKey(room[:0], m, "INVITE"))
}

func (t *inviteTable) find(k string) *inviteTx {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.m[k]
}

func (t *inviteTable) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.m)
}

// invite enters an INVITE; a retransmission goes to its transaction.
func (t *inviteTable) invite(r *Request) {
	k := inviteKey(r.Message)
	t.mu.Lock()
	if tx := t.m[k]; tx != nil {
		t.mu.Unlock()
		t.layer.metric.retransmission()
		tx.post(mail{invite: true})
		return
	}
	if t.closed || len(t.m) >= t.most || t.bytes+len(r.Raw) > t.mostBytes {
		t.mu.Unlock()
		t.layer.metric.drop("overload")
		r.Reply(503, message.Header{Name: message.RetryAfter, Value: "5"})
		return
	}
	tx := &inviteTx{layer: t.layer, key: k, req: r, inbox: make(chan mail, mailRoom), to: responseFlow(r)}
	r.invite = tx
	origin := sip.NewRequest(sip.INVITE, sip.Uri{})
	origin.SetTransport(r.Flow.Transport())
	tx.fsm = sip.NewServerTx(k, origin, tx, slog.New(slog.DiscardHandler))
	t.m[k] = tx
	t.bytes += len(r.Raw)
	t.layer.wg.Add(1)
	t.mu.Unlock()
	_ = tx.fsm.Init()
	go tx.run()
	t.layer.handler.ServeSIP(r)
}

// ack takes an ACK to its INVITE; false: it belongs to none, so to a 2xx.
func (t *inviteTable) ack(r *Request) bool {
	tx := t.find(inviteKey(r.Message))
	if tx == nil {
		return false
	}
	tx.mu.Lock()
	status := tx.status
	tx.mu.Unlock()
	if status >= 200 && status < 300 {
		return false // an old peer that reuses the branch for the ACK of a 2xx
	}
	tx.post(mail{ack: r})
	return true
}

func (t *inviteTable) close() {
	t.mu.Lock()
	t.closed = true
	all := make([]*inviteTx, 0, len(t.m))
	for _, tx := range t.m {
		all = append(all, tx)
	}
	t.mu.Unlock()
	for _, tx := range all {
		tx.fsm.Terminate()
	}
}

// post never blocks the reader.
func (tx *inviteTx) post(m mail) {
	select {
	case tx.inbox <- m:
	default:
		tx.layer.metric.drop("invite_mailbox")
	}
}

// run takes the mail in order until the state machine ends.
func (tx *inviteTx) run() {
	defer tx.layer.wg.Done()
	defer func() {
		t := tx.layer.invites
		t.mu.Lock()
		delete(t.m, tx.key)
		t.bytes -= len(tx.req.Raw)
		t.mu.Unlock()
	}()
	for {
		select {
		case <-tx.fsm.Done():
			return
		case <-tx.fsm.Acks(): // nobody waits for them; without a reader each costs a goroutine
		case m := <-tx.inbox:
			tx.handle(m)
		}
	}
}

func (tx *inviteTx) handle(m mail) {
	switch {
	case m.cancel:
		tx.handleCancel()
	case m.ack != nil:
		_ = tx.fsm.Receive(sip.NewRequest(sip.ACK, sip.Uri{}))
	default:
		_ = tx.fsm.Receive(sip.NewRequest(sip.INVITE, sip.Uri{}))
	}
}

// handleCancel tells the owner, and answers 487 if nobody else has answered
// (RFC 3261 §9.2). sipgo's own CANCEL is not used: it calls back under its lock.
func (tx *inviteTx) handleCancel() {
	if tx.req.Answered() {
		return
	}
	tx.mu.Lock()
	tx.canceled = true
	f := tx.cancel
	tx.mu.Unlock()
	if f != nil {
		f()
	}
	if !tx.req.Answered() {
		tx.req.Reply(487)
	}
}

func (tx *inviteTx) onCancel(f func()) {
	tx.mu.Lock()
	tx.cancel = f
	canceled := tx.canceled
	tx.mu.Unlock()
	if canceled {
		f()
	}
}

// respond shows the state machine a skeleton that stands for these bytes. One at
// a time, and nothing after a final one: sipgo would remember a late provisional
// one as the response to repeat.
func (tx *inviteTx) respond(status int, raw []byte) {
	tx.answering.Lock()
	defer tx.answering.Unlock()
	tx.mu.Lock()
	if tx.status >= 200 {
		tx.mu.Unlock()
		return
	}
	tx.status, tx.last = status, raw
	tx.mu.Unlock()
	_ = tx.fsm.Respond(sip.NewResponse(status, ""))
}
