package notifier

import "sync"

// task is work for a worker: all subscriptions of a presentity, a single one,
// or the rest of a SUBSCRIBE whose row was committed.
type task struct {
	p *presentity
	s *subscription
	f func()
}

// queue holds the tasks. It is bounded by what it holds: each presentity and
// each subscription waits at most once, and the SUBSCRIBEs under way are
// limited before they get here.
type queue struct {
	mu     sync.Mutex
	some   sync.Cond
	tasks  []task // ring; mu guards it and the fields below
	head   int
	length int
	busy   int // workers in the middle of a task
	closed bool
}

func newQueue() *queue {
	q := &queue{}
	q.some.L = &q.mu
	return q
}

func (q *queue) push(t task) {
	q.mu.Lock()
	if q.length == len(q.tasks) {
		grown := make([]task, max(64, 2*len(q.tasks)))
		n := copy(grown, q.tasks[q.head:])
		copy(grown[n:], q.tasks[:q.head])
		q.tasks, q.head = grown, 0
	}
	q.tasks[(q.head+q.length)%len(q.tasks)] = t
	q.length++
	q.mu.Unlock()
	q.some.Signal()
}

// pop waits for a task; false when the queue is closed and empty. Each pop but
// the first ends the task before.
func (q *queue) pop(first bool) (task, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !first {
		q.busy--
	}
	for q.length == 0 {
		if q.closed {
			return task{}, false
		}
		q.some.Wait()
	}
	t := q.tasks[q.head]
	q.tasks[q.head] = task{}
	q.head = (q.head + 1) % len(q.tasks)
	q.length--
	q.busy++
	return t, true
}

func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.some.Broadcast()
}

// depth is how many tasks wait or are being done.
func (q *queue) depth() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.length + q.busy
}
