package main

import (
	"context"
	"fmt"
	"time"
)

// plan is how much is done.
type plan struct {
	agents  int
	seconds int // a step lasts
	// Rates of the steps, calls a second.
	first                                   int
	commit, refresh, invite, subscribe, fan []int
	// A published call is told to so many watchers, for so many agents in turn; no
	// more agents than the first step has calls, or their watchers go unasked.
	watched, watchers int
}

func longPlan() plan {
	return plan{
		agents: 40_000, seconds: 5, first: 2000,
		commit: []int{1000, 2000, 4000, 6000}, refresh: []int{1000, 2000, 4000, 6000, 8000},
		invite: []int{1000, 2000, 4000, 8000}, subscribe: []int{500, 1000, 2000, 4000},
		fan: []int{50, 100, 200}, watched: 250, watchers: 20,
	}
}

func shortPlan() plan {
	return plan{
		agents: 4000, seconds: 2, first: 1000,
		commit: []int{1000}, refresh: []int{1000, 2000}, invite: []int{1000, 2000}, subscribe: []int{500, 1000},
		fan: []int{50}, watched: 100, watchers: 10,
	}
}

// stage runs steps at rising rates until one is no good.
func (l *load) stage(ctx context.Context, name, from, to string, rates []int, make func(i, rate int) step) error {
	for i, rate := range rates {
		st := make(i, rate)
		o, err := l.run(st)
		if err != nil {
			return fmt.Errorf("%s at %d/s: %w", name, rate, err)
		}
		list, err := lapses(o.trace, from, to)
		if err != nil {
			return err
		}
		l.add(row{name: name, asked: rate, outcome: o, lapse: spreadOf(list), ops: o.calls})
		if err := pause(ctx); err != nil {
			return err
		}
		if !o.good(rate) {
			return nil
		}
	}
	return nil
}

// calls of a step; no agent has its turn twice.
func (l *load) calls(rate int) int { return min(rate*l.plan.seconds, l.plan.agents) }

// register binds every agent, then changes bindings, which is committed, then
// refreshes them, which need not be. What the server did is read from its own
// counters.
func (l *load) register(ctx context.Context) error {
	inf, err := l.phones("phones.csv", l.plan.agents, func(i int) int { return i })
	if err != nil {
		return err
	}
	port, err := freePort("127.0.0.1")
	if err != nil {
		return err
	}
	pass := 0
	next := func(rate, calls, q int) step {
		pass++
		return step{
			scenario: "register", rate: rate, calls: calls, port: port, inf: inf, callID: "%u-phone@load",
			cseq: pass * 10, keys: map[string]string{"q": fmt.Sprint(q)},
		}
	}
	stages := []struct {
		name, outcome string
		rates         []int
		make          func(i, rate int) step
	}{
		{"REGISTER, first", "change", []int{l.plan.first}, func(_, rate int) step { return next(rate, l.plan.agents, 9) }},
		{"REGISTER, changed", "change", l.plan.commit, func(i, rate int) step { return next(rate, l.calls(rate), 8-i%2) }},
		{"REGISTER, refresh", "refresh", l.plan.refresh, nil},
	}
	for _, s := range stages {
		if s.make == nil {
			// What follows changes nothing only where the last change reached.
			o, err := l.run(next(l.plan.first, l.plan.agents, 5))
			if err == nil {
				err = o.complaint
			}
			if err != nil {
				return fmt.Errorf("prepare the refreshes: %w", err)
			}
			s.make = func(_, rate int) step { return next(rate, l.calls(rate), 5) }
		}
		counter := `lamplight_sip_register_total{outcome="` + s.outcome + `"}`
		before, err := l.server.metric(counter)
		if err != nil {
			return err
		}
		calls := len(l.rows)
		if err := l.stage(ctx, s.name, "REGISTER ", "SIP/2.0 200", s.rates, s.make); err != nil {
			return err
		}
		after, err := l.server.metric(counter)
		if err != nil {
			return err
		}
		done := 0
		for _, r := range l.rows[calls:] {
			done += r.outcome.calls - r.outcome.failed
		}
		l.note("%s: %d of %d were counted as %q by the server.", s.name, int(after-before), done, s.outcome)
	}
	return nil
}

func (l *load) invite(ctx context.Context) error {
	inf, err := l.phones("called.csv", l.plan.agents, func(i int) int { return i })
	if err != nil {
		return err
	}
	return l.stage(ctx, "INVITE → 302", "INVITE ", "SIP/2.0 302", l.plan.invite, func(_, rate int) step {
		return step{scenario: "invite", rate: rate, calls: l.calls(rate), inf: inf}
	})
}

// subscribe comes from an address that is no peer's, so that digest is asked for.
func (l *load) subscribe(ctx context.Context) error {
	inf, err := l.phones("keys.csv", l.plan.agents, func(i int) int { return (i + 1) % l.plan.agents })
	if err != nil {
		return err
	}
	return l.stage(ctx, "SUBSCRIBE → NOTIFY", "SUBSCRIBE ", "NOTIFY ", l.plan.subscribe, func(_, rate int) step {
		return step{scenario: "subscribe", rate: rate, calls: l.calls(rate), inf: inf, from: "127.0.0.2"}
	})
}

// fanout publishes calls of some agents, each watched by many lamps of one SIPp
// that stays for all steps.
func (l *load) fanout(ctx context.Context) error {
	lamps := l.plan.watched * l.plan.watchers
	inf, err := l.phones("lamps.csv", lamps, func(i int) int { return i % l.plan.watched })
	if err != nil {
		return err
	}
	agents, err := l.phones("published.csv", l.plan.watched, func(i int) int { return i })
	if err != nil {
		return err
	}
	watching, name, err := l.start(step{scenario: "watch", rate: 1000, calls: lamps, inf: inf, stays: 2 * time.Minute})
	if err != nil {
		return err
	}
	defer watching.Stop()
	if err := l.subscribed(ctx, lamps); err != nil {
		return err
	}
	var steps []row
	var traces []string
	for _, rate := range l.plan.fan {
		o, err := l.run(step{scenario: "publish", rate: rate, calls: rate * l.plan.seconds, inf: agents})
		if err != nil {
			return err
		}
		list, err := lapses(o.trace, "PUBLISH ", "SIP/2.0 200")
		if err != nil {
			return err
		}
		r := row{
			name: "PUBLISH → 200", asked: rate, outcome: o, lapse: spreadOf(list), ops: 2 * o.calls,
			note: fmt.Sprintf("two PUBLISHes a call, %d NOTIFYs each", l.plan.watchers),
		}
		l.add(r)
		steps, traces = append(steps, r), append(traces, o.trace)
		if err := pause(ctx); err != nil {
			return err
		}
		if !o.good(rate) {
			break
		}
	}
	if err := watching.Wait(); err != nil {
		return fmt.Errorf("the watchers: %w", err)
	}
	lists, err := fanout(traces, name+".trace")
	if err != nil {
		return err
	}
	for i, s := range steps {
		told, want := len(lists[i]), 2*s.outcome.calls*l.plan.watchers
		l.add(row{
			name: "PUBLISH → NOTIFY", asked: s.asked, outcome: s.outcome, lapse: spreadOf(lists[i]), ops: told,
			note: fmt.Sprintf("%d of %d NOTIFYs, %.0f/s", told, want, float64(told)/s.outcome.took.Seconds()),
		})
	}
	return nil
}

// subscribed waits until the server has so many subscriptions.
func (l *load) subscribed(ctx context.Context, want int) error {
	for range 60 {
		got, err := l.server.metric(`lamplight_subscriptions{event="dialog"}`)
		if err != nil {
			return err
		}
		if int(got) >= want {
			return pause(ctx)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
	return fmt.Errorf("the server has not got %d subscriptions after 30 s", want)
}
