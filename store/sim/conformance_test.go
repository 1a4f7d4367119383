package sim_test

import (
	"testing"

	"lamplight/store"
	"lamplight/store/sim"
	"lamplight/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, func(testing.TB) storetest.Medium {
		var s *sim.Store
		return storetest.Medium{
			Open: func(t testing.TB, l storetest.Limits) store.Store {
				o := sim.Options{QueueLimit: l.QueueRows, KeepLog: l.KeepLog}
				if s == nil {
					s = sim.New(o)
					return s
				}
				next, err := s.Reopen(o)
				if err != nil {
					t.Fatal(err)
				}
				s = next
				return s
			},
			Fail: func(err error) { s.Fail(err) },
		}
	})
}
