//go:build testbench

package crash

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"lamplight/testbench/load/phone"
)

// What was counted, by the index of world.counts.
const (
	registered = iota
	subscribed
	published
	selected
	unknown // operations whose outcome the crash hid
	refused
)

// outcome sorts an answer; certain is false if nobody knows whether it was done.
func (w *world) outcome(what int, res phone.Response, err error) (done, certain bool) {
	switch {
	case err != nil:
		w.counts[unknown].Add(1)
		return false, false
	case res.Status == 200:
		w.counts[what].Add(1)
		return true, true
	case res.Status == 503: // said: not done
		w.counts[refused].Add(1)
		return false, true
	}
	w.t.Errorf("answered %d:\n%s", res.Status, res.Raw)
	return false, true
}

// desk is a phone that registers one to three contacts, refreshes and lets go.
type desk struct {
	w *world
	p *phone.Phone
	// acked are the contacts the server said it holds; maybe is what it would
	// hold had the operation that got no answer been carried out.
	acked, maybe map[int]bool
}

func (d *desk) act(r *rand.Rand) {
	time.Sleep(time.Duration(r.IntN(20)) * time.Millisecond)
	if d.maybe != nil {
		return // first let the check find out
	}
	next := maps.Clone(d.acked)
	if next == nil {
		next = map[int]bool{}
	}
	var contact string
	n := r.IntN(3)
	switch r.IntN(10) {
	case 0:
		delete(next, n)
		contact = fmt.Sprintf("<%s>;expires=0", d.p.Contact(n))
	case 1, 2, 3:
		next[n] = true
		contact = fmt.Sprintf("<%s>;expires=%d;q=0.%d", d.p.Contact(n), 600+r.IntN(600), 1+r.IntN(9))
	default:
		next[n] = true
		contact = fmt.Sprintf("<%s>;expires=900", d.p.Contact(n))
	}
	res, err := d.p.Register(contact)
	switch done, certain := d.w.outcome(registered, res, err); {
	case done:
		d.acked = next
	case !certain:
		d.maybe = next
	}
}

// held asks the registrar what it holds.
func (d *desk) held() (map[int]bool, error) {
	res, err := d.p.Register()
	if err != nil || res.Status != 200 {
		return nil, fmt.Errorf("query of %s: %d %w", d.p.User, res.Status, err)
	}
	got := map[int]bool{}
	all := strings.Join(res.All("Contact"), ",")
	for n := range 3 {
		if strings.Contains(all, d.p.Contact(n)+">") {
			got[n] = true
		}
	}
	return got, nil
}

// check wants exactly what was acknowledged, or what was under way.
func (d *desk) check() error {
	got, err := d.held()
	if err != nil {
		return err
	}
	if !maps.Equal(got, d.acked) && (d.maybe == nil || !maps.Equal(got, d.maybe)) {
		return fmt.Errorf("%s: contacts %v, acknowledged were %v (under way %v)", d.p.User,
			slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(d.acked)), slices.Sorted(maps.Keys(d.maybe)))
	}
	d.acked, d.maybe = got, nil
	return nil
}

// watch is a subscription that is refreshed.
type watch struct {
	w     *world
	s     *phone.Watch
	acked bool
}

func (s *watch) act(r *rand.Rand) {
	time.Sleep(time.Duration(5+r.IntN(30)) * time.Millisecond)
	if s.s.State().Notifies > 0 && r.IntN(4) > 0 {
		return
	}
	res, err := s.s.Subscribe(600 + r.IntN(600))
	if done, _ := s.w.outcome(subscribed, res, err); done {
		s.acked = true
	}
}

// stream is a phone on TCP that registers and watches.
type stream struct {
	w    *world
	line *phone.Line
	d    *desk
	s    *watch
}

func (s *stream) act(r *rand.Rand) {
	if r.IntN(2) == 0 {
		s.d.act(r)
		return
	}
	s.s.act(r)
}

// caller is a PBX's calls to one agent.
type caller struct {
	w      *world
	number string
	pub    phone.Publisher
	n      int
	// acked is the state the server said it took, "" for no call; maybe the one
	// that got no answer, "?" meaning none did.
	acked, maybe string
	hidden       bool
	lost         bool // the answer to the last PUBLISH was lost in a crash
}

// next is how calls go on.
func (c *caller) next() string {
	switch c.acked {
	case "early":
		return "confirmed"
	case "confirmed":
		return "terminated"
	}
	c.n++
	return "early"
}

func (c *caller) act(r *rand.Rand) {
	time.Sleep(time.Duration(r.IntN(30)) * time.Millisecond)
	if c.hidden {
		return
	}
	c.publish(c.next())
}

func (c *caller) publish(state string) {
	res, err := c.pub.Publish(fmt.Sprintf("call-%s-%d", c.number, c.n), state, 120)
	if c.lost && err == nil && res.Status == 412 {
		return // the tag was replaced by the PUBLISH whose answer is missing
	}
	switch done, certain := c.w.outcome(published, res, err); {
	case done:
		c.acked = state
	case !certain:
		c.maybe, c.hidden = state, true
	}
}

// picker selects an agent's status by the API.
type picker struct {
	w            *world
	number       string
	acked, maybe string
}

func (p *picker) act(r *rand.Rand) {
	time.Sleep(time.Duration(r.IntN(30)) * time.Millisecond)
	if p.maybe != "" {
		return
	}
	want := [...]string{"available", "do_not_disturb", "Lunch", "Meeting", "Training"}[r.IntN(5)]
	body := map[string]string{"status": want}
	if want[0] < 'a' {
		body = map[string]string{"status": "custom", "custom": want}
	}
	switch status, err := p.w.srv.TryAPI("PUT", "/agents/"+p.number+"/status", body, nil); {
	case err != nil:
		p.w.counts[unknown].Add(1)
		p.maybe = want
	case status == http.StatusOK:
		p.w.counts[selected].Add(1)
		p.acked = want
	case status == http.StatusServiceUnavailable:
		p.w.counts[refused].Add(1)
	default:
		p.w.t.Errorf("select %s for %s: HTTP %d", want, p.number, status)
	}
}
