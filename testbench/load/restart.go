package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// restart kills the server and times what follows: until it is ready, and until
// every watcher was told the state although no phone does anything.
func (b *bench) restart() error {
	all := slices.Concat(b.watches, b.fan)
	again := b.again()
	b.s.kill()
	down := time.Now()
	ready, err := b.s.start()
	if err != nil {
		return err
	}
	rssReady, _ := b.s.memory()
	cpuReady := b.s.cpu()
	untold := 0
	b.s.profiled("restart", func() {
		for limit := down.Add(5 * time.Minute); time.Now().Before(limit); time.Sleep(100 * time.Millisecond) {
			untold = 0
			for _, w := range all {
				if w.State().At.Before(down) {
					untold++
				}
			}
			if untold == 0 {
				return
			}
		}
	})
	told := time.Since(down)
	rss, most := b.s.memory()
	b.fact("Restart after a kill, with %s registrations and %s subscriptions: ready after **%.2f s** (%.1f s of CPU, RSS %.0f MB); "+
		"every watcher told the state after **%.1f s** (%.1f s of CPU, RSS %.0f MB, highest %.0f MB); %d watchers not told, %d NOTIFYs sent twice.",
		thousands(len(b.all)), thousands(len(all)), ready.Seconds(), cpuReady.Seconds(), rssReady, told.Seconds(), b.s.cpu().Seconds(), rss, most, untold, b.again()-again)
	if untold > 0 {
		b.wrong = append(b.wrong, fmt.Sprintf("%d watchers were not told the state after the restart", untold))
	}
	return b.stillThere()
}

func (b *bench) again() (n int64) {
	for _, l := range b.lines {
		n += l.Again.Load()
	}
	return n
}

// stillThere asks for every registration; each phone's nonce must be good.
func (b *bench) stillThere() error {
	challenged := 0
	for _, p := range b.all {
		challenged += p.Challenged
	}
	r := b.measure("query after restart", len(b.all), someAtOnce, func(i int) bool {
		p := b.all[i]
		res, err := p.Register()
		return ok(res, err) && strings.Contains(res.Get("Contact"), p.Contact(0)+">")
	})
	for _, p := range b.all {
		challenged -= p.Challenged
	}
	b.fact("After the restart %s of %s registrations are there, %d phones were challenged anew.", thousands(r.ops-r.failures), thousands(r.ops), -challenged)
	if r.failures > 0 {
		b.wrong = append(b.wrong, fmt.Sprintf("%d registrations are missing after the restart", r.failures))
	}
	for _, w := range slices.Concat(b.watches, b.fan) {
		b.wrong = append(b.wrong, w.Wrong()...)
	}
	return nil
}

// print writes the tables.
func (b *bench) print(w io.Writer) {
	_, _ = fmt.Fprintln(w, "| operation | operations | per second | p50 ms | p99 ms | CPU µs each | aim | failures |\n|---|--:|--:|--:|--:|--:|--:|--:|")
	for _, r := range b.rows {
		aim := ""
		if r.aim > 0 {
			aim = fmt.Sprintf("< %.0f: met", r.aim)
			if r.cpu >= r.aim {
				aim = fmt.Sprintf("< %.0f: **missed**", r.aim)
			}
		}
		p50, p99 := "", ""
		if r.p50 > 0 {
			p50, p99 = ms(r.p50), ms(r.p99)
		}
		_, _ = fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %.1f | %s | %d |\n", r.name, thousands(r.ops), thousands(int(r.perSec)), p50, p99, r.cpu, aim, r.failures)
	}
	_, _ = fmt.Fprintln(w)
	for _, f := range b.facts {
		_, _ = fmt.Fprintln(w, "-", f)
	}
}

// verdict is an error if anything failed.
func (b *bench) verdict() error {
	for _, r := range b.rows {
		if r.failures > 0 {
			b.wrong = append(b.wrong, fmt.Sprintf("%d failures of %q", r.failures, r.name))
		}
	}
	if len(b.wrong) > 0 {
		return fmt.Errorf("%d things went wrong:\n  %s", len(b.wrong), strings.Join(b.wrong[:min(len(b.wrong), 20)], "\n  "))
	}
	return nil
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d.Microseconds())/1000) }

func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
