package calls

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/message"
	"lamplight/sip/transaction"
	"lamplight/sip/transport"
)

// ErrNoAnswer of ProberOptions.Way: the phone answers no OPTIONS though it is there.
var ErrNoAnswer = errors.New("calls: a phone that answers no OPTIONS")

// ProberOptions of a Prober; Tracker, Way and Send are required.
type ProberOptions struct {
	Tracker *Tracker
	// Way finds the flow to the end of a dialog; it may block until ctx ends.
	Way func(ctx context.Context, d *Dialog) (*transport.Flow, error)
	// Send is transaction.Layer's.
	Send func(f *transport.Flow, b *message.Builder, done func(*message.Message, error))
	// First is when a call of before a restart is asked about; default 20 s, so that
	// phones can come back before. Every is when any call is, again and again;
	// default 15 min.
	First, Every time.Duration
	// Pace is the time between two questions; default 20 ms.
	Pace time.Duration
}

// Validate names what is missing, and fills in what may be.
func (o *ProberOptions) Validate() error {
	if o.Tracker == nil || o.Way == nil || o.Send == nil {
		return errors.New("calls: a prober needs a tracker, a way and something to send with")
	}
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{{&o.First, 20 * time.Second}, {&o.Every, 15 * time.Minute}, {&o.Pace, 20 * time.Millisecond}} {
		if *d.v <= 0 {
			*d.v = d.d
		}
	}
	return nil
}

// Prober asks the agents' phones whether the calls without session timer are still
// there, for the BYE of such a call may be lost, with the server or with the phone.
//
// A request in a dialog counts the sender's numbers on (RFC 3261 §12.2.1.1), and
// these are not ours to count: were the phone told a number that the other end has
// not reached, it would refuse that end's next request, the BYE. So the question is
// an OPTIONS with the dialog's identifiers and the number 0, below what the other
// end has sent. A phone that has the dialog refuses it as out of order (§12.2.2: 500)
// or answers it, and changes nothing; one that has not says 481. An OPTIONS outside
// of the dialog would tell only that the phone is there, which its registration does.
//
//   - 481, 404 and silence end the leg of the phone's own agent, and no more: the
//     other end of a dead call is another phone, and asked by itself. The call is
//     never hung up on a doubt.
//   - Anything else is a sign of life. A phone that cannot be reached now is asked
//     again, and so is every call after a while.
//   - One question every Pace; one at a time about a call.
type Prober struct {
	o      ProberOptions
	life   context.Context //nolint:containedctx // the prober's own
	cancel context.CancelFunc
	work   sync.WaitGroup
}

// round is how often is looked who has to be asked.
const round = 5 * time.Second

// Probe starts a Prober; Close ends it.
func Probe(o ProberOptions) (*Prober, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	p := &Prober{o: o}
	p.life, p.cancel = context.WithCancel(context.Background())
	p.work.Go(p.run)
	return p, nil
}

// Close ends the prober; questions under way are forgotten.
func (p *Prober) Close() {
	p.cancel()
	p.work.Wait()
}

func (p *Prober) run() {
	looks := time.NewTicker(round)
	defer looks.Stop()
	pace := time.NewTicker(p.o.Pace)
	defer pace.Stop()
	for {
		select {
		case <-looks.C:
		case <-p.life.Done():
			return
		}
		for _, c := range p.o.Tracker.due(time.Now(), p.o.First, p.o.Every) {
			select {
			case <-pace.C:
				p.ask(c)
			case <-p.life.Done():
				return
			}
		}
	}
}

// probing is when a call is asked about next; Call.mu guards it.
type probing struct {
	at       time.Time // zero: nobody has thought of it
	misses   int       // how often there was no way
	restored bool      // it is of before a restart
}

// due are the calls to be asked about.
func (t *Tracker) due(now time.Time, first, every time.Duration) (out []*Call) {
	t.mu.Lock()
	all := make([]*Call, 0, len(t.calls))
	for _, c := range t.calls {
		all = append(all, c)
	}
	t.mu.Unlock()
	for _, c := range all {
		c.mu.Lock()
		if c.dueLocked(now, first, every) {
			out = append(out, c)
		}
		c.mu.Unlock()
	}
	return out
}

func (c *Call) dueLocked(now time.Time, first, every time.Duration) bool {
	if !c.answered || c.ended || slices.ContainsFunc(c.kept.sides(), func(s *side) bool { return !s.Leg.Expires.IsZero() }) {
		return false // its session timer ends it
	}
	if c.probing.at.IsZero() {
		c.probing.at = now.Add(every)
		if c.probing.restored {
			c.probing.at = now.Add(first)
		}
	}
	return !c.probing.at.After(now)
}

// ask asks the phones of a call's agents.
func (p *Prober) ask(c *Call) {
	c.mu.Lock()
	c.probing.at = time.Now().Add(p.o.Every)
	var ends []Dialog
	for _, toCaller := range []bool{false, true} {
		if d, ok := c.dialogLocked(toCaller); ok && !d.To.Agent.IsZero() {
			ends = append(ends, d)
		}
	}
	c.mu.Unlock()
	for i := range ends {
		d := &ends[i]
		f, err := p.way(d)
		if err != nil {
			c.unreached(err, p.o.Every)
			continue
		}
		p.o.Send(f, question(d), func(m *message.Message, err error) {
			switch {
			case errors.Is(err, transaction.ErrTimeout), err == nil && (m.Status == 481 || m.Status == 404 || m.Status == 408):
				c.part(d, err == nil && m.Status != 408)
			case err != nil:
				c.unreached(err, p.o.Every)
			default:
				c.alive()
			}
		})
	}
}

// wayTime bounds the search for a flow: others wait meanwhile.
const wayTime = 2 * time.Second

func (p *Prober) way(d *Dialog) (*transport.Flow, error) {
	ctx, cancel := context.WithTimeout(p.life, wayTime)
	defer cancel()
	return p.o.Way(ctx, d)
}

// question is the OPTIONS to one end, as if from the other.
func question(d *Dialog) *message.Builder {
	b := message.NewRequest("OPTIONS", d.End.Contact)
	for _, r := range d.End.Route {
		b.Add(message.Route, r)
	}
	from := d.From
	if from == "" {
		from = "sip:anonymous@anonymous.invalid"
	}
	return b.Add(message.MaxForwards, "70").Add(message.From, "<"+from+">;tag="+d.FromTag).Add(message.To, "<"+d.End.Contact+">;tag="+d.ToTag).
		Add(message.CallID, d.CallID).Add(message.CSeq, "0 OPTIONS").Add(message.Accept, "application/sdp")
}

func (c *Call) alive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.probing.misses = 0
}

// unreached asks again sooner: after a minute, then after twice as long.
func (c *Call) unreached(err error, every time.Duration) {
	if errors.Is(err, ErrNoAnswer) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.probing.at = time.Now().Add(min(time.Minute<<min(c.probing.misses, 8), every))
	c.probing.misses++
}

// part ends the leg of the end that knows the dialog no more; the other, if it is an
// agent's too, stays. said: it is so by its own word. Silence is a doubt, on which nothing
// is done to the call.
func (c *Call) part(d *Dialog, said bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	var gone *side
	for _, s := range []**side{&c.kept.Callee, &c.kept.Caller} {
		if *s != nil && (*s).Agent == d.To.Agent && d.ToTag == c.tagOf(*s) {
			if len(c.kept.sides()) == 1 && said {
				c.lostLocked(presence.CauseFactExpired)
				return
			}
			if len(c.kept.sides()) == 1 {
				c.endLocked(presence.CauseFactExpired, nothing)
				return
			}
			gone, *s = *s, nil
			break
		}
	}
	if gone == nil {
		return
	}
	c.applyLocked(presence.CauseFactExpired, gone, roster.EndLeg{ID: gone.Leg.ID}, nil)
	c.putAllLocked(presence.CauseFactExpired, nothing)
}

// tagOf is the tag of an agent's end.
func (c *Call) tagOf(s *side) string {
	if s == c.kept.Caller {
		return c.kept.FromTag
	}
	return c.kept.ToTag
}
