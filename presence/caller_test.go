package presence

import (
	"errors"
	"strings"
	"testing"
)

func TestCallerOfAnAgent(t *testing.T) {
	p := &Policy{TeamCallers: []TeamCaller{
		{Team: "sales", CallerID: CallerID{Number: "+49301", Name: "Sales"}},
		{Team: "support", CallerID: CallerID{Number: "+49302", Hide: true}},
	}}
	for name, c := range map[string]struct {
		own       CallerID
		teams     []string
		preferred string
		want      CallerID
		of        string
	}{
		"nothing configured":     {want: CallerID{}, of: "agent"},
		"their own":              {own: CallerID{Number: "+49300", Name: "Ada"}, teams: []string{"sales"}, want: CallerID{Number: "+49300", Name: "Ada"}, of: "agent"},
		"the team's":             {teams: []string{"other", "sales"}, want: CallerID{Number: "+49301", Name: "Sales"}, of: "team sales"},
		"the first team's":       {teams: []string{"support", "sales"}, want: CallerID{Number: "+49302", Hide: true}, of: "team support"},
		"their name, its number": {own: CallerID{Name: "Ada"}, teams: []string{"sales"}, want: CallerID{Number: "+49301", Name: "Ada"}, of: "team sales"},
		"hidden by the agent":    {own: CallerID{Hide: true}, teams: []string{"sales"}, want: CallerID{Number: "+49301", Name: "Sales", Hide: true}, of: "team sales"},
		"as preferred":           {own: CallerID{Number: "+49300", Name: "Ada"}, teams: []string{"sales", "support"}, preferred: "+49302", want: CallerID{Number: "+49302", Hide: true}, of: "team support"},
		"preferred, their own":   {own: CallerID{Number: "+49300"}, teams: []string{"sales"}, preferred: "+49300", want: CallerID{Number: "+49300"}, of: "agent"},
		"not theirs to prefer":   {own: CallerID{Number: "+49300"}, teams: []string{"sales"}, preferred: "+49302", want: CallerID{Number: "+49300"}, of: "agent"},
	} {
		if got, of := p.CallerOf(&Agent{Caller: c.own, Teams: c.teams}, c.preferred); got != c.want || of != c.of {
			t.Errorf("%s: %+v of %s", name, got, of)
		}
	}
	for want, bad := range map[string][]TeamCaller{
		"is no number":  {{Team: "a", CallerID: CallerID{Number: "+"}}},
		"longer than":   {{Team: "a", CallerID: CallerID{Name: strings.Repeat("x", 65)}}},
		"there twice":   {{Team: "a"}, {Team: "a"}},
		"more than 200": make([]TeamCaller, 201),
	} {
		if err := (&Policy{TeamCallers: bad}).CheckCallers(); !errors.Is(err, ErrCaller) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}
