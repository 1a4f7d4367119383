// Package storetest holds a storage engine to the contract of package store.
//
// Every guarantee of the contract that can be seen from outside has a test here;
// what takes a dying process to see (durability, torn batches) is tested by the
// engine that writes to a disk.
package storetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"lamplight/store"
)

// Medium is what an engine keeps its records on, and how to get at it.
type Medium struct {
	// Open opens an engine on the medium, with what earlier ones left there; the
	// one before is closed by then.
	Open func(t testing.TB, l Limits) store.Store
	// Fail makes every commit of the engine opened last fail with the error,
	// until it is called with nil.
	Fail func(error)
}

// Limits are what an engine is opened with; zero is its default.
type Limits struct {
	QueueRows int           // rows that may wait
	KeepLog   time.Duration // age of log entries
}

// Run holds an engine to the contract. fresh makes an empty medium.
func Run(t *testing.T, fresh func(t testing.TB) Medium) {
	for name, test := range map[string]func(*testing.T, Medium){
		"record is read back as written":            recordIsReadBack,
		"get of what is not there":                  getOfNothing,
		"revisions grow across delete and reopen":   revisionsGrow,
		"revisions order writes of several keys":    revisionsOrderKeys,
		"conditions":                                conditions,
		"conflict writes nothing":                   conflictWritesNothing,
		"conflict leaves the others alone":          conflictLeavesOthers,
		"conditions look at the state before":       conditionsBeforeWrites,
		"done in order of submission":               doneInOrder,
		"done may submit":                           doneMaySubmit,
		"done is optional":                          doneIsOptional,
		"committed is readable when done is called": readableWhenDone,
		"one of many wins a condition":              oneWins,
		"scan sees its space in every domain":       scanSpace,
		"scan stops at an error":                    scanStops,
		"scan callback may use the store":           scanCallback,
		"scan of many records":                      scanMany,
		"scan of large records":                     scanLarge,
		"record is there until it expires":          neverEarly,
		"expired record does not hurt":              expiredRecord,
		"watch tells changes in order":              watchOrder,
		"watch ends with its context":               watchEnds,
		"watch ends with the store":                 watchEndsWithStore,
		"slow watch is lost, not the commit":        watchBound,
		"watch tells nothing of a conflict":         watchConflict,
		"scan and watch miss nothing":               scanAndWatch,
		"log is numbered and read back":             logReadBack,
		"log queries":                               logQueries,
		"log goes on after reopen":                  logReopen,
		"log without limit is bounded":              logBounded,
		"log entry without time gets one":           logTime,
		"old log entries are removed":               logTrimmed,
		"submit after close":                        submitAfterClose,
		"close commits what waits":                  closeCommits,
		"full queue":                                fullQueue,
		"large batch goes alone":                    largeBatch,
		"too large record":                          tooLarge,
		"ended context":                             endedContext,
		"failed commit":                             failedCommit,
		"health returns by itself":                  healthReturns,
		"agrees with a model":                       agreesWithModel,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, fresh(t))
		})
	}
}

// open opens the medium for the length of the test.
func open(t testing.TB, m Medium) store.Store {
	t.Helper()
	s := m.Open(t, Limits{})
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func reopen(t testing.TB, m Medium, s store.Store) store.Store {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return open(t, m)
}

// space is where most of the records of the tests are.
const space = "thing"

func key(k string) store.Key { return store.Key{Domain: "d1", Space: space, Key: k} }

func record(k, data string) store.Record { return store.Record{Key: key(k), Data: []byte(data)} }

// put writes k with a condition.
func put(k, data string, rev uint64) store.Write {
	return store.Write{Record: record(k, data), If: rev}
}

func writes(ws ...store.Write) store.Batch { return store.Batch{Writes: ws} }

func commit(t testing.TB, s store.Store, b store.Batch) {
	t.Helper()
	if err := s.Commit(t.Context(), b); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error is %v, want %v", err, want)
	}
}

func get(t testing.TB, s store.Store, k string) store.Record {
	t.Helper()
	r, err := s.Get(t.Context(), key(k))
	if err != nil {
		t.Fatalf("get %s: %v", k, err)
	}
	return r
}

// gone fails unless k has no record.
func gone(t testing.TB, s store.Store, k string) {
	t.Helper()
	if r, err := s.Get(t.Context(), key(k)); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("get %s: %+v, %v, want ErrNotFound", k, r, err)
	}
}

func scan(t testing.TB, s store.Store) map[store.Key]store.Record {
	t.Helper()
	found := make(map[store.Key]store.Record)
	err := s.Scan(t.Context(), space, func(r store.Record) error {
		if _, twice := found[r.Key]; twice {
			return fmt.Errorf("%v twice", r.Key)
		}
		found[r.Key] = r
		return nil
	})
	if err != nil {
		t.Fatalf("scan: %v", err)
	}
	return found
}

// count is how many records a space has.
func count(t testing.TB, s store.Store, space string) (n int) {
	t.Helper()
	if err := s.Scan(t.Context(), space, func(store.Record) error { n++; return nil }); err != nil {
		t.Fatalf("scan %s: %v", space, err)
	}
	return n
}

func logged(t testing.TB, s store.Store, q store.LogQuery) []store.Entry {
	t.Helper()
	es, err := s.Log(t.Context(), q)
	if err != nil {
		t.Fatalf("log: %v", err)
	}
	return es
}

// receive takes one value or fails after ten seconds.
func receive[T any](t testing.TB, ch <-chan T) (T, bool) {
	t.Helper()
	select {
	case v, ok := <-ch:
		return v, ok
	case <-time.After(10 * time.Second):
		t.Fatal("nothing received in 10 s")
		panic("not reached")
	}
}
