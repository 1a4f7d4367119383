// Package lists knows what a phone can watch with one subscription: each team,
// and the named lists that administrators and agents define.
//
// # Addresses
//
// A team is team-NAME at its domain, its name as directory.TeamAddress writes it;
// a named list is list-NAME. No agent is given such a number. The plain NAME is
// good too as long as no agent has it. Where an agent's own list and one of the
// domain have one name, the agent's phones get their own.
//
// # Guarantees
//
//   - A list is durable before Put returns, and gone from the store before Delete
//     does. Listeners hear of it afterwards, in order.
//   - The lists of a deleted agent go with it.
//   - Lists, their names and their members are bounded in number and length.
package lists

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/rs/zerolog"

	"lamplight/presence"
	"lamplight/presence/directory"
	"lamplight/store"
)

// Errors matched by errors.Is.
var (
	ErrNotFound = errors.New("lists: not found")
	ErrInvalid  = errors.New("lists: invalid")
	ErrFull     = errors.New("lists: too many")
)

// List is a named list.
type List struct {
	Domain presence.DomainID `json:"domain"`
	// Owner is whose list it is; zero: the domain's.
	Owner presence.AgentID `json:"owner,omitzero"`
	Name  string           `json:"name"`
	// Members are user parts of addresses in the domain: agents' numbers, other
	// addresses of theirs, or addresses known from publications only.
	Members []string `json:"members"`
}

// Ref names a list of any kind; it is comparable.
type Ref struct {
	Domain presence.DomainID
	Team   string           // address of a team; empty: a named list
	Owner  presence.AgentID // of a named list; zero: the domain's
	Name   string           // of a named list
}

// Options of the lists. Store and Directory are required; the zero value of
// everything else is useful.
type Options struct {
	Store     store.Store
	Directory *directory.Directory
	Node      string // name in the change log; default "node-1"
	// Members bounds the members of a list, PerAgent the lists of an agent and
	// PerDomain those of a domain; defaults 500, 20 and 1000.
	Members, PerAgent, PerDomain int
	Log                          zerolog.Logger
}

// Validate names what is missing or out of bounds.
func (o Options) Validate() error {
	switch {
	case o.Store == nil || o.Directory == nil:
		return errors.New("lists: store and directory are required")
	case o.Members < 0 || o.Members > maxMembers:
		return fmt.Errorf("lists: 1 to %d members", maxMembers)
	}
	return nil
}

// maxMembers is what Options.Members may be at most.
const maxMembers = 5000

// Lists is safe for concurrent use. Values it returns are shared and must not be
// changed by the caller.
type Lists struct {
	o Options

	// edit serialises changes, from the check to the last listener.
	edit      sync.Mutex
	listeners []func(Ref) // guarded by edit

	mu    sync.RWMutex
	named map[owner]map[string]*List // guarded by mu; by name
}

// owner is whose lists are counted together.
type owner struct {
	domain presence.DomainID
	agent  presence.AgentID
}

// Open reads the lists and follows the directory. ctx bounds the reading.
func Open(ctx context.Context, o Options) (*Lists, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o.Node = cmp.Or(o.Node, "node-1")
	o.Members, o.PerAgent, o.PerDomain = cmp.Or(o.Members, 500), cmp.Or(o.PerAgent, 20), cmp.Or(o.PerDomain, 1000)
	l := &Lists{o: o, named: make(map[owner]map[string]*List)}
	if err := l.load(ctx); err != nil {
		return nil, err
	}
	o.Directory.OnChange(l.edited)
	return l, nil
}

// OnChange calls f after every change of a named list, in order. f must not
// change lists. Changes of teams are the directory's to tell.
func (l *Lists) OnChange(f func(Ref)) {
	l.edit.Lock()
	defer l.edit.Unlock()
	l.listeners = append(l.listeners, f)
}

// Get finds a named list; a zero agent means the domain's.
func (l *Lists) Get(dom presence.DomainID, agent presence.AgentID, name string) (*List, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	v, ok := l.named[owner{dom, agent}][strings.ToLower(name)]
	return v, ok
}

// Of lists an agent's lists by name; a zero agent means the domain's.
func (l *Lists) Of(dom presence.DomainID, agent presence.AgentID) []*List {
	l.mu.RLock()
	out := make([]*List, 0, len(l.named[owner{dom, agent}]))
	for _, v := range l.named[owner{dom, agent}] {
		out = append(out, v)
	}
	l.mu.RUnlock()
	slices.SortFunc(out, func(a, b *List) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// Find says which list an address leads to for the phones of holder, which is
// zero for one that is nobody's. certain is true for an address that can be
// nothing else, whether or not there is such a list.
func (l *Lists) Find(dom presence.DomainID, holder presence.AgentID, user string) (ref Ref, ok, certain bool) {
	user = strings.ToLower(user)
	if team, is := strings.CutPrefix(user, directory.TeamPrefix); is {
		ref, ok = l.team(dom, team)
		return ref, ok, true
	}
	name, certain := strings.CutPrefix(user, directory.ListPrefix)
	for _, agent := range [...]presence.AgentID{holder, {}} {
		if _, ok = l.Get(dom, agent, name); ok {
			return Ref{Domain: dom, Owner: agent, Name: name}, true, certain
		}
	}
	if !certain {
		ref, ok = l.team(dom, user)
	}
	return ref, ok, certain
}

func (l *Lists) team(dom presence.DomainID, name string) (Ref, bool) {
	if !l.o.Directory.HasTeam(dom, name) { // phones may be told the name with its spaces
		name = directory.TeamAddress(name)
	}
	return Ref{Domain: dom, Team: name}, l.o.Directory.HasTeam(dom, name)
}

// Members are the user parts of who is on the list now, in order, no more than
// the bound; ok is false for a named list that is no more. A team that nobody is
// in any more is empty.
func (l *Lists) Members(r Ref) (users []string, ok bool) {
	if r.Team == "" {
		v, ok := l.Get(r.Domain, r.Owner, r.Name)
		if !ok {
			return nil, false
		}
		return v.Members, true
	}
	team := l.o.Directory.Team(r.Domain, r.Team)
	team = team[:min(len(team), l.o.Members)]
	users = make([]string, len(team))
	for i, a := range team {
		users[i] = a.Number
	}
	return users, true
}

// Most is how many members a list may have.
func (l *Lists) Most() int { return l.o.Members }
