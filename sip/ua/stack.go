package ua

import (
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"lamplight/sip/message"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

// Errors matched by errors.Is.
var (
	ErrClosed = errors.New("ua: closed")
	// ErrBusy: the phone has as many calls as it may.
	ErrBusy = errors.New("ua: too many calls")
	// ErrAddress: what was typed is neither a number nor an address.
	ErrAddress = errors.New("ua: no address")
	// ErrState: the call is not where this makes sense.
	ErrState = errors.New("ua: not now")
)

// Options of a Stack.
type Options struct {
	// UserAgent is what phones call themselves, default "Lamplight".
	UserAgent string
	// T1 and T2 of RFC 3261 §17.1.2.1; 500 ms and 4 s.
	T1, T2 time.Duration
	Log    zerolog.Logger
}

// Stack is the transactions of all phones in here.
type Stack struct {
	o    Options
	tp   *transport.Layer
	tx   *transaction.Layer
	life sync.WaitGroup // timers that are at work

	mu     sync.Mutex
	phones map[*transport.Flow]*Phone // by its own end; guarded by mu
	closed bool                       // guarded by mu
}

// New makes a Stack. Close it.
func New(o Options) *Stack {
	if o.UserAgent == "" {
		o.UserAgent = "Lamplight"
	}
	if o.T1 <= 0 {
		o.T1 = 500 * time.Millisecond
	}
	if o.T2 <= 0 {
		o.T2 = 4 * time.Second
	}
	s := &Stack{o: o, phones: make(map[*transport.Flow]*Phone)}
	s.tp = transport.New(transport.Options{Log: o.Log, OnFlowClosed: s.flowClosed})
	s.tx = transaction.New(transaction.Options{
		Transport: s.tp, Handler: transaction.HandlerFunc(s.serve), Log: o.Log, T1: o.T1, T2: o.T2,
	})
	return s
}

// Close ends all phones, without a word to anybody: Phone.Close says goodbye.
func (s *Stack) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	err := errors.Join(s.tp.Close(), s.tx.Close())
	s.life.Wait()
	return err
}

// after calls f after d unless the stack is closed by then.
func (s *Stack) after(d time.Duration, f func()) *time.Timer {
	return time.AfterFunc(d, func() {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return
		}
		s.life.Add(1)
		s.mu.Unlock()
		defer s.life.Done()
		f()
	})
}

func (s *Stack) phone(f *transport.Flow) *Phone {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phones[f]
}

// flowClosed ends the phone whose flow has ended.
func (s *Stack) flowClosed(f *transport.Flow) {
	s.mu.Lock()
	p := s.phones[f]
	delete(s.phones, f)
	s.mu.Unlock()
	if p != nil {
		p.ended()
	}
}

// allow are the methods of a phone.
const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY"

// extensions are the option tags a phone tells. tag100rel it knows as well, of calls
// that come: it wants no reliable responses to its own.
const extensions = "timer, replaces, norefersub"

// serve takes one request (RFC 3261 §8.2).
func (s *Stack) serve(r *transaction.Request) {
	p := s.phone(r.Flow)
	if p == nil {
		refuse(r, 480, "")
		return
	}
	if no := r.UnsupportedExtensions(strings.Split(extensions+", "+tag100rel, ", ")...); len(no) > 0 && r.Method != "ACK" {
		r.Respond(message.NewResponse(r.Message, 420, "").Add(message.Unsupported, strings.Join(no, ", ")))
		return
	}
	if r.ToTag() != "" {
		if c := p.find(r.CallID(), r.ToTag()); c != nil && c.remoteIs(r.FromTag()) {
			c.within(r)
			return
		}
		refuse(r, 481, "") // an ACK is never answered
		return
	}
	switch r.Method {
	case "INVITE":
		p.invited(r)
	case "OPTIONS":
		r.Respond(p.describe(message.NewResponse(r.Message, 200, "")).Add(message.Accept, contentSDP))
	case "ACK":
	case "BYE", "PRACK", "UPDATE", "INFO", "REFER", "NOTIFY":
		refuse(r, 481, "")
	default:
		r.Respond(p.describe(message.NewResponse(r.Message, 405, "")))
	}
}

func refuse(r *transaction.Request, status int, phrase string) {
	r.Respond(message.NewResponse(r.Message, status, phrase))
}

const contentSDP = "application/sdp"

// sdp is the description that a message brings, nil for none.
func sdp(m *message.Message) []byte {
	kind, _, _ := strings.Cut(m.Get(message.ContentType), ";")
	if len(m.Body) == 0 || !strings.EqualFold(strings.TrimSpace(kind), contentSDP) {
		return nil
	}
	return m.Body
}
