package resolve

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestAnswersAreKeptForTheirTime(t *testing.T) {
	for name, c := range map[string]struct {
		ttl, kept time.Duration
		srv       []SRV
	}{
		"as long as they say": {time.Minute, time.Minute, []SRV{{1, 1, 1, "a"}}},
		"not for a day":       {24 * time.Hour, mostKept, []SRV{{1, 1, 1, "a"}}},
		"nor for no time":     {0, leastKept, []SRV{{1, 1, 1, "a"}}},
		"that there is none":  {time.Hour, mostDenied, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				z := &zone{srv: map[string][]SRV{"s.test": c.srv}, ttl: c.ttl}
				k := NewCache(z, Hosts{Lookup: z.lookup})
				ask := func(questions int) {
					t.Helper()
					a, err := k.Ask(t.Context(), "S.test", KindSRV)
					if err != nil || len(a.SRV) != len(c.srv) || len(z.asked) != questions {
						t.Errorf("%+v, %v after %d questions, want %d", a, err, len(z.asked), questions)
					}
				}
				z.srv["S.test"] = c.srv
				ask(1)
				time.Sleep(c.kept - time.Millisecond)
				ask(1)
				time.Sleep(time.Millisecond)
				ask(2)
			})
		})
	}
}

func TestOldAnswerIsBetterThanNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{hosts: map[string]string{"h.test": "192.0.2.1"}, down: map[string]bool{"never.test": true}}
		k := NewCache(z, Hosts{Lookup: z.lookup})
		l := k.Locator()
		find := func(host string) (string, error) {
			got, err := l.Find(t.Context(), Server{Transport: "UDP", Host: host, Port: 5060})
			return places(got), err
		}
		if got, err := find("h.test"); err != nil {
			t.Error(got, err)
		}
		z.down["h.test"] = true
		time.Sleep(hostsKept)
		for range 3 { // and it is not asked for every call that nobody answers
			if got, err := find("h.test"); got != "UDP 192.0.2.1:5060" || err != nil || len(z.asked) != 2 {
				t.Errorf("%q, %v after %v", got, err, z.asked)
			}
		}
		time.Sleep(stale)
		if got, err := find("h.test"); !errors.Is(err, errDown) {
			t.Errorf("after a day: %q, %v", got, err)
		}
		if _, err := find("never.test"); !errors.Is(err, errDown) {
			t.Error(err)
		}
		delete(z.down, "h.test")
		time.Sleep(failedKept)
		if got, err := find("h.test"); got != "UDP 192.0.2.1:5060" || err != nil {
			t.Errorf("back: %q, %v", got, err)
		}
	})
}

func TestOneQuestionForAllWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		k := NewCache(nil, Hosts{Lookup: func(ctx context.Context, _ string) ([]netip.Addr, error) {
			asked++
			select {
			case <-time.After(3 * time.Second):
				return []netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}})
		var wg sync.WaitGroup
		wait := func(limit time.Duration, ok bool) {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				defer cancel()
				start := time.Now()
				got, err := k.Lookup(ctx, "h.test")
				if (err == nil) != ok || ok != (len(got) == 1) || time.Since(start) > limit {
					t.Errorf("%v, %v after %v of %v", got, err, time.Since(start), limit)
				}
			})
			synctest.Wait()
		}
		wait(time.Second, false) // who asks gives up first: the next one asks again
		for range 9 {
			wait(5*time.Second, true)
		}
		wait(2*time.Second, false)
		wg.Wait()
		if asked != 2 {
			t.Errorf("asked %d times", asked)
		}
	})
}

func TestCacheIsBounded(t *testing.T) {
	z := &zone{ttl: time.Hour}
	k := NewCache(z, Hosts{Lookup: z.lookup})
	for i := range 3 * maxCached {
		if _, err := k.Ask(t.Context(), fmt.Sprint("n", i), KindSRV); err != nil {
			t.Fatal(err)
		}
	}
	if len(k.entries) > maxCached {
		t.Errorf("%d entries", len(k.entries))
	}
}
