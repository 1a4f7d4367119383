// Package fork passes an INVITE on to many places, at once or one after another,
// and brings back one answer (RFC 3261 §16, RFC 6026, RFC 5393). It knows SIP and
// nothing of agents: who calls it says where the call goes.
//
// # Guarantees
//
//   - The caller hears 100 at once, every other provisional response as it comes,
//     and exactly one final response; a 2xx that comes again is passed on again.
//   - Who answers first has the call. The others are canceled with the reason
//     that it was answered elsewhere, so that no phone shows a missed call, and
//     whoever answers all the same is released by ACK and BYE.
//   - What has to be settled before the caller hears of the answer is (Plan.Settle);
//     a caller that gives up meanwhile has given up, and who answered is released.
//   - A call may wait without a branch (Plan.Late), and its caller be told so by
//     responses of our own (Call.Provisional). No timer ends that but Plan.Ring.
//   - A CANCEL waits for its branch's provisional response (§9.1). A caller's
//     CANCEL ends every branch; what crosses it is released too.
//   - A caller whose stream ends is looked for, for Options.Grace (Plan.Return). An answer
//     waits for him that long; if he is not found, the call ends as if he had taken it
//     back, and nobody goes on ringing for him. A 2xx that comes again finds him, too.
//   - Every branch ends: by its final response, by Timer B or C, by its ringing
//     time, or with its flow.
//   - A place with several ways (Target.Next) is tried by one after the other as long
//     as it has not rung, see Way; by how many is bounded (maxWays).
//   - A redirection is followed if the plan lets it, to a bounded number and depth of
//     places, each once (Plan.Redirect).
//   - No more branches are open at once than Max-Breadth lets (RFC 5393 §5): those
//     in excess count as 440.
//   - Events of one call are told one after the other, in the order in which
//     things happened; after Over nothing is told.
package fork

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

// Transactions is what it uses of transaction.Layer.
type Transactions interface {
	Invite(f *transport.Flow, branch string, b *message.Builder, got func(*message.Message, error)) *transaction.Outgoing
	Send(f *transport.Flow, b *message.Builder, done func(*message.Message, error))
	SendRaw(f *transport.Flow, branch string, raw []byte, done func(*message.Message, error))
	Via(f *transport.Flow, branch string) string
}

// Options of a Forker. Transactions is required.
type Options struct {
	Transactions Transactions
	Log          zerolog.Logger
	// TimerC is how long a branch may ring without a word; default 3 min 10 s
	// (RFC 3261 §16.6 step 11: more than 3 minutes).
	TimerC time.Duration
	// Breadth is how many branches a call that says nothing of it may have open at
	// once, here and behind us; default 60 (RFC 5393 §5.3.3).
	Breadth int
	// Grace is how long a call goes on whose caller's stream has ended, for him to be
	// found again; default 5 s.
	Grace time.Duration
}

// Forker begins calls.
type Forker struct {
	o      Options
	seed   maphash.Seed
	life   context.Context //nolint:containedctx // the forker's own
	cancel context.CancelFunc

	mu     sync.Mutex
	closed bool // guarded by mu
	// assuring are the calls that wait for a PRACK; guarded by mu
	assuring map[dialog]*Call
	work     sync.WaitGroup // searches for flows, answers on their way; none begins once closed
}

// New makes a Forker.
func New(o Options) *Forker {
	if o.TimerC <= 0 {
		o.TimerC = 190 * time.Second
	}
	if o.Breadth <= 0 {
		o.Breadth = 60
	}
	if o.Grace <= 0 {
		o.Grace = 5 * time.Second
	}
	f := &Forker{o: o, seed: maphash.MakeSeed(), assuring: make(map[dialog]*Call)}
	f.life, f.cancel = context.WithCancel(context.Background())
	return f
}

// Close ends the searches for flows. Calls end with the transaction layer.
func (f *Forker) Close() {
	f.cancel()
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.work.Wait()
}

// Go does something on a goroutine that Close waits for; nothing once it is closed.
func (f *Forker) Go(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.work.Go(do)
	}
}

// Target is one place to ring.
type Target struct {
	ID  string
	URI string // Request-URI there
	// Route leads there, first hop first (RFC 3327 §5.3).
	Route []string
	// Flow is how to send there. Where it is nil, Reach finds it; it may block
	// until ctx ends, and then the branch has failed.
	Flow  *transport.Flow
	Reach func(ctx context.Context) (*transport.Flow, error)
	// Next, where it is set, finds one way after another instead of both; it may block
	// until ctx ends. An error says that there is none left.
	Next func(ctx context.Context) (Way, error)
	// Outside says that a server is there and no phone of ours.
	Outside bool
	// Shift is how far the numbers of CSeq are ahead there of the caller's own.
	Shift uint32
	// Ring is how long it may ring; zero: as long as Timer C lets it.
	Ring time.Duration
	// Headers are added to what is sent there.
	Headers []message.Header
}

// Step is a set of targets that ring together, After the call began, or as soon
// as everything before has failed.
type Step struct {
	After   time.Duration
	Targets []Target
}

// Plan is where a call goes.
type Plan struct {
	Steps []Step
	// Ring bounds the ringing of the whole call; zero: not.
	Ring time.Duration
	// RecordRoute is what our own Record-Route on a branch says, topmost first;
	// nil: we do not stay in the way of the call.
	RecordRoute func(to *transport.Flow) []string
	// Late: more places may be added, so the call is not refused before Release.
	Late bool
	// Dry, if set, is called when nothing rings and nothing will, but for what may
	// still be added: at the beginning where there are no steps, and each time that
	// everything added has failed. It runs on a goroutine of its own.
	Dry func(*Call)
	// Many: the places are different people's, so that one who declines for good
	// (6xx) speaks for no other.
	Many bool
	// InDialog: the INVITE is within a dialog, which an answer nobody waits for
	// must not end.
	InDialog bool
	// Redirect finds the place that a contact of a redirection means (RFC 3261 §16.5),
	// from is who gave it; false: it is not to be followed. nil: none is, the caller
	// gets the redirection. It must not block.
	Redirect func(from *Target, contact message.NameAddr) (Target, bool)
	// Media may have other descriptions pass; nil: all pass as they are.
	Media Media
	// Strip names headers that are not passed on.
	Strip []message.Name
	// Return finds the flow by which the caller is reached now: another one when his
	// stream has ended, for which it may wait until ctx ends. It is asked for as long as a
	// 2xx comes again, too, when his stream may be as it was. nil, or an error: there is
	// none, and the call is given up.
	Return func(ctx context.Context) (*transport.Flow, error)
	// Refuse, if set, may replace the refusal that is about to be given, such as
	// by its reason; it must not block.
	Refuse func(status int, b *message.Builder)
	// Tell is told what happens; nil: nobody. It must not block.
	Tell func(Event)
	// Settle, if set, is told of Answered instead, and calls then once, on any
	// goroutine: only after that the caller hears of the answer. It must not block.
	Settle func(e Event, then func())
}

// What says what happened.
type What uint8

// The events of a call. Tried, Ringing, Answered, Failed, Canceled and Moved are of
// a branch, Away and Back of the caller, Over is the last of the call.
const (
	Tried    What = iota // an INVITE was sent there
	Ringing              // a provisional response other than 100
	Answered             // the 2xx that has the call
	Failed               // a refusal, Status says which; 408 for silence
	Canceled             // it need not ring any more
	Over                 // the call has its final response, in Status
	Moved                // that way did not take it, by Status, and another is tried; 3xx: it is followed
	Away                 // the caller's stream has ended
	Back                 // he is reached by another one
)

// Event is one thing that happened.
type Event struct {
	What   What
	Target string           // its ID; empty with Over, Away and Back
	Way    string           // name of the way there; empty: it has but one
	Status int              // of the response
	Res    *message.Message // the response, nil where there was none
	Flow   *transport.Flow  // of the branch
	At     time.Time
}

// loopMark is what our branches end with: the same for the same request at the
// same place, so that one that comes back unchanged is known (RFC 5393 §4.2).
func (f *Forker) loopMark(m *message.Message) string {
	var h maphash.Hash
	h.SetSeed(f.seed)
	_, method := m.CSeq()
	for _, s := range []string{m.URI, m.FromTag(), m.ToTag(), m.CallID(), method, m.Get(message.Route), m.Get(message.ProxyAuthorization)} {
		h.WriteString(s)
		h.WriteByte(0)
	}
	const digits = "0123456789abcdef"
	b := []byte("-l")
	for sum, i := h.Sum64(), 0; i < 16; i++ {
		b = append(b, digits[sum&15])
		sum >>= 4
	}
	return string(b)
}

// looped reports whether the request has been here as it is.
func looped(m *message.Message, mark string) bool {
	return slices.ContainsFunc(m.Values(message.Via), func(v string) bool {
		return message.ViaBranch(v, mark)
	})
}
