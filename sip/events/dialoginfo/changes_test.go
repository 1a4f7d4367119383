package dialoginfo

import (
	"strings"
	"testing"
	"time"

	"lamplight/presence"
)

func TestChanges(t *testing.T) {
	one := presence.DialogState{ID: "d1", State: "early", Direction: "recipient"}
	answered := one
	answered.State, answered.Since = "confirmed", time.Unix(1, 0)
	later := one
	later.Since = time.Unix(2, 0)
	two := presence.DialogState{ID: "d2", State: "confirmed", Direction: "initiator", Held: true}
	renamed := snapshot(false, one)
	renamed.Name = "Bea"
	ended := func(id string) string { return `<dialog id="` + id + `"><state>terminated</state></dialog>` }
	for name, c := range map[string]struct {
		before, after *presence.Snapshot
		v             View
		want          []string // ids and states in order
	}{
		"it rings":                    {snapshot(false), snapshot(false, one), View{}, []string{"d1 early"}},
		"of nobody known":             {nil, snapshot(false, one), View{}, []string{"d1 early"}},
		"answered":                    {snapshot(false, one), snapshot(false, answered), View{}, []string{"d1 confirmed"}},
		"a second call":               {snapshot(false, answered), snapshot(false, answered, two), View{}, []string{"d2 confirmed"}},
		"one of two ends":             {snapshot(false, answered, two), snapshot(false, two), View{}, []string{"d1 terminated"}},
		"one ends, another begins":    {snapshot(false, one), snapshot(false, two), View{}, []string{"d2 confirmed", "d1 terminated"}},
		"both end":                    {snapshot(false, one, two), snapshot(false), View{}, []string{"d1 terminated", "d2 terminated"}},
		"order is no change":          {snapshot(false, one, two), snapshot(false, two, one), View{}, []string{"idle terminated"}},
		"nor is a time":               {snapshot(false, one), snapshot(false, later), View{}, []string{"idle terminated"}},
		"a new name is in all":        {snapshot(false, one), renamed, View{}, []string{"d1 early"}},
		"busy without a call":         {snapshot(false), snapshot(true), View{Busy: true}, []string{"status confirmed"}},
		"busy ends with a call":       {snapshot(true), snapshot(true, one), View{Busy: true}, []string{"d1 early", "status terminated"}},
		"busy is nothing to others":   {snapshot(false), snapshot(true), View{}, []string{"idle terminated"}},
		"the one that is shown":       {snapshot(false, two, one), snapshot(false, one), View{Single: true}, []string{"d1 early", "d2 terminated"}},
		"a call that is not shown":    {snapshot(false, two), snapshot(false, two, one), View{Single: true}, []string{"idle terminated"}},
		"an address without an agent": {snapshot(false, one), nil, View{}, []string{"d1 terminated"}},
	} {
		c.v.Entity = entity
		doc, at, ok := AppendChanges(nil, c.before, c.after, c.v)
		text := string(doc[:at]) + "7" + string(doc[at:])
		if !ok || !strings.Contains(text, `version="7" state="partial" entity="sip:101@ex.test"`) {
			t.Errorf("%s: %v\n%s", name, ok, text)
		}
		d, err := Parse([]byte(text))
		if err != nil || !d.Partial {
			t.Fatalf("%s: %v\n%s", name, err, text)
		}
		var got []string
		for _, x := range d.Dialogs {
			got = append(got, x.ID+" "+[]string{"trying", "proceeding", "early", "confirmed", "terminated"}[x.State])
		}
		if strings.Join(got, ", ") != strings.Join(c.want, ", ") {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if doc, _, _ := AppendChanges(nil, snapshot(false, one), snapshot(false), View{Entity: entity}); !strings.Contains(string(doc), ended("d1")) {
		t.Errorf("the end of a dialog:\n%s", doc)
	}
	if _, _, ok := AppendChanges(nil, snapshot(false, one, two), snapshot(false, two), View{Entity: entity, Limit: 300}); ok {
		t.Error("changes to a state that did not fit the limit")
	}
	if _, _, ok := AppendChanges(nil, snapshot(false, one, two), snapshot(false, two), View{Entity: entity, Limit: 800}); !ok {
		t.Error("no changes to a state that did")
	}
	if _, _, ok := AppendChanges(nil, nil, snapshot(false, one, two), View{Entity: entity, Limit: 300}); ok {
		t.Error("changes over the limit")
	}
}
