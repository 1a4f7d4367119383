package lists

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/store"
)

// Put makes or replaces a list in the name of actor. Members may be written as
// user@domain; the domain must be the list's. It returns the list as it is kept.
func (l *Lists) Put(ctx context.Context, actor string, v List) (*List, error) {
	l.edit.Lock()
	defer l.edit.Unlock()
	if err := l.complete(&v); err != nil {
		return nil, err
	}
	old, _ := l.Get(v.Domain, v.Owner, v.Name)
	if old != nil && slices.Equal(old.Members, v.Members) {
		return old, nil
	}
	if err := l.room(&v, old); err != nil {
		return nil, err
	}
	data := encode(&v)
	b := store.Batch{
		Writes: []store.Write{store.Put(store.Record{Key: key(&v), Codec: codec, Data: data})},
		Log:    []store.Entry{l.entry(actor, &v, encode(old), data)},
	}
	if err := l.o.Store.Commit(ctx, b); err != nil {
		return nil, fmt.Errorf("lists: put %s: %w", v.Name, err)
	}
	l.install(&v)
	l.tell(&v)
	return &v, nil
}

// Delete removes a list in the name of actor.
func (l *Lists) Delete(ctx context.Context, actor string, dom presence.DomainID, agent presence.AgentID, name string) error {
	l.edit.Lock()
	defer l.edit.Unlock()
	v, ok := l.Get(dom, agent, name)
	if !ok {
		return fmt.Errorf("%w: there is no list %q", ErrNotFound, name)
	}
	if err := l.o.Store.Commit(ctx, l.deletion(actor, v)); err != nil {
		return fmt.Errorf("lists: delete %s: %w", name, err)
	}
	l.drop(v)
	l.tell(v)
	return nil
}

func (l *Lists) deletion(actor string, v *List) store.Batch {
	return store.Batch{Writes: []store.Write{store.Delete(key(v))}, Log: []store.Entry{l.entry(actor, v, encode(v), nil)}}
}

// edited takes the lists of deleted agents away. If the store fails now, the
// next start does it.
func (l *Lists) edited(e directory.Edit) {
	if len(e.DeleteAgents) == 0 {
		return
	}
	l.edit.Lock()
	defer l.edit.Unlock()
	for _, id := range e.DeleteAgents {
		for _, v := range l.ownedBy(id) {
			l.o.Store.Submit(l.deletion(e.Actor, v), func(err error) {
				if err != nil {
					l.o.Log.Warn().Err(err).Str("list", v.Name).Msg("list of a deleted agent is still stored")
				}
			})
			l.drop(v)
			l.tell(v)
		}
	}
}

// ownedBy lists an agent's lists when the directory no longer knows its domain.
func (l *Lists) ownedBy(id presence.AgentID) (out []*List) {
	for _, dom := range l.o.Directory.Domains() {
		out = append(out, l.Of(dom.ID, id)...)
	}
	return out
}

// complete checks a list and puts it in the form that is kept.
func (l *Lists) complete(v *List) error {
	dom, ok := l.o.Directory.Domain(v.Domain)
	if !ok {
		return invalid("domain %s is unknown", v.Domain)
	}
	if !v.Owner.IsZero() {
		if a, ok := l.o.Directory.Agent(v.Owner); !ok || a.Domain != v.Domain {
			return fmt.Errorf("%w: the domain has no such agent", ErrNotFound)
		}
	}
	v.Name = strings.ToLower(v.Name)
	if !validName(v.Name) {
		return invalid("%q is no name for a list: 1 to %d letters, digits, dots, underscores or hyphens, the first a letter or digit", v.Name, maxName)
	}
	users := make([]string, 0, len(v.Members))
	seen := make(map[string]bool, len(v.Members))
	for _, m := range v.Members {
		user, host, given := strings.Cut(m, "@")
		if given && !slices.Contains(dom.Names, strings.ToLower(host)) {
			return invalid("member %q is not of the domain %s", m, dom.Name())
		}
		if !directory.ValidNumber(user) {
			return invalid("member %q is no number or address", m)
		}
		if !seen[user] {
			seen[user] = true
			users = append(users, user)
		}
	}
	if len(users) > l.o.Members {
		return invalid("more than %d members", l.o.Members)
	}
	v.Members = users
	return nil
}

// room holds a new list to the bounds.
func (l *Lists) room(v, old *List) error {
	l.mu.RLock()
	have := len(l.named[owner{v.Domain, v.Owner}])
	l.mu.RUnlock()
	most := l.o.PerAgent
	if v.Owner.IsZero() {
		most = l.o.PerDomain
	}
	if old == nil && have >= most {
		return fmt.Errorf("%w: there are %d lists already", ErrFull, have)
	}
	return nil
}

const maxName = 64

func validName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		case i > 0 && strings.IndexByte("-_.", c) >= 0:
		default:
			return false
		}
	}
	return s != "" && len(s) <= maxName
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}

// install and drop change what readers see. The caller holds l.edit.

func (l *Lists) install(v *List) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := owner{v.Domain, v.Owner}
	if l.named[o] == nil {
		l.named[o] = make(map[string]*List)
	}
	l.named[o][v.Name] = v
}

func (l *Lists) drop(v *List) {
	l.mu.Lock()
	defer l.mu.Unlock()
	o := owner{v.Domain, v.Owner}
	if delete(l.named[o], v.Name); len(l.named[o]) == 0 {
		delete(l.named, o)
	}
}

func (l *Lists) tell(v *List) {
	for _, f := range l.listeners {
		f(Ref{Domain: v.Domain, Owner: v.Owner, Name: v.Name})
	}
}

func (l *Lists) entry(actor string, v *List, before, after []byte) store.Entry {
	return store.Entry{Domain: v.Domain.String(), Node: l.o.Node, Actor: cmp.Or(actor, "system"), Cause: "config",
		Kind: "config", Entity: key(v).Key, Before: before, After: after}
}
