package main

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// row is one line of the table.
type row struct {
	name     string
	ops      int
	perSec   float64
	p50, p99 time.Duration
	cpu      float64 // µs an operation
	failures int
	aim      float64 // µs, 0: none
}

// measure has workers carry out ops 0 to n-1, each worker one after the other
// (a closed loop), and says what that cost.
func (b *bench) measure(name string, n, workers int, op func(i int) bool) row {
	took := make([]time.Duration, n)
	var next, failed atomic.Int64
	var all sync.WaitGroup
	r := row{name: name, ops: n}
	b.s.profiled(slug(name), func() {
		cpu, began := b.s.cpu(), time.Now()
		for range workers {
			all.Go(func() {
				for {
					i := int(next.Add(1)) - 1
					if i >= n {
						return
					}
					start := time.Now()
					if !op(i) {
						failed.Add(1)
					}
					took[i] = time.Since(start)
				}
			})
		}
		all.Wait()
		elapsed := time.Since(began)
		r.perSec = float64(n) / elapsed.Seconds()
		r.cpu = float64((b.s.cpu() - cpu).Microseconds()) / float64(n)
	})
	r.failures = int(failed.Load())
	r.p50, r.p99 = percentiles(took)
	return r
}

// median measures several times and keeps the pass whose CPU time is in the
// middle; failures of every pass count.
func (b *bench) median(passes int, f func() row) row {
	rows := make([]row, passes)
	failures := 0
	for i := range rows {
		rows[i] = f()
		failures += rows[i].failures
	}
	slices.SortFunc(rows, func(x, y row) int {
		switch {
		case x.cpu < y.cpu:
			return -1
		case x.cpu > y.cpu:
			return 1
		}
		return 0
	})
	r := rows[len(rows)/2]
	r.failures = failures
	return r
}

func percentiles(took []time.Duration) (p50, p99 time.Duration) {
	if len(took) == 0 {
		return 0, 0
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)*99/100]
}

func slug(name string) string {
	out := []byte(name)
	for i, c := range out {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			out[i] = '_'
		}
	}
	return string(out)
}
