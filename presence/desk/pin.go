package desk

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"lamplight/presence"
	"lamplight/presence/directory"
)

// The length of a PIN: digits, since it is dialled.
const (
	minPIN = 4
	maxPIN = 12
)

// SetPIN sets an agent's PIN, or takes it away where pin is empty.
func (d *Desks) SetPIN(ctx context.Context, id presence.AgentID, pin, actor string) error {
	if pin != "" && (len(pin) < minPIN || len(pin) > maxPIN || strings.Trim(pin, "0123456789") != "") {
		return fmt.Errorf("%w: a PIN has %d to %d digits", directory.ErrInvalid, minPIN, maxPIN)
	}
	hash := ""
	if pin != "" {
		hash = d.o.Hash(pin)
	}
	d.edit.Lock()
	defer d.edit.Unlock()
	a, ok := d.o.Directory.Agent(id)
	if !ok {
		return directory.ErrNotFound
	}
	next := *a
	next.PINHash = hash
	if err := d.o.Directory.Apply(ctx, directory.Edit{Actor: actor, Cause: "config", Agents: []presence.Agent{next}}); err != nil {
		return fmt.Errorf("desk: %w", err)
	}
	return nil
}

// prove looks at the PIN. What is wrong is not told apart: who dials numbers
// learns neither which agents there are nor which have a PIN.
func (d *Desks) prove(l *Login, dom *presence.Domain, agent *presence.Agent) error {
	now := time.Now()
	keys := []string{"desk " + l.Device.String(), "agent " + dom.ID.String() + " " + l.Number}
	if !d.tries.take(keys, now) {
		return fmt.Errorf("%w: too many wrong PINs; try again in a minute", ErrTooMany)
	}
	has := agent != nil && agent.PINHash != ""
	look := d.nobodys // or the answer would come sooner
	if has {
		look = func() string { return agent.PINHash }
	}
	ok, err := d.o.Verify(look(), l.PIN)
	if err != nil {
		return fmt.Errorf("desk: verify a PIN: %w", err)
	}
	if !ok || !has || l.PIN == "" {
		return fmt.Errorf("%w: the number or the PIN is not right", ErrProof)
	}
	d.tries.giveBack(keys)
	return nil
}

// Wrong PINs: burst at once, then one each refill.
const (
	burst  = 5
	refill = time.Minute
)

// tries counts what is left to a key. It remembers a bounded number of keys; when
// there are too many, all are forgotten that have their burst again, and if that
// is not enough nobody new is let in.
type tries struct {
	most int

	mu   sync.Mutex
	used map[string]spent // guarded by mu
}

// spent is how many tries a key has used up, as of a time.
type spent struct {
	n  float64
	at time.Time
}

func newTries(most int) *tries { return &tries{most: most, used: make(map[string]spent)} }

// now is what is spent at a time.
func (s spent) now(t time.Time) float64 {
	return max(0, s.n-float64(t.Sub(s.at))/float64(refill))
}

// take uses up a try of each key, unless one has none left.
func (t *tries) take(keys []string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.used)+len(keys) > t.most {
		for k, s := range t.used {
			if s.now(now) == 0 {
				delete(t.used, k)
			}
		}
		if len(t.used)+len(keys) > t.most {
			return false
		}
	}
	for _, k := range keys {
		if t.used[k].now(now) > burst-1 {
			return false
		}
	}
	for _, k := range keys {
		t.used[k] = spent{t.used[k].now(now) + 1, now}
	}
	return true
}

// giveBack undoes a take, for the PIN was right. The wrong ones before it still
// count: else whoever has a PIN could go on guessing others' at the same desk.
func (t *tries) giveBack(keys []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range keys {
		s := t.used[k]
		if s.n--; s.n <= 0 {
			delete(t.used, k)
			continue
		}
		t.used[k] = s
	}
}
