package config

import (
	"fmt"
	"time"

	"lamplight/presence"
)

// Group is a ring group that the file declares: a number that several agents
// answer.
type Group struct {
	Number string `yaml:"number"`
	// Aliases are dialled too, as the number that a trunk delivers.
	Aliases []string `yaml:"aliases"`
	Name    string   `yaml:"name"`
	// Kind is regular (default) or campaign: offered to webphones only, with a
	// wrap-up after the talk.
	Kind string `yaml:"kind"`
	// Strategy is all (default), round_robin, longest_idle, fewest_calls,
	// sequential or skills.
	Strategy string `yaml:"strategy"`
	// Team: everybody of it is a member, after those of Members.
	Team    string   `yaml:"team"`
	Members []Member `yaml:"members"`
	// Level is the lowest level of a member that is offered the group's calls.
	Level int `yaml:"level"`
	// Ring is how long a call is offered to one member; 20s.
	Ring time.Duration `yaml:"ring"`
	// Rest is for how long a member is skipped who did not take a call; 30s, 0s: not at all.
	Rest   *Span   `yaml:"rest"`
	WrapUp *WrapUp `yaml:"wrap_up"`
	// Misses in a row after which Status is selected for the agent; 0: never.
	Misses Misses `yaml:"misses"`
	Queue  Queue  `yaml:"queue"`
	// Fallback is where calls go that nobody takes: a SIP or telephone URI, or a
	// number; default the domain's.
	Fallback string `yaml:"fallback"`
	// Hours are its own; without them the domain's. AfterHours is where calls go
	// outside of them.
	Hours      Hours  `yaml:"hours"`
	AfterHours string `yaml:"after_hours"`
}

// Member is an agent of a group.
type Member struct {
	Agent string `yaml:"agent"` // the number
	Level int    `yaml:"level"` // how well they know what callers ask, 1 (default) to 10
}

// Misses is what becomes of who lets calls ring out.
type Misses struct {
	Most   int    `yaml:"most"`
	Status string `yaml:"status"` // do_not_disturb or the name of a custom one
}

// Queue is how callers wait while no member is free.
type Queue struct {
	Size int           `yaml:"size"` // how many may wait; 0: none
	Wait time.Duration `yaml:"wait"` // how long one may wait; 10m
	// Where a caller goes when the queue is full, the wait is over, or nobody is
	// logged in; default the group's fallback.
	Full    string `yaml:"full"`
	TooLong string `yaml:"too_long"`
	Nobody  string `yaml:"nobody"`
	// Park is a URI that callers are handed to instead of waiting here.
	Park string `yaml:"park"`
}

// Group is the group as the directory keeps it, short of its members.
func (g *Group) Group() presence.Group {
	out := presence.Group{
		Number: g.Number, Aliases: g.Aliases, Name: g.Name, Kind: presence.CallKind(g.Kind), Strategy: presence.Strategy(g.Strategy), Team: g.Team,
		Level: g.Level, Ring: g.Ring, Misses: presence.Misses{Most: g.Misses.Most, Status: selectable(g.Misses.Status)}, Fallback: g.Fallback,
		Hours: g.Hours.Schedule(), AfterHours: g.AfterHours,
		Queue: presence.Queue{Size: g.Queue.Size, Wait: g.Queue.Wait, Full: g.Queue.Full, TooLong: g.Queue.TooLong, Nobody: g.Queue.Nobody, Park: g.Queue.Park},
	}
	if g.Rest != nil {
		if out.Rest = time.Duration(*g.Rest); out.Rest == 0 {
			out.Rest = -1
		}
	}
	if g.WrapUp != nil {
		out.WrapUp = time.Duration(*g.WrapUp)
	}
	return out
}

func (d *Domain) checkGroups(k *check, at string) {
	seen := map[string]bool{}
	for i := range d.Agents {
		seen[d.Agents[i].Number] = true
	}
	for i := range d.Groups {
		g := &d.Groups[i]
		p := fmt.Sprintf("%s.groups[%d]", at, i)
		if g.Number == "" {
			k.fail(p+".number", "missing")
		} else if seen[g.Number] {
			k.fail(p+".number", "%q is used twice", g.Number)
		}
		seen[g.Number] = true
		for j, alias := range g.Aliases {
			if seen[alias] {
				k.fail(fmt.Sprintf("%s.aliases[%d]", p, j), "%q is used twice", alias)
			}
			seen[alias] = true
		}
		d.checkStatus(k, p+".misses.status", g.Misses.Status)
		checkMembers(k, p, g.Members)
		g.Hours.check(k, p+".hours")
		v := g.Group()
		if err := v.Check(); err != nil {
			k.fail(p, "%v", err)
		}
	}
}

func checkMembers(k *check, at string, members []Member) {
	seen := make(map[string]bool, len(members))
	for j, m := range members {
		p := fmt.Sprintf("%s.members[%d]", at, j)
		switch {
		case m.Agent == "":
			k.fail(p+".agent", "missing")
		case seen[m.Agent]:
			k.fail(p+".agent", "%q is a member twice", m.Agent)
		}
		seen[m.Agent] = true
		if m.Level < 0 || m.Level > presence.MaxLevel {
			k.fail(p+".level", "%d is not between 0 and %d", m.Level, presence.MaxLevel)
		}
	}
}
