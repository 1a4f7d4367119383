package featurecode

import (
	"cmp"
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/presence/desk"
	"lamplight/presence/directory"
	"lamplight/presence/roster"
	"lamplight/sip/events/worklist"
	"lamplight/sip/message"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

// Transactions is what is used of transaction.Layer.
type Transactions interface {
	Send(f *transport.Flow, b *message.Builder, done func(*message.Message, error))
	LocalURI(f *transport.Flow, user string) string
}

// Roster is what is used of roster.Roster.
type Roster interface {
	Apply(a presence.AgentID, c roster.Change, done func(*presence.Snapshot, error))
	Snapshot(presence.AgentID) (*presence.Snapshot, bool)
}

// Desks is what is used of desk.Desks.
type Desks interface {
	Login(ctx context.Context, l desk.Login) (presence.Assignment, error)
	Logout(ctx context.Context, d presence.DeviceID, actor string) error
}

// Options of a server. Directory, Roster and Transactions are required; the zero
// value of everything else is useful.
type Options struct {
	Directory    *directory.Directory
	Roster       Roster
	Transactions Transactions
	Desks        Desks // nil: hot desks cannot be dialled
	// Calls is how many calls may wait for their ACK or the end of their BYE;
	// default 10,000.
	Calls   int
	Log     zerolog.Logger        // default: none
	Metrics prometheus.Registerer // default: none
}

// Validate names what is missing.
func (o Options) Validate() error {
	if o.Directory == nil || o.Roster == nil || o.Transactions == nil {
		return errors.New("featurecode: directory, roster and transactions are required")
	}
	return nil
}

// Server is safe for concurrent use.
type Server struct {
	o       Options
	work    *worklist.List[func()]
	workers sync.WaitGroup
	count   *prometheus.CounterVec
	life    context.Context //nolint:containedctx // of the server, for what a code has a hot desk do
	cancel  context.CancelFunc

	mu      sync.Mutex
	calls   map[callKey]*call // guarded by mu
	pending int               // codes being carried out; guarded by mu
	merged  merged            // guarded by mu
	closed  bool              // guarded by mu
	timers  sync.WaitGroup    // calls whose timer runs
}

// workers is how many codes may wait for a PIN to be checked at one time.
const workers = 4

// New starts a server; Close ends it.
func New(o Options) (*Server, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o.Calls = cmp.Or(o.Calls, 10_000)
	s := &Server{o: o, work: worklist.New[func()](), calls: make(map[callKey]*call)}
	s.life, s.cancel = context.WithCancel(context.Background())
	s.count = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lamplight_feature_codes_total", Help: "Feature codes dialled, by what they do and the answer.",
	}, []string{"code", "status"})
	if o.Metrics != nil {
		if err := o.Metrics.Register(s.count); err != nil {
			return nil, err
		}
	}
	for range workers {
		s.workers.Go(func() { s.work.Work(func(f func()) { f() }) })
	}
	return s, nil
}

// Close ends the goroutines. Calls that wait for their ACK are forgotten.
func (s *Server) Close() error {
	s.cancel()
	s.mu.Lock()
	s.closed = true
	for _, c := range s.calls {
		s.stopLocked(c)
	}
	s.mu.Unlock()
	s.timers.Wait()
	s.work.Close()
	s.workers.Wait()
	return nil
}

// Caller is who dialled.
type Caller struct {
	Domain   *presence.Domain
	Device   presence.DeviceID
	Username string
	Agent    presence.AgentID // zero: the device is nobody's
}

// Serve answers an INVITE of a device of ours if it is to a feature code. It does
// not block.
func (s *Server) Serve(r *transaction.Request, by Caller) bool {
	uri, err := message.ParseURI(r.URI)
	if err != nil {
		return false
	}
	codes, dialled := &by.Domain.Policy.Codes, uri.UserDecoded()
	code, rest, ok := codes.Find(dialled)
	switch {
	case ok:
	case !codes.Looks(dialled) || s.number(by.Domain, dialled):
		return false
	default:
		s.refuse(r, "unknown", 404, "There is no such feature code")
		return true
	}
	d := &dialling{r: r, by: by, code: code, rest: rest, quiet: !codes.Refuse}
	if d.quiet && !s.media(d) {
		return true
	}
	switch s.admit(r) {
	case fresh:
		s.carryOut(d)
	case known:
		s.refuse(r, string(code.Does), 482, "The same call came by another way")
	case full:
		s.retryLater(r, string(code.Does))
	}
	return true
}

// number reports whether somebody has it for a number.
func (s *Server) number(dom *presence.Domain, dialled string) bool {
	_, ok := s.o.Directory.AgentByNumber(dom.ID, dialled)
	if !ok {
		_, ok = s.o.Directory.AgentByAOR(dialled, dom.Name())
	}
	return ok
}

// dialling is one code on its way.
type dialling struct {
	r     *transaction.Request
	by    Caller
	code  presence.FeatureCode
	rest  string
	quiet bool       // answered with a 200 without media
	sdp   []byte     // of that
	free  func(bool) // see Accept; nil: nobody waits
}

// media prepares the body of a 200; false: the request was answered.
func (s *Server) media(d *dialling) bool {
	typ, _, _ := strings.Cut(d.r.Get(message.ContentType), ";")
	if len(d.r.Body) > 0 && !strings.EqualFold(strings.TrimSpace(typ), "application/sdp") {
		s.respond(d.r, string(d.code.Does), message.NewResponse(d.r.Message, 415, "").Add(message.Accept, "application/sdp"))
		return false
	}
	var ok bool
	if d.sdp, ok = silence(d.r.Body, d.r.Flow.Host(), uint64(d.r.At.Unix())); !ok {
		s.refuse(d.r, string(d.code.Does), 488, "The description of the media cannot be read")
	}
	return ok
}

// refuse answers with a status whose reason is said in words (RFC 3326).
func (s *Server) refuse(r *transaction.Request, code string, status int, why string) {
	b := message.NewResponse(r.Message, status, "")
	b.Add(message.Reason, "SIP;cause="+strconv.Itoa(status)+";text="+message.Quote(why))
	s.respond(r, code, b)
}

func (s *Server) retryLater(r *transaction.Request, code string) {
	s.respond(r, code, message.NewResponse(r.Message, 503, "").AddInt(message.RetryAfter, 5))
}

func (s *Server) respond(r *transaction.Request, code string, b *message.Builder) {
	s.count.WithLabelValues(code, strconv.Itoa(b.Status())).Inc()
	r.Respond(b)
}

// The outcomes of admit.
type admission uint8

const (
	fresh admission = iota
	known
	full
)

// admit takes an INVITE in, once, if there is room.
func (s *Server) admit(r *transaction.Request) admission {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed || len(s.calls)+s.pending >= s.o.Calls:
		return full
	case s.merged.seen(r.CallID()+"\x00"+r.FromTag()+"\x00"+r.Get(message.CSeq), time.Now()):
		return known
	}
	s.pending++
	return fresh
}

// merged remembers INVITEs between 32 and 64 s, in two generations.
type merged struct {
	now, old map[string]struct{}
	turn     time.Time
}

const (
	mergedLife = 32 * time.Second
	maxMerged  = 1 << 14
)

func (m *merged) seen(key string, now time.Time) bool {
	if age := now.Sub(m.turn); age >= mergedLife || len(m.now) >= maxMerged {
		if m.old = m.now; age >= 2*mergedLife {
			m.old = nil
		}
		m.now, m.turn = make(map[string]struct{}), now
	}
	_, is := m.now[key]
	_, was := m.old[key]
	m.now[key] = struct{}{}
	return is || was
}
