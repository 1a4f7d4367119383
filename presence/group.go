package presence

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"lamplight/presence/schedule"
)

// GroupID identifies a ring group.
type GroupID struct{ ID }

// Group is a number that several agents answer. What is unset has the default
// that its method gives.
type Group struct {
	ID     GroupID  `json:"id"`
	Domain DomainID `json:"domain"`
	// Number is dialled; no agent and no other group of the domain has it.
	Number string `json:"number"`
	// Aliases are dialled too, as the number that a trunk delivers; up to 20, each as
	// much the group's own as Number.
	Aliases []string `json:"aliases,omitempty"`
	Name    string   `json:"name"`
	// Kind is what its calls are: regular, or campaign, which are offered to
	// webphones only and have a wrap-up after them (rule 9).
	Kind     CallKind `json:"kind,omitempty"`
	Strategy Strategy `json:"strategy,omitempty"`
	// Members in the order of the sequential strategy. Everybody of Team is a
	// member too, after them, by number.
	Members []Member `json:"members,omitempty"`
	Team    string   `json:"team,omitempty"`
	// Level is the lowest level of a member that is offered its calls.
	Level int `json:"level,omitempty"`
	// Ring is how long a call is offered to one member, 5 s to 2 min.
	Ring time.Duration `json:"ring,omitempty"`
	// Rest is for how long a member who refused or did not answer is skipped
	// (rule 17), up to an hour; negative: not at all.
	Rest time.Duration `json:"rest,omitempty"`
	// WrapUp after its campaign calls; zero: the domain's. See Policy.WrapUp.
	WrapUp time.Duration `json:"wrap_up,omitempty"`
	Misses Misses        `json:"misses,omitzero"`
	Queue  Queue         `json:"queue,omitzero"`
	// Fallback is where its calls go that nobody takes, see CheckFallback;
	// empty: the domain's.
	Fallback string `json:"fallback,omitempty"`
	// Hours are its own, see Policy.Hours; a member's own come before them. AfterHours
	// is where calls go outside of them; empty: the domain's.
	Hours      *schedule.Schedule `json:"hours,omitempty"`
	AfterHours string             `json:"after_hours,omitempty"`
}

// Member is an agent of a group.
type Member struct {
	Agent AgentID `json:"agent"`
	// Level is how well the agent knows what the group's callers ask, 1 to 10;
	// zero is 1. Only the skills strategy looks at it, and Group.Level.
	Level int `json:"level,omitempty"`
}

// Strategy says in which order a group's members are offered a call.
type Strategy string

// The strategies; the empty value means RingAll.
const (
	// RingAll rings every member who is free, at once.
	RingAll Strategy = "all"
	// RoundRobin goes on behind the member who was offered the last call.
	RoundRobin Strategy = "round_robin"
	// LongestIdle begins with who has been without a call the longest.
	LongestIdle Strategy = "longest_idle"
	// FewestCalls begins with who has had the fewest of the group's calls today.
	FewestCalls Strategy = "fewest_calls"
	// Sequential begins with the first member, each time.
	Sequential Strategy = "sequential"
	// Skills begins with the highest level, and there with the longest idle.
	Skills Strategy = "skills"
)

// Misses is what becomes of a member who lets the group's calls ring out or
// refuses them, several in a row (rule 17). Calls that others answered first are
// no misses.
type Misses struct {
	// Most is how many; zero: any number, and nothing happens.
	Most int `json:"most,omitempty"`
	// Status is selected for the agent then.
	Status Selectable `json:"status,omitempty"`
}

// Queue is how callers wait where no member is free. The zero value lets none
// wait.
type Queue struct {
	// Size is how many may wait, up to 1000.
	Size int `json:"size,omitempty"`
	// Wait is how long one may wait, 10 s to 2 h.
	Wait time.Duration `json:"wait,omitempty"`
	// Full, TooLong and Nobody are where a caller goes when the queue is full,
	// when the wait is over, and when no member is logged in who could become
	// free; empty: the group's fallback. See CheckFallback.
	Full    string `json:"full,omitempty"`
	TooLong string `json:"too_long,omitempty"`
	Nobody  string `json:"nobody,omitempty"`
	// Park is a URI that callers are handed to at once instead of waiting here: a
	// PBX that plays music and calls the group again.
	Park string `json:"park,omitempty"`
}

// What an unset group means.
const (
	defaultOffer = 20 * time.Second
	defaultRest  = 30 * time.Second
	defaultWait  = 10 * time.Minute
	maxMembers   = 1000
	maxAliases   = 20
	maxQueue     = 1000
	maxMisses    = 100
)

// MaxLevel is the highest level that a member may have.
const MaxLevel = 10

// Numbers are all that is dialled for the group.
func (g *Group) Numbers() []string { return append([]string{g.Number}, g.Aliases...) }

// CallKind is what the group's calls are.
func (g *Group) CallKind() CallKind {
	if g.Kind == "" {
		return CallRegular
	}
	return g.Kind
}

// Order is the strategy.
func (g *Group) Order() Strategy {
	if g.Strategy == "" {
		return RingAll
	}
	return g.Strategy
}

// RingTime is how long one member is offered a call.
func (g *Group) RingTime() time.Duration {
	if g.Ring <= 0 {
		return defaultOffer
	}
	return g.Ring
}

// RestTime is for how long a member is skipped who did not take a call.
func (g *Group) RestTime() time.Duration {
	switch {
	case g.Rest < 0:
		return 0
	case g.Rest == 0:
		return defaultRest
	}
	return g.Rest
}

// WaitTime is how long a caller may wait.
func (q *Queue) WaitTime() time.Duration {
	if q.Wait <= 0 {
		return defaultWait
	}
	return q.Wait
}

// Has reports whether callers may wait here at all.
func (q *Queue) Has() bool { return q.Size > 0 || q.Park != "" }

// Check holds the group to its bounds, all but what only its domain knows: its
// number, and that its members are agents.
func (g *Group) Check() error {
	switch g.Kind {
	case "", CallRegular, CallCampaign:
	default:
		return fmt.Errorf("kind %q: regular or campaign", g.Kind)
	}
	switch g.Strategy {
	case "", RingAll, RoundRobin, LongestIdle, FewestCalls, Sequential, Skills:
	default:
		return fmt.Errorf("strategy %q: all, round_robin, longest_idle, fewest_calls, sequential or skills", g.Strategy)
	}
	if err := g.checkMembers(); err != nil {
		return err
	}
	switch {
	case len(g.Aliases) > maxAliases:
		return fmt.Errorf("more than %d aliases", maxAliases)
	case g.Ring != 0 && (g.Ring < 5*time.Second || g.Ring > 2*time.Minute):
		return fmt.Errorf("a ring time of %s is not between 5s and 2m", g.Ring)
	case g.Rest > time.Hour:
		return fmt.Errorf("a rest of %s is more than 1h", g.Rest)
	case g.WrapUp != 0 && g.WrapUp != WrapUpNone && g.WrapUp != WrapUpUnlimited && (g.WrapUp < 5*time.Second || g.WrapUp > 2*time.Minute):
		return fmt.Errorf("a wrap-up of %s is not between 5s and 2m", g.WrapUp)
	case g.Misses.Most < 0 || g.Misses.Most > maxMisses:
		return fmt.Errorf("%d misses are not between 0 and %d", g.Misses.Most, maxMisses)
	case g.Misses.Most > 0 && g.Misses.Status == "":
		return errors.New("misses without a status that they lead to")
	}
	if err := g.Hours.Check(); err != nil {
		return fmt.Errorf("hours: %w", err)
	}
	if err := CheckFallback(g.AfterHours); err != nil {
		return fmt.Errorf("after_hours %q: %w", g.AfterHours, err)
	}
	if err := CheckFallback(g.Fallback); err != nil {
		return fmt.Errorf("fallback %q: %w", g.Fallback, err)
	}
	return g.Queue.check()
}

func (g *Group) checkMembers() error {
	if len(g.Members) > maxMembers {
		return fmt.Errorf("more than %d members", maxMembers)
	}
	if g.Level < 0 || g.Level > MaxLevel {
		return fmt.Errorf("level %d is not between 0 and %d", g.Level, MaxLevel)
	}
	for i, m := range g.Members {
		if m.Level < 0 || m.Level > MaxLevel {
			return fmt.Errorf("level %d of a member is not between 0 and %d", m.Level, MaxLevel)
		}
		if slices.ContainsFunc(g.Members[:i], func(o Member) bool { return o.Agent == m.Agent }) {
			return fmt.Errorf("agent %s is a member twice", m.Agent)
		}
	}
	return nil
}

func (q *Queue) check() error {
	switch {
	case q.Size < 0 || q.Size > maxQueue:
		return fmt.Errorf("a queue of %d is not between 0 and %d", q.Size, maxQueue)
	case q.Wait != 0 && (q.Wait < 10*time.Second || q.Wait > 2*time.Hour):
		return fmt.Errorf("a wait of %s is not between 10s and 2h", q.Wait)
	}
	for name, to := range map[string]string{"full": q.Full, "too_long": q.TooLong, "nobody": q.Nobody, "park": q.Park} {
		if err := CheckFallback(to); err != nil {
			return fmt.Errorf("queue %s %q: %w", name, to, err)
		}
	}
	return nil
}
