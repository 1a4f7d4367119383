package waiting

import (
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lamplight/presence"
)

var g = presence.GroupID{ID: presence.ID{1}}

type crowd struct {
	t     *testing.T
	l     *Lines
	woken []string
}

func (c *crowd) join(id string, size int) *Place {
	c.t.Helper()
	p, err := c.l.Join(g, size, Caller{CallID: id, Since: time.Now(), Wake: func() { c.woken = append(c.woken, id) }})
	if err != nil {
		c.t.Fatal(err)
	}
	return p
}

func (c *crowd) wake(want string) {
	c.t.Helper()
	c.woken = nil
	if c.l.Wake(g); strings.Join(c.woken, " ") != want {
		c.t.Errorf("woken are %v, want %q", c.woken, want)
	}
}

// Who came first is woken first; who is being offered is passed over, and keeps
// his place.
func TestFirstComeFirstWoken(t *testing.T) {
	c := &crowd{t: t, l: New(Options{})}
	c.wake("")
	a, b, d := c.join("a", 3), c.join("b", 3), c.join("d", 3)
	c.wake("a")
	a.Offered("1001")
	if !b.First() || a.First() || d.First() {
		t.Error("it is not b's turn")
	}
	c.wake("b")
	a.Offered("")
	c.wake("a")
	if at, of := d.Position(); at != 3 || of != 3 {
		t.Errorf("d is at %d of %d", at, of)
	}
	a.Leave(Served)
	a.Leave(Served)
	if at, of := d.Position(); at != 2 || of != 2 {
		t.Errorf("d is at %d of %d", at, of)
	}
	if at, _ := a.Position(); at != 0 {
		t.Errorf("who has left is at %d", at)
	}
	b.Offered("1002")
	if l := c.l.List(g); len(l) != 2 || l[0].CallID != "b" || l[0].Offered != "1002" || l[1].Position != 2 {
		t.Errorf("shown %+v", l)
	}
	b.Leave(Served)
	d.Leave(Abandoned)
	if len(c.l.Groups()) != 0 || c.l.all != 0 {
		t.Errorf("left over: %v, %d", c.l.Groups(), c.l.all)
	}
}

func TestLinesAreBounded(t *testing.T) {
	c := &crowd{t: t, l: New(Options{Most: 4})}
	for i := range 3 {
		c.join(strconv.Itoa(i), 3)
	}
	if _, err := c.l.Join(g, 3, Caller{}); !errors.Is(err, ErrFull) {
		t.Errorf("a fourth of three: %v", err)
	}
	if _, err := c.l.Join(g, 9, Caller{}); err != nil {
		t.Errorf("the last of all: %v", err)
	}
	if _, err := c.l.Join(presence.GroupID{ID: presence.ID{2}}, 9, Caller{}); !errors.Is(err, ErrFull) {
		t.Errorf("one more than all: %v", err)
	}
}

func TestLinesUnderLoad(t *testing.T) {
	l := New(Options{})
	var all sync.WaitGroup
	for i := range 1000 {
		all.Go(func() {
			p, err := l.Join(g, 1000, Caller{CallID: strconv.Itoa(i), Since: time.Now(), Wake: func() {}})
			if err != nil {
				t.Error(err)
				return
			}
			p.Position()
			l.Wake(g)
			l.List(g)
			p.Leave(Served)
		})
	}
	all.Wait()
	if n, _ := l.state(); n != 0 {
		t.Errorf("%d are left", n)
	}
}

// An urgent call goes before others, behind those that are as urgent; a call that
// other members take holds up nobody, and is held up by nobody.
func TestUrgentFirstAndEachKindByItself(t *testing.T) {
	c := &crowd{t: t, l: New(Options{})}
	join := func(id string, kind presence.CallKind, priority int) *Place {
		p, err := c.l.Join(g, 9, Caller{CallID: id, Kind: kind, Priority: priority, Since: time.Now(), Wake: func() { c.woken = append(c.woken, id) }})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	join("a", presence.CallCampaign, 0)
	b := join("b", presence.CallRegular, 0)
	join("c", presence.CallRegular, 0)
	c.wake("a b")
	join("u", presence.CallRegular, 1)
	join("v", presence.CallRegular, 1)
	c.wake("u a")
	if at, of := b.Position(); at != 4 || of != 5 {
		t.Errorf("b is at %d of %d", at, of)
	}
	if b.First() || !c.l.Waits(g, presence.CallCampaign) || c.l.Waits(g, presence.CallInternal) {
		t.Error("whose turn it is")
	}
}
