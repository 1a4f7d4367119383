package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"lamplight/testbench/load/phone"
)

const domain = "demo.lamplight.test"

// in flight at once: as many as it takes for commits to fill, and as many as the
// comparisons of other servers had.
const (
	manyAtOnce = 256
	someAtOnce = 64
)

// bench holds the phones and what was measured.
type bench struct {
	o       *options
	s       *server
	lines   []*phone.Line
	pbx     *phone.Line
	all     []*phone.Phone
	watches []*phone.Watch
	fan     []*phone.Watch // of the agents that are changed
	rows    []row
	facts   []string // what is no operation
	wrong   []string
}

func (b *bench) close() {
	for _, l := range append(b.lines, b.pbx) {
		if l != nil {
			l.Close()
		}
	}
}

func number(i int) string { return fmt.Sprint(1_000_000 + i) }

// extra agents are watched by 1, 10 and 1,000 others and change.
const extra = 3

func (b *bench) importAgents() error {
	var csv bytes.Buffer
	csv.WriteString("number,password,name,team\n")
	n := b.o.agents + extra + b.o.called()
	for i := range n {
		fmt.Fprintf(&csv, "%s,secret-%s,Agent %d,team-%d\n", number(i), number(i), i, i%200)
	}
	size := csv.Len()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+b.s.http+"/api/v1/import", &csv)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer demo-admin")
	req.Header.Set("Content-Type", "text/csv")
	cpu, began := b.s.cpu(), time.Now()
	var res *http.Response
	b.s.profiled("import", func() { res, err = http.DefaultClient.Do(req) })
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	took := time.Since(began)
	if err != nil {
		return err
	}
	var rep struct{ Created, Failed int }
	if err := json.Unmarshal(text, &rep); err != nil || res.StatusCode != http.StatusOK || rep.Created != n || rep.Failed > 0 {
		return fmt.Errorf("HTTP %d: %.300s", res.StatusCode, text)
	}
	rss, _ := b.s.memory()
	b.fact("Import of %s agents with four devices each (%.1f MB of CSV): **%.1f s**, %.1f s of CPU, %.0f µs an agent; RSS afterwards %.0f MB.",
		thousands(n), float64(size)/1e6, took.Seconds(), (b.s.cpu() - cpu).Seconds(), float64((b.s.cpu()-cpu).Microseconds())/float64(n), rss)
	return nil
}

func (b *bench) fact(format string, args ...any) {
	b.facts = append(b.facts, fmt.Sprintf(format, args...))
}

// phones gives each agent's desk phone a socket that it shares with others.
func (b *bench) phones() (err error) {
	for i := range b.o.lines {
		l, err := phone.UDP(fmt.Sprintf("127.0.1.%d", 1+i), b.s.sip)
		if err != nil {
			return err
		}
		b.lines = append(b.lines, l)
	}
	if b.pbx, err = phone.UDP(host, b.s.sip); err != nil { // the demo's trusted peer
		return err
	}
	for i := range b.o.agents {
		b.all = append(b.all, &phone.Phone{Line: b.lines[i%len(b.lines)], User: number(i), Number: number(i), Domain: domain, Password: "secret-" + number(i)})
	}
	return nil
}

func ok(res phone.Response, err error) bool { return err == nil && res.Status == 200 }

func (b *bench) register() error {
	n := len(b.all)
	plain := func(i int) bool { p := b.all[i%n]; return ok(p.Register("<" + p.Contact(0) + ">;expires=3600")) }
	b.rows = append(b.rows, b.measure("REGISTER, new binding: 401, then 200 after the commit", n, manyAtOnce, plain))
	rss, _ := b.s.memory()
	b.fact("RSS with %s registrations: %.0f MB.", thousands(n), rss)
	b.measure("warm", n, someAtOnce, plain)
	refresh := b.median(b.o.passes, func() row {
		return b.measure("REGISTER refresh, nonce reused, nothing to write", n, someAtOnce, plain)
	})
	refresh.aim = 30
	b.rows = append(b.rows, refresh)
	pass, half := 0, n/2
	b.rows = append(b.rows, b.median(b.o.passes, func() row {
		pass++
		return b.measure("REGISTER, changed binding, nonce reused: 200 after the commit", half, manyAtOnce, func(i int) bool {
			p := b.all[i]
			return ok(p.Register(fmt.Sprintf("<%s>;q=0.%d;expires=3600", p.Contact(0), 1+pass%9)))
		})
	}))
	return nil
}

// subscribed waits for the first NOTIFY.
func subscribed(w *phone.Watch) bool {
	first := make(chan struct{}, 1)
	w.OnNotify = func(*phone.Watch) {
		select {
		case first <- struct{}{}:
		default:
		}
	}
	if !ok(w.Subscribe(3600)) {
		return false
	}
	select {
	case <-first:
		return true
	case <-time.After(5 * time.Second):
		return false
	}
}

func (b *bench) subscribe() error {
	n := len(b.all)
	for k := range b.o.watching {
		for i, p := range b.all {
			b.watches = append(b.watches, &phone.Watch{Phone: p, Target: number((i + k + 1) % n), Event: "dialog"})
		}
	}
	b.rows = append(b.rows, b.measure("SUBSCRIBE, nonce reused, committed, to the first NOTIFY", len(b.watches), manyAtOnce, func(i int) bool { return subscribed(b.watches[i]) }))
	for _, w := range b.watches {
		w.OnNotify = nil
	}
	rss, _ := b.s.memory()
	b.fact("RSS with %s registrations and %s subscriptions: %.0f MB.", thousands(n), thousands(len(b.watches)), rss)
	return nil
}

// change has a PBX publish the calls of an agent that 1, 10 or 1,000 watch, one
// after the other: a change is over when the last watcher was told.
func (b *bench) change() error {
	for k, watchers := range []int{1, 10, 1000} {
		target := number(b.o.agents + k)
		var left atomic.Int64
		told := make(chan struct{}, 1)
		var fan []*phone.Watch
		for i := range watchers {
			fan = append(fan, &phone.Watch{Phone: b.all[i*7%len(b.all)], Target: target, Event: "dialog"})
		}
		if r := b.measure("fan", watchers, someAtOnce, func(i int) bool { return subscribed(fan[i]) }); r.failures > 0 {
			return fmt.Errorf("%d of %d watchers could not subscribe", r.failures, watchers)
		}
		for _, w := range fan {
			w.OnNotify = func(*phone.Watch) {
				if left.Add(-1) == 0 {
					told <- struct{}{}
				}
			}
		}
		pub := phone.Publisher{Phone: &phone.Phone{Line: b.pbx, Domain: domain, Anonymous: true}, AOR: "sip:" + target + "@" + domain}
		calls, states := 0, [...]string{"early", "confirmed", "terminated"}
		n := max(30, b.o.changes/[...]int{1, 1, 20}[k]) / 3 * 3
		one := func(i int) bool {
			if i%3 == 0 {
				calls++
			}
			left.Store(int64(watchers))
			if !ok(pub.Publish(fmt.Sprintf("load-%d", calls), states[i%3], 600)) {
				return false
			}
			select {
			case <-told:
				return true
			case <-time.After(10 * time.Second):
				return false
			}
		}
		r := b.median(b.o.passes, func() row {
			return b.measure(fmt.Sprintf("PUBLISH of a change, to the last of %s NOTIFYs", thousands(watchers)), n, 1, one)
		})
		b.rows = append(b.rows, r)
		if watchers == 1000 {
			b.rows = append(b.rows, row{name: "one NOTIFY with its 200 (of the 1,000, PUBLISH included)", ops: n * watchers,
				perSec: r.perSec * float64(watchers), cpu: r.cpu / float64(watchers), failures: r.failures, aim: 25})
		}
		b.fan = append(b.fan, fan...)
	}
	return nil
}
