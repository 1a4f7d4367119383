// Package clock wakes things at whole seconds: what expires, what may be tried
// again. There may be hundreds of thousands of them, so a thing costs one entry
// of a list and no timer, and is never moved: what was put off in the meantime is
// found not due when its old second comes, and is set anew.
package clock

import (
	"context"
	"sync"
	"time"
)

// Clock is safe for concurrent use; New makes one.
type Clock[T any] struct {
	mu   sync.Mutex
	due  map[int64][]T // by second since 1970; mu guards it
	next int64         // the first second that has not rung; mu guards it
}

// New makes a clock that has nothing to ring for.
func New[T any]() *Clock[T] {
	return &Clock[T]{due: make(map[int64][]T), next: time.Now().Unix()}
}

// Set has v rung at that second since 1970, or at the next if that has passed. It
// returns which.
func (c *Clock[T]) Set(v T, second int64) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	second = max(second, c.next)
	c.due[second] = append(c.due[second], v)
	return second
}

// Ring takes out what is due at or before now.
func (c *Clock[T]) Ring(now int64) (due []T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now >= c.next+int64(len(c.due)) { // the machine slept, or there is little to look through
		for at, list := range c.due {
			if at <= now {
				due = append(due, list...)
				delete(c.due, at)
			}
		}
		c.next = max(c.next, now+1)
		return due
	}
	for ; c.next <= now; c.next++ {
		if list, ok := c.due[c.next]; ok {
			due = append(due, list...)
			delete(c.due, c.next)
		}
	}
	return due
}

// Run rings every second until ctx ends, on the caller's goroutine.
func (c *Clock[T]) Run(ctx context.Context, ring func(v T, now time.Time)) {
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-t.C:
			for _, v := range c.Ring(now.Unix()) {
				ring(v, now)
			}
		}
	}
}
