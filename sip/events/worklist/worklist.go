// Package worklist hands tasks to a few workers in the order they came.
//
// A list has no bound of its own: who pushes sees to it that each of a bounded
// set of things waits at most once.
package worklist

import "sync"

// List is a queue of tasks; New makes one.
type List[T any] struct {
	mu     sync.Mutex
	some   sync.Cond
	tasks  []T // ring; mu guards it and the fields below
	head   int
	length int
	busy   int // workers in the middle of a task
	closed bool
}

// New makes an empty list.
func New[T any]() *List[T] {
	l := &List[T]{}
	l.some.L = &l.mu
	return l
}

// Push appends a task. It does not block.
func (l *List[T]) Push(t T) {
	l.mu.Lock()
	if l.length == len(l.tasks) {
		grown := make([]T, max(64, 2*len(l.tasks)))
		n := copy(grown, l.tasks[l.head:])
		copy(grown[n:], l.tasks[:l.head])
		l.tasks, l.head = grown, 0
	}
	l.tasks[(l.head+l.length)%len(l.tasks)] = t
	l.length++
	l.mu.Unlock()
	l.some.Signal()
}

// Work calls do with one task after the other until the list is closed and
// empty. Several goroutines may work on one list.
func (l *List[T]) Work(do func(T)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		for l.length == 0 {
			if l.closed {
				return
			}
			l.some.Wait()
		}
		t := l.popLocked()
		l.mu.Unlock()
		do(t)
		l.mu.Lock()
		l.busy--
	}
}

func (l *List[T]) popLocked() T {
	var none T
	t := l.tasks[l.head]
	l.tasks[l.head] = none
	l.head = (l.head + 1) % len(l.tasks)
	l.length--
	l.busy++
	if l.length == 0 && len(l.tasks) > 1<<14 {
		l.tasks = nil // a burst is over
		l.head = 0
	}
	return t
}

// Close lets the workers end once nothing is left.
func (l *List[T]) Close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.some.Broadcast()
}

// Depth is how many tasks wait or are being done.
func (l *List[T]) Depth() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.length + l.busy
}
