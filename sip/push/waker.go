package push

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"lamplight/presence"
)

// Sleeper is a binding whose device only a push reaches.
type Sleeper struct {
	Binding string
	Device  presence.DeviceID
	Account string // the address of record
	Target
}

// Bindings is what a waker needs of a registrar.
type Bindings interface {
	// Sleeper tells how to wake the device of a binding; false if no push does.
	Sleeper(agent presence.AgentID, binding string) (Sleeper, bool)
	// Awake is the binding by which that device is there now, registered since then
	// if it is another one.
	Awake(agent presence.AgentID, s Sleeper, since time.Time) (binding string, ok bool)
	// EndPush takes the token from the binding, for good.
	EndPush(agent presence.AgentID, s Sleeper)
}

// Sender sends a push and tells what became of it; a Gateway is one.
type Sender interface {
	Send(m Message, done func(error))
}

// WakerOptions configure a waker. Bindings and Sender must be set.
type WakerOptions struct {
	Bindings Bindings
	Sender   Sender
	// Wait is how long a call waits for a device; default 8 s.
	Wait time.Duration
	// Waits is the most calls that wait at once; default 2000. One more is told at
	// once that its devices did not wake.
	Waits   int
	Log     zerolog.Logger        // default: none
	Metrics prometheus.Registerer // default: none
}

// Waker wakes devices for calls. It is told of every change of an agent's bindings
// by Changed. Its methods are safe from any goroutine.
type Waker struct {
	o       WakerOptions
	count   *wakerCounters
	waiting atomic.Int64   // len of all lists in waits
	timers  sync.WaitGroup // one for every timer that may yet fire

	mu     sync.Mutex
	waits  map[presence.AgentID][]*wait // mu
	last   map[string]Attempt           // mu; by binding
	closed bool                         // mu
}

// wait is one call and the devices it waits for.
type wait struct {
	agent   presence.AgentID
	began   time.Time
	asleep  []Sleeper // under the waker's mu: not woken yet, nor given up
	timer   *time.Timer
	telling sync.Mutex // held while on runs
	on      func(Event)
}

// Event is what became of one device: it woke, or it did not and why.
type Event struct {
	// Asked is the binding that slept, Binding the one by which the device is there
	// now: mostly the same.
	Asked, Binding string
	Woken          bool
	After          time.Duration // since the call asked
	Why            string        // it did not wake
	Last           bool          // no event follows
}

// Text says it in words.
func (e *Event) Text() string {
	if e.Woken {
		return "woken by push after " + strconv.FormatFloat(e.After.Seconds(), 'f', 1, 64) + " s"
	}
	return e.Why
}

// Attempt is the last time a device was to be woken.
type Attempt struct {
	At   time.Time
	Text string
}

// maxAttempts bounds what is remembered of attempts.
const maxAttempts = 4096

// slack admits a device that registered while the call was being decided.
const slack = 5 * time.Second

// NewWaker makes a waker. Close ends it.
func NewWaker(o WakerOptions) *Waker {
	if o.Wait <= 0 {
		o.Wait = 8 * time.Second
	}
	if o.Waits <= 0 {
		o.Waits = 2000
	}
	w := &Waker{o: o, waits: make(map[presence.AgentID][]*wait), last: make(map[string]Attempt)}
	w.count = newWakerCounters(w, o.Metrics)
	return w
}

// Wake pushes to the devices of an agent's sleeping bindings and calls on for each,
// once: when it has registered, or when it is clear that it will not in time.
// Calls of on come one after another, on any goroutine; they must not block, and
// may begin before Wake returns. stop does not wait: one that is about to begin may
// do so after it, no other.
func (w *Waker) Wake(agent presence.AgentID, bindings []string, call string, on func(Event)) (stop func()) {
	x := &wait{agent: agent, began: time.Now(), on: on}
	var unknown []string
	for _, id := range bindings {
		if s, ok := w.o.Bindings.Sleeper(agent, id); ok {
			x.asleep = append(x.asleep, s)
		} else {
			unknown = append(unknown, id)
		}
	}
	push := slices.Clone(x.asleep)
	refused := w.add(x)
	for i, id := range unknown {
		w.tell(x, Event{Asked: id, Why: "no push can wake it", Last: i == len(unknown)-1 && len(push) == 0})
	}
	if refused != "" {
		for i := range push {
			w.tell(x, Event{Asked: push[i].Binding, Why: refused, Last: i == len(push)-1})
		}
		return func() {}
	}
	w.look(x) // it may have registered before it was noted here
	for i := range push {
		s := push[i]
		m := Message{Target: s.Target, Account: s.Account, Call: call, Until: x.began.Add(w.o.Wait)}
		w.o.Sender.Send(m, func(err error) { w.sent(x, s, err) })
	}
	return func() { w.remove(x) }
}

// add notes the wait, or says why it cannot be.
func (w *Waker) add(x *wait) (refused string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return "the server is stopping"
	case len(x.asleep) == 0:
		return ""
	case w.waiting.Load() >= int64(w.o.Waits):
		return "too many calls wait for mobiles"
	}
	w.waits[x.agent] = append(w.waits[x.agent], x)
	w.waiting.Add(1)
	w.timers.Add(1)
	x.timer = time.AfterFunc(w.o.Wait, func() {
		defer w.timers.Done()
		w.giveUp(x, "did not wake within "+w.o.Wait.String())
	})
	return ""
}

// Changed looks whether one of those that are waited for has registered. It is
// cheap while no call waits.
func (w *Waker) Changed(agent presence.AgentID) {
	if w.waiting.Load() == 0 {
		return
	}
	w.mu.Lock()
	list := slices.Clone(w.waits[agent])
	w.mu.Unlock()
	for _, x := range list {
		w.look(x)
	}
}

func (w *Waker) look(x *wait) {
	w.mu.Lock()
	asleep := slices.Clone(x.asleep)
	w.mu.Unlock()
	for _, s := range asleep {
		if id, ok := w.o.Bindings.Awake(x.agent, s, x.began.Add(-slack)); ok {
			w.end(x, s, Event{Asked: s.Binding, Binding: id, Woken: true})
		}
	}
}

// sent is what became of a push. One that was taken says nothing yet.
func (w *Waker) sent(x *wait, s Sleeper, err error) {
	switch {
	case err == nil:
	case isGone(err):
		w.o.Bindings.EndPush(x.agent, s)
		w.end(x, s, Event{Asked: s.Binding, Why: "its push token is no longer valid"})
	default:
		w.end(x, s, Event{Asked: s.Binding, Why: "it could not be woken: " + why(err)})
	}
}

// end tells of one device, if that has not been done.
func (w *Waker) end(x *wait, s Sleeper, e Event) {
	x.telling.Lock()
	defer x.telling.Unlock()
	e.After = time.Since(x.began)
	w.mu.Lock()
	i := slices.IndexFunc(x.asleep, func(y Sleeper) bool { return y.Binding == s.Binding })
	if i < 0 {
		w.mu.Unlock()
		return
	}
	x.asleep = slices.Delete(x.asleep, i, i+1)
	e.Last = len(x.asleep) == 0
	w.rememberLocked(&e)
	if e.Last {
		w.dropLocked(x)
	}
	w.mu.Unlock()
	w.count.event(&e)
	w.o.Log.Debug().Stringer("agent", x.agent).Stringer("device", s.Target).Str("outcome", e.Text()).Msg("mobile to be woken")
	x.on(e)
}

// tell is end for a device that was never waited for.
func (w *Waker) tell(x *wait, e Event) {
	x.telling.Lock()
	defer x.telling.Unlock()
	w.count.event(&e)
	x.on(e)
}

// giveUp ends whoever has not woken.
func (w *Waker) giveUp(x *wait, why string) {
	w.mu.Lock()
	asleep := slices.Clone(x.asleep)
	w.mu.Unlock()
	for _, s := range asleep {
		w.end(x, s, Event{Asked: s.Binding, Why: why})
	}
}

// remove ends the wait without a word.
func (w *Waker) remove(x *wait) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x.asleep = nil
	w.dropLocked(x)
}

func (w *Waker) dropLocked(x *wait) {
	list := w.waits[x.agent]
	i := slices.Index(list, x)
	if i < 0 {
		return
	}
	if list = slices.Delete(list, i, i+1); len(list) == 0 {
		delete(w.waits, x.agent)
	} else {
		w.waits[x.agent] = list
	}
	w.waiting.Add(-1)
	if x.timer.Stop() {
		w.timers.Done()
	}
}

func (w *Waker) rememberLocked(e *Event) {
	binding := e.Asked
	if e.Woken {
		binding = e.Binding
	}
	if _, known := w.last[binding]; !known && len(w.last) >= maxAttempts {
		for old := range w.last { // any of them
			delete(w.last, old)
			break
		}
	}
	w.last[binding] = Attempt{time.Now(), e.Text()}
}

// Last is the last attempt to wake the device of a binding, for diagnostics.
func (w *Waker) Last(binding string) (Attempt, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	a, ok := w.last[binding]
	return a, ok
}

// refreshTime is how long a push to refresh is worth something.
const refreshTime = 4 * time.Minute

// Refresh has a sleeping device register anew, because its registration ends soon.
// Nobody waits for it: a device that does not is unregistered.
func (w *Waker) Refresh(agent presence.AgentID, s Sleeper) {
	m := Message{Target: s.Target, Account: s.Account, Refresh: true, Until: time.Now().Add(refreshTime)}
	w.o.Sender.Send(m, func(err error) {
		if isGone(err) {
			w.o.Bindings.EndPush(agent, s)
		}
	})
}

// Close tells every call that waits that its devices did not wake.
func (w *Waker) Close() error {
	w.mu.Lock()
	w.closed = true
	var all []*wait
	for _, list := range w.waits {
		all = append(all, list...)
	}
	w.mu.Unlock()
	for _, x := range all {
		w.giveUp(x, "the server is stopping")
	}
	w.timers.Wait()
	w.count.unregister()
	return nil
}
