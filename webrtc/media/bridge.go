package media

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"sync"
	"time"

	pion "github.com/pion/rtp"
	"github.com/pion/srtp/v3"
	"github.com/pion/webrtc/v4"

	"lamplight/webrtc/media/rtp"
	"lamplight/webrtc/media/sdp"
)

// Bridge is one call between a browser and a phone. Its methods may be called
// from any goroutine; those of the signalling wait for each other.
//
// Locks: mu, of the signalling, comes before a side's; no two sides are locked at
// once.
type Bridge struct {
	g *Gateway
	o BridgeOptions

	mu sync.Mutex // of the signalling; guards what follows
	// Toward the browser.
	pc      *connection
	page    *sdp.Description // an offer of the browser that waits for its answer
	browser agreed
	pending []webrtc.ICECandidateInit // until there is a description to add them to
	offered []sdp.Codec               // by an offer of ours that waits for its answer; nil: none
	renews  bool                      // that one has ICE that nobody has used yet
	// Toward the phone.
	home    *home // nil: nothing said yet; changed under the phone's side's lock too, as are
	sockets *pair // of it
	local   sdp.Local
	wrote   string           // our newest description
	offer   *sdp.Description // an offer of the phone that waits for its answer
	phone   agreed
	hold    bool
	mine    sdp.Crypto // what we encrypt with
	theirs  sdp.Crypto
	keyed   bool // keys are in use
	secure  bool // and nothing goes without them

	in  [2]*side // by Side
	mic microphone

	eventMu      sync.Mutex
	events       chan Event
	eventsClosed bool // guarded by eventMu

	stop    chan struct{} // closed by Close
	once    sync.Once
	gone    chan struct{} // closed when everything ended
	closing error
	taskMu  sync.Mutex
	closed  bool // guarded by taskMu
	tasks   sync.WaitGroup
}

// agreed is what one side has agreed to.
type agreed struct {
	codecs []sdp.Codec   // with its payload types; none: nothing agreed yet
	way    sdp.Direction // toward the phone: as we see it; of the browser: as it does
}

// side is the packets of one side; its lock is held for each of them.
type side struct {
	mu        sync.Mutex
	in        rtp.Reception // what comes from this side
	keys      rtp.Keys
	routes    [128]route // what becomes of it, by payload type
	open      bool       // it is passed on
	out       rtp.Stream // what is sent to this side
	sent      rtp.Sent
	rate      int // of what is sent
	report    rtp.Reporter
	due       time.Duration // the next report
	came      time.Duration // anything, reports included
	codec     string        // of what is sent
	events    uint8         // payload type of keys, if eventRate is not 0
	eventRate int
	heard     bool          // anything of the phone
	speaks    bool          // the browser should be sending
	waits     time.Duration // since when the phone should be sending
	timedOut  bool
	taken     bool   // the phone is in the call, and does not only ring
	holds     bool   // it wants nothing of us, so it need send nothing
	strays    uint64 // packets of strangers
	refused   uint64 // packets that could not be read or decrypted

	write  func(s *side, payload []byte) // sends header and payload; nil: nobody is there
	header pion.Header
	tell   func(m []byte) // sends a report to the browser
	up     bool           // there is a way for it
	keying bool           // keys of our own are being sent
	// Toward the phone.
	latch   latch
	reports netip.AddrPort // where its RTCP is; not valid: where its RTP is
	encrypt *srtp.Context
	decrypt *srtp.Context
	key     [sdp.KeySize]byte // of encrypt
	spare   pion.Header       // for what is read of a packet again
	plain   [maxPacket]byte
	secret  [maxPacket + maxTag]byte
}

const (
	maxPacket = 1500
	maxTag    = 32
)

func newBridge(g *Gateway, o BridgeOptions) *Bridge {
	b := &Bridge{
		g: g, o: o, events: make(chan Event, backlog), stop: make(chan struct{}), gone: make(chan struct{}),
		local: sdp.Local{ID: uint64(number()), Addr: g.homes[0].announce},
	}
	for i := range b.in {
		// RFC 3711 §3.3.1: beginning in the lower half, no receiver takes the first
		// packets for those after a rollover.
		s := &side{out: rtp.NewStream(number(), uint16(number()>>17), number()), rate: 8000} //nolint:gosec // fifteen bits
		s.report.CNAME = "lamplight-" + strconv.FormatUint(uint64(number()), 36)
		b.in[i] = s
	}
	return b
}

// enter counts one more task unless the bridge is closed.
func (b *Bridge) enter(f func()) {
	b.taskMu.Lock()
	defer b.taskMu.Unlock()
	if !b.closed {
		b.tasks.Go(f)
	}
}

// Hold stops the audio both ways, or lets it go on. The phone is told by the next
// OfferPhone; the browser need not know.
func (b *Bridge) Hold(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.hold != on {
		b.hold = on
		b.openLocked()
	}
}

// openLocked opens and shuts the ways as both sides have agreed.
func (b *Bridge) openLocked() {
	way, page := b.phone.way, b.browser.way
	met := b.phone.codecs != nil && b.browser.codecs != nil // before that nobody knows what is speech
	agreed := met && !b.hold
	for i, open := range [2]bool{
		Browser: agreed && way.Sends() && page.Sends(),
		Phone:   agreed && way.Receives() && page.Receives(),
	} {
		s := b.in[i]
		s.mu.Lock()
		if s.open != open {
			s.open = open
			s.in.Break()
		}
		s.holds = i == int(Phone) && !way.Sends()
		s.speaks = i == int(Browser) && met && page.Sends()
		s.mu.Unlock()
	}
}

// Close says goodbye to both sides, ends all that belongs to the call and waits
// for it.
func (b *Bridge) Close() error {
	b.once.Do(func() {
		close(b.stop)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.goodbye()
		b.taskMu.Lock()
		b.closed = true
		b.taskMu.Unlock()
		var errs []error
		if b.pc != nil {
			errs = append(errs, b.pc.GracefulClose())
		}
		if b.sockets != nil {
			errs = append(errs, b.home.ports.give(b.sockets, time.Now()))
		}
		b.tasks.Wait()
		b.g.m.ended(b.qualityNow())
		b.g.mu.Lock()
		delete(b.g.bridges, b)
		b.g.mu.Unlock()
		b.eventMu.Lock()
		b.eventsClosed = true
		close(b.events)
		b.eventMu.Unlock()
		if b.closing = errors.Join(errs...); b.closing != nil {
			b.closing = fmt.Errorf("media: close %s: %w", b.o.Name, b.closing)
		}
		close(b.gone)
	})
	<-b.gone
	return b.closing
}

// aliveLocked is ErrClosed once the bridge is closed.
func (b *Bridge) aliveLocked() error {
	select {
	case <-b.stop:
		return ErrClosed
	default:
		return nil
	}
}

// gathered waits until pion knows its own addresses.
func (b *Bridge) gathered(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-b.stop:
		return ErrClosed
	case <-ctx.Done():
		return fmt.Errorf("media: gather candidates: %w", ctx.Err())
	}
}
