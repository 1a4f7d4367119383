package phonestate

import (
	"testing"

	"lamplight/presence"
)

func TestWhatAPhonesWordsMean(t *testing.T) {
	p := &presence.Policy{Statuses: []presence.Custom{{Name: "Break", Activity: "away"}, {Name: "Training", Activity: "Busy"}, {Name: "Tea"}}}
	rings := &presence.Policy{Statuses: []presence.Custom{{Name: "Training", Activity: "Busy", Regular: true}}}
	plain := &presence.Policy{}
	for name, c := range map[string]struct {
		says   value
		policy *presence.Policy
		want   presence.Selectable
	}{
		"open":                        {value{Open: true}, p, "available"},
		"closed":                      {value{Closed: true}, p, ""},
		"nothing":                     {value{}, p, ""},
		"busy":                        {value{Open: true, Activities: []string{"busy"}}, plain, "do_not_disturb"},
		"busy, which a status has":    {value{Open: true, Activities: []string{"busy"}}, p, "custom:Training"},
		"busy, a status that rings":   {value{Open: true, Activities: []string{"busy"}}, rings, "do_not_disturb"},
		"another maker's":             {value{Open: true, Activities: []string{"dnd"}}, p, "do_not_disturb"},
		"away":                        {value{Open: true, Activities: []string{"away"}}, p, "custom:Break"},
		"away, which no status has":   {value{Open: true, Activities: []string{"away"}}, plain, ""},
		"away and closed":             {value{Closed: true, Activities: []string{"away"}}, p, "do_not_disturb"},
		"at lunch and closed":         {value{Closed: true, Activities: []string{"meal"}}, p, "do_not_disturb"},
		"in a call":                   {value{Open: true, Activities: []string{"busy", "on-the-phone"}}, plain, ""},
		"a note that is a status":     {value{Open: true, Note: "TEA"}, p, "custom:Tea"},
		"a note that is none":         {value{Open: true, Note: "back at noon"}, p, "available"},
		"a note, and in a call":       {value{Open: true, Note: "Tea", Activities: []string{"on-the-phone"}}, p, "custom:Tea"},
		"an activity nobody heard of": {value{Open: true, Activities: []string{"juggling"}}, p, ""},
	} {
		got, ok := c.says.wish(c.policy)
		if !ok {
			got = ""
		}
		if got != c.want {
			t.Errorf("%s means %q, want %q", name, got, c.want)
		}
	}
}

func TestOnlyAChangeOfWhatIsMeantSelects(t *testing.T) {
	p := &presence.Policy{}
	open, busy, closed := value{Open: true}, value{Open: true, Activities: []string{"busy"}}, value{Closed: true}
	for name, c := range map[string]struct {
		before, after value
		want          presence.Selectable
	}{
		"to busy":               {open, busy, "do_not_disturb"},
		"back":                  {busy, open, "available"},
		"another note":          {open, value{Open: true, Note: "in room 3"}, ""},
		"it goes":               {open, closed, ""},
		"it comes back":         {closed, open, ""},
		"it comes back, busy":   {closed, busy, "do_not_disturb"},
		"it goes while it was":  {busy, closed, ""},
		"from a call, as open":  {value{Open: true, Activities: []string{"on-the-phone"}}, open, ""},
		"the same another way":  {busy, value{Open: true, Activities: []string{"dnd"}}, ""},
		"nothing, and the same": {value{}, value{}, ""},
	} {
		got, ok := selects(&c.before, &c.after, p)
		if !ok {
			got = ""
		}
		if got != c.want {
			t.Errorf("%s selects %q, want %q", name, got, c.want)
		}
	}
}

func TestEntityTags(t *testing.T) {
	p := publication{ID: 0xab, Change: 17}
	if id, change, ok := parseTag(p.entityTag()); !ok || id != p.ID || change != p.Change {
		t.Errorf("%s is read %x, %d, %t", p.entityTag(), id, change, ok)
	}
	for _, bad := range []string{"", "x", "0-1", "ab", "ab-", "-1", "ab-100000000", "1ffffffffffffffff-1"} {
		if id, change, ok := parseTag(bad); ok {
			t.Errorf("%q is read %x, %d", bad, id, change)
		}
	}
}
