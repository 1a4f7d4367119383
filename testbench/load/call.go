package main

import (
	"fmt"
	"time"

	"lamplight/testbench/load/phone"
)

// called is how many agents are called, whom nobody watches: one for each call of
// a pass, so that none is still busy.
func (o *options) called() int { return max(o.calls, o.talking) }

// call has the PBX call agents through the proxy, whose desk phones answer at
// once: first calls that are made and ended, then calls that all talk at the same
// time. All of them are less than the INVITE transactions that the server keeps at
// once (transaction.Options.MaxInvite): each is kept for 32 s after its 200.
func (b *bench) call() error {
	first := b.o.agents + extra
	r := b.measure("callees", b.o.called(), manyAtOnce, func(i int) bool {
		user := number(first + i)
		p := &phone.Phone{Line: b.lines[i%len(b.lines)], User: user, Number: user, Domain: domain, Password: "secret-" + user}
		return ok(p.Register("<" + p.Contact(0) + ">;expires=3600"))
	})
	if r.failures > 0 {
		return fmt.Errorf("%d of %d phones could not register", r.failures, r.ops)
	}
	one := func(i int, took []time.Duration) *phone.Call {
		p := &phone.Phone{Line: b.pbx, User: "pbx", Number: "390612345", Domain: domain, Anonymous: true}
		c, _, err := p.Call(number(first + i))
		if err != nil || c == nil {
			return nil
		}
		took[i] = c.Took
		return c
	}
	hangUp := func(c *phone.Call) bool { return c != nil && ok(c.HangUp()) }
	before := b.heard()
	rssIdle, _ := b.s.memory()
	passes := 0
	b.rows = append(b.rows, b.median(b.o.passes, func() row {
		passes++
		took := make([]time.Duration, b.o.calls)
		r := b.measure("call through the proxy: INVITE, 180, 200, ACK, BYE, 200; p50 and p99 are to the 200 of the INVITE",
			b.o.calls, someAtOnce, func(i int) bool { return hangUp(one(i, took)) })
		r.p50, r.p99 = percentiles(took)
		return r
	}))
	rss, _ := b.s.memory()
	b.fact("RSS %.0f MB before the first call, %.0f MB right after %s calls, whose transactions are still remembered.",
		rssIdle, rss, thousands(passes*b.o.calls))
	if err := b.talking(one, hangUp); err != nil {
		return err
	}
	n := int64(passes*b.o.calls + b.o.talking)
	if h := b.heard().less(before); h != (heard{n, n, n}) {
		b.wrong = append(b.wrong, fmt.Sprintf("of %d calls the phones heard %d INVITEs, %d ACKs and %d BYEs", n, h.rung, h.acked, h.hungUp))
	}
	return nil
}

// talking holds many calls at once and says what each takes of memory.
func (b *bench) talking(one func(int, []time.Duration) *phone.Call, hangUp func(*phone.Call) bool) error {
	n := b.o.talking
	calls, took := make([]*phone.Call, n), make([]time.Duration, n)
	rssBefore, _ := b.s.memory()
	up := b.measure("call up", n, someAtOnce, func(i int) bool { calls[i] = one(i, took); return calls[i] != nil })
	if up.failures > 0 {
		return fmt.Errorf("%d of %d calls that talk at once could not be made", up.failures, n)
	}
	rss, _ := b.s.memory()
	down := b.measure("hang up", n, someAtOnce, func(i int) bool { return hangUp(calls[i]) })
	if down.failures > 0 {
		return fmt.Errorf("%d of %d calls that talked at once could not be ended", down.failures, n)
	}
	b.fact("%s calls talking at once: RSS %.0f MB, %.0f MB before them, **%.1f KB a call**; %.0f µs of CPU to make one, %.0f µs to end one.",
		thousands(n), rss, rssBefore, (rss-rssBefore)*1024/float64(n), up.cpu, down.cpu)
	return nil
}

// heard is what the called phones were told.
type heard struct{ rung, acked, hungUp int64 }

func (h heard) less(o heard) heard {
	return heard{h.rung - o.rung, h.acked - o.acked, h.hungUp - o.hungUp}
}

func (b *bench) heard() (h heard) {
	for _, l := range b.lines {
		h.rung += l.Rung.Load()
		h.acked += l.Acked.Load()
		h.hungUp += l.HungUp.Load()
	}
	return h
}
