package sqlite_test

import (
	"sync/atomic"
	"testing"
	"time"

	"lamplight/store"
	"lamplight/store/sqlite"
	"lamplight/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(t testing.TB) storetest.Medium {
		var failing atomic.Pointer[error]
		o := sqlite.WithBeforeCommit(sqlite.Options{Dir: t.TempDir()}, func() error {
			if err := failing.Load(); err != nil {
				return *err
			}
			return nil
		})
		return storetest.Medium{
			Open: func(t testing.TB, l storetest.Limits) store.Store {
				o := o
				o.QueueLimit, o.KeepLog, o.PurgeEvery = l.QueueRows, l.KeepLog, 10*time.Millisecond
				return open(t, o)
			},
			Fail: func(err error) {
				if err == nil {
					failing.Store(nil)
					return
				}
				failing.Store(&err)
			},
		}
	})
}

// open opens a store that the caller closes.
func open(t testing.TB, o sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
