package liveness

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func ms(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// TestSilence walks a page through pings and answers, given in milliseconds
// from the start, and reads its state.
func TestSilence(t *testing.T) {
	type step struct {
		at   int
		ping bool
		pong uint64 // 0: none
		want State
	}
	tests := map[string][]step{
		"no question, no silence": {{at: 60000, want: Alive}},
		"answered": {
			{at: 0, ping: true}, {at: 30, pong: 1}, {at: 4900, want: Alive},
		},
		"frozen just after an answer, fast pings": {
			{at: 0, ping: true}, {at: 10, pong: 1},
			{at: 1010, ping: true}, {at: 2010, ping: true, want: Alive},
			{at: 2209, want: Alive}, {at: 2210, want: Suspect},
			{at: 3010, ping: true, want: Suspect},
			{at: 4009, want: Suspect}, {at: 4010, want: Lost},
		},
		"frozen just after an answer, idle pings": {
			{at: 0, ping: true}, {at: 10, pong: 1},
			{at: 5000, ping: true}, {at: 7199, want: Alive}, {at: 7200, want: Suspect},
			{at: 8999, want: Suspect}, {at: 9000, want: Lost},
		},
		"a late answer brings it back": {
			{at: 0, ping: true}, {at: 10, pong: 1}, {at: 1000, ping: true}, {at: 2000, ping: true},
			{at: 3000, want: Suspect}, {at: 3001, pong: 2, want: Alive},
			{at: 5200, want: Alive}, {at: 5201, want: Suspect},
		},
		"an answer covers the pings before it": {
			{at: 0, ping: true}, {at: 1000, ping: true}, {at: 2000, ping: true},
			{at: 2100, pong: 3}, {at: 60000, want: Alive},
		},
		"a page that never answers after its hello": {
			{at: 0, ping: true}, {at: 2200, want: Suspect}, {at: 4000, want: Lost},
		},
		"an answer in advance is none": {
			{at: 0, ping: true}, {at: 10, pong: 2}, {at: 2200, want: Suspect},
		},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			start := time.Unix(1000, 0)
			p := New(Timing{Jitter: -1}, start, nil)
			for _, s := range steps {
				now := start.Add(ms(s.at))
				if s.ping {
					p.Ping(now)
				}
				if s.pong != 0 {
					p.Pong(s.pong, now)
				}
				if s.ping || s.pong != 0 {
					if s.want == Alive {
						continue
					}
				}
				if got := p.State(now); got != s.want {
					t.Errorf("at %d ms: %v, want %v", s.at, got, s.want)
				}
			}
		})
	}
}

func TestIntervals(t *testing.T) {
	start := time.Unix(1000, 0)
	p := New(Timing{Jitter: -1}, start, nil)
	if !p.Due(start, false) {
		t.Fatal("the first ping is not due at once")
	}
	p.Pong(p.Ping(start), start)
	if p.Due(start.Add(ms(4999)), false) || !p.Due(start.Add(ms(5000)), false) {
		t.Error("idle pings are not 5 s apart")
	}
	if p.Due(start.Add(ms(999)), true) || !p.Due(start.Add(ms(1000)), true) {
		t.Error("becoming routable does not bring the next ping forward to 1 s")
	}
	p.Ping(start.Add(ms(5000)))
	if p.Due(start.Add(ms(7100)), false) || !p.Due(start.Add(ms(7200)), false) {
		t.Error("suspicion does not switch to fast pings")
	}
}

func TestJitter(t *testing.T) {
	start := time.Unix(1000, 0)
	for roll, want := range map[float64]time.Duration{0: ms(4500), 0.5: ms(5000)} {
		p := New(Timing{}, start, func() float64 { return roll })
		p.Pong(p.Ping(start), start)
		if got := p.Wake(start, false).Sub(start); got != want {
			t.Errorf("roll %v: next ping after %v, want %v", roll, got, want)
		}
	}
}

func TestAnswerOnce(t *testing.T) {
	now := time.Unix(1000, 0)
	p := New(Timing{}, now, nil)
	n := p.Ping(now)
	if trip, ok := p.Pong(n, now.Add(ms(20))); !ok || trip != ms(20) {
		t.Fatalf("Pong = %v, %v", trip, ok)
	}
	if _, ok := p.Pong(n, now.Add(ms(30))); ok {
		t.Error("a ping was answered twice")
	}
}

// TestDetection holds the two promises whatever the page did before: while
// fast, a page that stops answering is suspect within 2.2 s and lost within 4 s
// of its last answer; and a page that answers within 1 s is never suspected.
func TestDetection(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := time.Unix(1000, 0)
		rolls := rapid.SliceOfN(rapid.Float64Range(0, 0.999), 64, 64).Draw(t, "rolls")
		i := 0
		p := New(Timing{}, start, func() float64 { i++; return rolls[i%len(rolls)] })
		stop := start.Add(time.Duration(rapid.IntRange(0, 20000).Draw(t, "stop")) * time.Millisecond)
		delay := time.Duration(rapid.IntRange(0, 1000).Draw(t, "delay")) * time.Millisecond
		last := start // the last answer
		type answer struct {
			n  uint64
			at time.Time
		}
		var answers []answer
		for now := start; now.Before(stop.Add(10 * time.Second)); {
			for len(answers) > 0 && !answers[0].at.After(now) {
				if p.Pong(answers[0].n, answers[0].at); answers[0].at.After(last) {
					last = answers[0].at
				}
				answers = answers[1:]
			}
			if p.Due(now, true) {
				n := p.Ping(now)
				if at := now.Add(delay); at.Before(stop) {
					answers = append(answers, answer{n, at})
				}
			}
			silent := now.Sub(last)
			state := p.State(now)
			if now.Before(stop) && state != Alive && silent < ms(2200) {
				t.Fatalf("suspected at %v after %v of silence", now.Sub(start), silent)
			}
			if silent >= ms(2200) && state == Alive || silent >= 4*time.Second && state != Lost {
				t.Fatalf("%v after %v of silence", state, silent)
			}
			next := p.Wake(now, true)
			if !next.After(now) && !p.Due(now, true) {
				t.Fatalf("Wake does not move on at %v", now.Sub(start))
			}
			if len(answers) > 0 && answers[0].at.Before(next) {
				next = answers[0].at
			}
			now = next
		}
	})
}

func TestNoAllocations(t *testing.T) {
	now := time.Unix(1000, 0)
	p := New(Timing{}, now, nil)
	if n := testing.AllocsPerRun(100, func() {
		now = now.Add(time.Second)
		if p.Due(now, true) {
			p.Pong(p.Ping(now), now)
		}
		_, _ = p.State(now), p.Wake(now, true)
	}); n != 0 {
		t.Errorf("%v allocations a ping, want 0", n)
	}
}
