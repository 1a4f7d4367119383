package server

import "slices"

// part keeps, of however many entries it is offered, the first ones in the order
// of their keys after a given one: a page of a list that is in no order, without
// holding the list.
type part[T any] struct {
	after string
	most  int
	keys  []string // sorted
	items []T      // by keys
	more  bool     // some were left out
}

// offer takes an entry, made by f only if it belongs to the part.
func (p *part[T]) offer(key string, f func() T) {
	if key <= p.after {
		return
	}
	at, found := slices.BinarySearch(p.keys, key)
	switch {
	case found:
		return
	case at >= p.most:
		p.more = true
		return
	case len(p.keys) == p.most:
		p.keys, p.items, p.more = p.keys[:p.most-1], p.items[:p.most-1], true
	}
	p.keys, p.items = slices.Insert(p.keys, at, key), slices.Insert(p.items, at, f())
}

// next is where the part after this one begins; empty if there is none.
func (p *part[T]) next() string {
	if !p.more || len(p.keys) == 0 {
		return ""
	}
	return p.keys[len(p.keys)-1]
}
