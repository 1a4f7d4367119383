package server

import (
	"slices"
	"strings"
)

// part keeps, of however many entries it is offered, the first ones in the order
// of their keys after a given one: a page of a list that is in no order, without
// holding the list.
type part[T any] struct {
	after string
	most  int
	list  []entry[T] // at most twice as many as are wanted
	from  string     // entries from here on are not wanted; empty: not known yet
	more  bool       // some were left out
}

type entry[T any] struct {
	key  string
	item T
}

// offer takes an entry, made by f if it may belong to the part.
func (p *part[T]) offer(key string, f func() T) {
	switch {
	case key <= p.after:
		return
	case p.from != "" && key >= p.from:
		p.more = p.more || key > p.from
		return
	}
	if p.list = append(p.list, entry[T]{key, f()}); len(p.list) >= 2*p.most {
		p.cut()
	}
}

// cut lets go of what is not wanted.
func (p *part[T]) cut() {
	slices.SortFunc(p.list, func(a, b entry[T]) int { return strings.Compare(a.key, b.key) })
	p.list = slices.CompactFunc(p.list, func(a, b entry[T]) bool { return a.key == b.key })
	if len(p.list) > p.most {
		clear(p.list[p.most:])
		p.list, p.more = p.list[:p.most], true
	}
	if len(p.list) == p.most {
		p.from = p.list[p.most-1].key
	}
}

// done is the part, and where the one after it begins; empty if there is none.
func (p *part[T]) done() (items []T, next string) {
	p.cut()
	items = make([]T, 0, len(p.list))
	for _, e := range p.list {
		items = append(items, e.item)
	}
	if p.more && len(p.list) > 0 {
		next = p.list[len(p.list)-1].key
	}
	return items, next
}
