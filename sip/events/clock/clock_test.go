package clock

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestRingsAtItsSecondAndOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, start := New[string](), time.Now()
		at := func(seconds int) int64 { return start.Unix() + int64(seconds) }
		c.Set("third", at(3))
		c.Set("first", at(1))
		c.Set("also first", at(1))
		c.Set("past", at(-100))
		var mu sync.Mutex
		rung := map[string][]int{}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() {
			c.Run(ctx, func(v string, now time.Time) {
				mu.Lock()
				defer mu.Unlock()
				rung[v] = append(rung[v], int(now.Unix()-start.Unix()))
				if v == "first" { // put off
					c.Set("first again", now.Unix())
				}
			})
		})
		time.Sleep(10 * time.Second)
		cancel()
		running.Wait()
		for v, want := range map[string]int{"past": 1, "first": 1, "also first": 1, "first again": 2, "third": 3} {
			if !slices.Equal(rung[v], []int{want}) {
				t.Errorf("%s rang at %v, want at %d", v, rung[v], want)
			}
		}
	})
}

func TestNothingIsLostWhenTheMachineSlept(t *testing.T) {
	for _, many := range []int{1, 5000} {
		c, now := New[int](), time.Now().Unix()
		for i := range many {
			c.Set(i, now+int64(i%3000))
		}
		c.Set(-1, now+100_000)
		got := append(c.Ring(now+2), c.Ring(now+50_000)...)
		slices.Sort(got)
		if len(got) != many || got[0] != 0 || got[many-1] != many-1 {
			t.Errorf("%d of %d rang", len(got), many)
		}
		if late := c.Ring(now + 100_000); !slices.Equal(late, []int{-1}) {
			t.Errorf("%v rang at last", late)
		}
		c.Set(7, now) // a second that has rung
		if again := c.Ring(now + 100_001); !slices.Equal(again, []int{7}) {
			t.Errorf("%v rang after the time", again)
		}
	}
}
