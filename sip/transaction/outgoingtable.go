package transaction

import (
	"bytes"
	"sync"
)

// outgoingTable is the INVITE client transactions by branch. Those that have their
// final response are settled: they are kept for what comes again, the oldest are
// forgotten where there are too many, and they keep nothing else from beginning.
type outgoingTable struct {
	most, mostSettled int

	mu      sync.Mutex
	m       map[string]*Outgoing // guarded by mu
	settled int                  // how many of m are; guarded by mu
	closed  bool                 // guarded by mu
	// The settled ones, oldest first: a list by next and prev; guarded by mu.
	oldest, newest *Outgoing
}

func (t *outgoingTable) add(o *Outgoing, urgent func(uri string) bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	open := len(t.m) - t.settled
	switch {
	case t.closed:
		return ErrClosed
	case open >= t.most && (urgent == nil || open >= t.most+urgentRoom || !urgent(requestURI(o.raw))):
		return ErrOverload
	}
	t.m[o.branch] = o
	return nil
}

// requestURI is that of a request as it is sent.
func requestURI(raw []byte) string {
	_, rest, _ := bytes.Cut(raw, []byte(" "))
	uri, _, _ := bytes.Cut(rest, []byte(" "))
	return string(uri)
}

// settle notes that a transaction has its final response, and returns the oldest
// such where there are too many.
func (t *outgoingTable) settle(o *Outgoing) (forgotten *Outgoing) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.m[o.branch] != o {
		return nil
	}
	o.listed, o.prev = true, t.newest
	if t.newest != nil {
		t.newest.next = o
	} else {
		t.oldest = o
	}
	t.newest = o
	if t.settled++; t.settled > t.mostSettled {
		forgotten = t.oldest
		t.dropLocked(forgotten)
	}
	return forgotten
}

func (t *outgoingTable) drop(o *Outgoing) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dropLocked(o)
}

func (t *outgoingTable) dropLocked(o *Outgoing) {
	if t.m[o.branch] != o {
		return
	}
	delete(t.m, o.branch)
	if !o.listed {
		return
	}
	t.settled--
	if o.listed = false; o.prev != nil {
		o.prev.next = o.next
	} else {
		t.oldest = o.next
	}
	if o.next != nil {
		o.next.prev = o.prev
	} else {
		t.newest = o.prev
	}
	o.next, o.prev = nil, nil
}

func (t *outgoingTable) find(branch string) *Outgoing {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.m[branch]
}

func (t *outgoingTable) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.m)
}

// close ends all of them; none is begun any more.
func (t *outgoingTable) close() {
	t.mu.Lock()
	t.closed = true
	all := make([]*Outgoing, 0, len(t.m))
	for _, o := range t.m {
		all = append(all, o)
	}
	t.mu.Unlock()
	for _, o := range all {
		o.fail(ErrClosed)
	}
}
