package routing

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"lamplight/presence"
)

// member is a free one that was made idle so many minutes ago.
func member(n byte, idle, calls, level int) Candidate {
	return Candidate{
		Agent: presence.AgentID{ID: presence.ID{n}}, Number: string('a' + rune(n) - 1), Level: level, Free: true,
		Idle: t0.Add(-time.Duration(idle) * time.Minute), Calls: calls,
	}
}

// asked is the order in which members are offered the call, a comma between steps.
func asked(d *Decision) string {
	var steps []string
	for _, s := range d.Steps {
		var ids string
		for _, t := range s.Targets {
			ids += t.ID
		}
		steps = append(steps, ids)
	}
	return strings.Join(steps, ",")
}

func TestOrderOfAGroup(t *testing.T) {
	members := []Candidate{member(1, 1, 5, 2), member(2, 9, 2, 9), member(3, 5, 2, 9), member(4, 30, 7, 0)}
	with := func(change func([]Candidate)) []Candidate {
		m := slices.Clone(members)
		change(m)
		return m
	}
	last := func(n byte) presence.AgentID { return presence.AgentID{ID: presence.ID{n}} }
	for name, c := range map[string]struct {
		group   presence.Group
		members []Candidate
		last    presence.AgentID
		want    string
	}{
		"all":                          {presence.Group{}, members, last(0), "abcd"},
		"sequential":                   {presence.Group{Strategy: presence.Sequential}, members, last(3), "a,b,c,d"},
		"round robin begins":           {presence.Group{Strategy: presence.RoundRobin}, members, last(0), "a,b,c,d"},
		"round robin goes on":          {presence.Group{Strategy: presence.RoundRobin}, members, last(2), "c,d,a,b"},
		"round robin after the end":    {presence.Group{Strategy: presence.RoundRobin}, members, last(4), "a,b,c,d"},
		"round robin, the last is out": {presence.Group{Strategy: presence.RoundRobin}, with(func(m []Candidate) { m[1].Free = false }), last(2), "c,d,a"},
		"longest idle":                 {presence.Group{Strategy: presence.LongestIdle}, members, last(0), "d,b,c,a"},
		"longest idle, one never was":  {presence.Group{Strategy: presence.LongestIdle}, with(func(m []Candidate) { m[0].Idle = time.Time{} }), last(0), "a,d,b,c"},
		"fewest calls":                 {presence.Group{Strategy: presence.FewestCalls}, members, last(0), "b,c,a,d"},
		"skills":                       {presence.Group{Strategy: presence.Skills}, members, last(0), "b,c,a,d"},
		"skills from a level on":       {presence.Group{Strategy: presence.Skills, Level: 3}, members, last(0), "b,c"},
		"level of no skills group":     {presence.Group{Level: 2}, members, last(0), "abc"},
		"who rests":                    {presence.Group{}, with(func(m []Candidate) { m[0].Rest = t0.Add(time.Second) }), last(0), "bcd"},
		"who has rested":               {presence.Group{}, with(func(m []Candidate) { m[0].Rest = t0 }), last(0), "abcd"},
		"who was asked":                {presence.Group{}, with(func(m []Candidate) { m[2].Tried = true }), last(0), "abd"},
	} {
		t.Run(name, func(t *testing.T) {
			d := DecideGroup(GroupCall{Group: c.group, Members: c.members, Last: c.last, At: t0})
			if got := asked(&d); got != c.want || !d.Allow {
				t.Errorf("asked in the order %s, want %s", got, c.want)
			}
			if len(d.Devices) != len(c.members) {
				t.Errorf("%d of %d members have a reason", len(d.Devices), len(c.members))
			}
			for i, s := range d.Steps {
				if s.After != time.Duration(i)*20*time.Second {
					t.Errorf("step %d after %s", i, s.After)
				}
			}
		})
	}
}

// With nobody to ask, a busy member makes it worth waiting.
func TestNobodyOfAGroupIsFree(t *testing.T) {
	out := func(why string, soon bool) Candidate { return Candidate{Number: "a", Why: why, Soon: soon, Level: 2} }
	rests := member(1, 1, 1, 2)
	rests.Rest = t0.Add(time.Minute)
	for name, c := range map[string]struct {
		m     []Candidate
		level int
		code  int
		wait  bool
		why   string
	}{
		"no members":         {nil, 0, 480, false, ""},
		"all are away":       {[]Candidate{out("Offline", false)}, 0, 480, false, "Offline"},
		"one is busy":        {[]Candidate{out("Offline", false), out("On a Call", true)}, 0, 486, true, "Offline"},
		"one rests":          {[]Candidate{rests}, 0, 480, true, "did not take a call, is skipped until " + t0.Add(time.Minute).UTC().Format("15:04:05")},
		"who is busy cannot": {[]Candidate{out("On a Call", true)}, 5, 480, false, "level 2 is below 5"},
	} {
		t.Run(name, func(t *testing.T) {
			call := GroupCall{Group: presence.Group{Level: c.level}, Members: c.m, At: t0}
			d := DecideGroup(call)
			if d.Allow || d.Code != c.code || call.MayWait() != c.wait {
				t.Errorf("%+v, may wait %v", d, call.MayWait())
			}
			if c.why != "" && d.Devices[0].Reason != c.why {
				t.Errorf("left out: %q", d.Devices[0].Reason)
			}
		})
	}
}

// A group's decision is stored and made again like an agent's.
func TestGroupDecisionsAreReplayed(t *testing.T) {
	call := GroupCall{ID: "c1", Kind: presence.CallRegular, Group: presence.Group{Number: "600", Strategy: presence.Skills},
		Members: []Candidate{member(1, 3, 4, 5), member(2, 3, 4, 9)}, At: t0}
	r := Record{Inputs: Inputs{Group: &call}, Outcome: Outcome{ID: "d1", Decision: DecideGroup(call)}}
	before, after, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	read, err := ReadRecord(before, after)
	if err != nil {
		t.Fatal(err)
	}
	if id, at := read.Asked(); id != "c1" || !at.Equal(t0) {
		t.Errorf("asked %s at %s", id, at)
	}
	if _, same, err := read.Replay(); !same || err != nil {
		t.Errorf("the same: %v, %v", same, err)
	}
	read.Group.Members[0].Level = 10
	if again, same, _ := read.Replay(); same {
		t.Error("another member would be asked first, and nothing was noticed: " + asked(&again))
	}
	if _, err := json.Marshal(read); err != nil {
		t.Error(err)
	}
}

// An agent's own fallback is no place for a group's call: the next member is.
func TestGroupCallsDoNotFollowAMembersFallback(t *testing.T) {
	s := snapshot(typical(selected(presence.SelectDND)), house())
	s.Settings.Fallback = "sip:voicemail@ex.test"
	if d := Decide(s, house(), Call{Kind: presence.CallRegular, Group: "600", At: t0}); d.Allow || d.Fallback {
		t.Errorf("%+v", d)
	}
}
