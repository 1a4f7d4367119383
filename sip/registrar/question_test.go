package registrar

import (
	"testing"
	"time"
)

// A phone that registers between its last unanswered question and the moment its
// end is decided, which may have to wait for a commit, is not ended.
func TestWhoRegisteredMeanwhileIsNotDead(t *testing.T) {
	now := time.Now()
	asked := now.Add(-5 * time.Second)
	for name, tc := range map[string]struct {
		registered time.Time
		ends       bool
	}{
		"silent":     {now.Add(-time.Minute), true},
		"registered": {now.Add(-time.Second), false},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Registrar{}
			r.o.Limits = r.o.Limits.withDefaults()
			r.ask = newAsker(r, nil)
			b := &Binding{Transport: udp, Grant: time.Hour, Expires: tc.registered.Add(time.Hour), missed: 3}
			c := r.dead(b, asked)(&record{bindings: []*Binding{b}}, now)
			if ended := c != nil && len(c.drop) == 1; ended != tc.ends {
				t.Errorf("change %+v", c)
			}
			if !tc.ends && (b.missed != 0 || r.ask.placed != 1) {
				t.Errorf("missed %d, %d to be looked at", b.missed, r.ask.placed)
			}
		})
	}
}

// A mobile granted a week that sleeps and wakes leaves a copy of its binding each
// time; they are let go of within minutes.
func TestReplacedBindingsAreLetGo(t *testing.T) {
	r := &Registrar{}
	s := newShard(r)
	now := time.Unix(s.swept, 0)
	for range 100 {
		s.scheduleLocked(&Binding{end: now.Add(7 * 24 * time.Hour), gone: true})
	}
	alive := &Binding{end: now.Add(7 * 24 * time.Hour), Expires: now.Add(7 * 24 * time.Hour)}
	s.scheduleLocked(alive)
	for range 11 {
		now = now.Add(time.Minute)
		s.sweep(now)
	}
	n := 0
	for _, list := range s.due {
		n += len(list)
	}
	if n != 1 {
		t.Errorf("%d bindings are held, want the living one", n)
	}
}
