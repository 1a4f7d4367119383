package sqlite_test

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"lamplight/store"
	"lamplight/store/sqlite"
)

// bindingRecord is about what a registration takes.
func bindingRecord(n int) store.Record {
	return store.Record{
		Key:     store.Key{Domain: "demo.lamplight.test", Space: "binding", Key: fmt.Sprintf("agent-%08d/phone-1", n)},
		Owner:   "node-1",
		Expires: time.Now().Add(time.Hour),
		Codec:   1,
		Data:    make([]byte, 300),
	}
}

const benchRecords = 100_000

func fill(b *testing.B, s store.Store) {
	b.Helper()
	for n := 0; n < benchRecords; n += 1000 {
		var batch store.Batch
		for i := range 1000 {
			batch.Writes = append(batch.Writes, store.Put(bindingRecord(n+i)))
		}
		if err := s.Commit(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCommit updates records of 300 bytes among 100,000, in batches of so
// many rows, one batch after the other.
func BenchmarkCommit(b *testing.B) {
	s := open(b, sqlite.Options{Dir: b.TempDir()})
	defer s.Close()
	fill(b, s)
	for _, rows := range []int{1, 10, 100, 1000} {
		b.Run(strconv.Itoa(rows), func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				var batch store.Batch
				for range rows {
					n = (n + 7919) % benchRecords
					batch.Writes = append(batch.Writes, store.Put(bindingRecord(n)))
				}
				if err := s.Commit(b.Context(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*rows), "µs/row")
		})
	}
}

// BenchmarkGroupCommit submits single rows, so many under way at once.
func BenchmarkGroupCommit(b *testing.B) {
	for _, waiting := range []int{1, 16, 128, 1024} {
		b.Run(strconv.Itoa(waiting), func(b *testing.B) {
			s := open(b, sqlite.Options{Dir: b.TempDir()})
			defer s.Close()
			fill(b, s)
			b.ResetTimer()
			b.ReportAllocs()
			slots := make(chan struct{}, waiting)
			var wg sync.WaitGroup
			took := make([]time.Duration, 0, b.N) // appended to by the writer's goroutine alone
			for n := range b.N {
				slots <- struct{}{}
				wg.Add(1)
				began := time.Now()
				s.Submit(store.Batch{Writes: []store.Write{store.Put(bindingRecord(n * 7919 % benchRecords))}}, func(err error) {
					if err != nil {
						b.Error(err)
					}
					took = append(took, time.Since(began))
					<-slots
					wg.Done()
				})
			}
			wg.Wait()
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkLoad reads all of 100,000 records, as a start does.
func BenchmarkLoad(b *testing.B) {
	s := open(b, sqlite.Options{Dir: b.TempDir()})
	defer s.Close()
	fill(b, s)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if err := s.Scan(b.Context(), "binding", func(store.Record) error { n++; return nil }); err != nil || n != benchRecords {
			b.Fatal(n, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*benchRecords), "µs/record")
}

// BenchmarkGet reads one record among 100,000.
func BenchmarkGet(b *testing.B) {
	s := open(b, sqlite.Options{Dir: b.TempDir()})
	defer s.Close()
	fill(b, s)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		n = (n + 7919) % benchRecords
		if _, err := s.Get(b.Context(), store.Key{Domain: "demo.lamplight.test", Space: "binding", Key: fmt.Sprintf("agent-%08d/phone-1", n)}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLog reads the newest 100 of 100,000 entries: of all, of one of 1,000
// agents, of one kind.
func BenchmarkLog(b *testing.B) {
	s := open(b, sqlite.Options{Dir: b.TempDir()})
	defer s.Close()
	for n := 0; n < benchRecords; n += 1000 {
		var batch store.Batch
		for i := range 1000 {
			batch.Log = append(batch.Log, store.Entry{
				Domain: "demo.lamplight.test", Time: time.Now(), Node: "node-1", Actor: "system", Cause: "registration",
				Kind: []string{"status", "selection", "decision"}[i%3], Entity: fmt.Sprintf("agent-%d", i), After: make([]byte, 200),
			})
		}
		if err := s.Commit(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	for name, q := range map[string]store.LogQuery{
		"all": {}, "entity": {Domain: "demo.lamplight.test", Entity: "agent-77"}, "kind": {Kind: "decision"},
	} {
		q.Newest, q.Limit = true, 100
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if es, err := s.Log(b.Context(), q); err != nil || len(es) != 100 {
					b.Fatal(len(es), err)
				}
			}
		})
	}
}

// BenchmarkPaced submits 5,000 rows a second, whatever the store takes for them:
// what waits for one slow commit counts.
func BenchmarkPaced(b *testing.B) {
	s := open(b, sqlite.Options{Dir: b.TempDir()})
	defer s.Close()
	fill(b, s)
	b.ResetTimer()
	took := make([]time.Duration, 0, b.N) // appended to by the writer's goroutine alone
	var wg sync.WaitGroup
	wg.Add(b.N)
	start := time.Now()
	for n := range b.N {
		due := start.Add(time.Duration(n) * time.Second / 5000)
		time.Sleep(time.Until(due))
		s.Submit(store.Batch{Writes: []store.Write{store.Put(bindingRecord(n * 7919 % benchRecords))}}, func(err error) {
			if err != nil {
				b.Error(err)
			}
			took = append(took, time.Since(due))
			wg.Done()
		})
	}
	wg.Wait()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
	b.ReportMetric(float64(took[len(took)-1].Microseconds()), "max-µs")
}
