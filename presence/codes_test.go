package presence_test

import (
	"errors"
	"strings"
	"testing"

	"lamplight/presence"
)

func codes(pairs ...string) presence.FeatureCodes {
	var f presence.FeatureCodes
	for i := 0; i < len(pairs); i += 2 {
		f.List = append(f.List, presence.FeatureCode{Code: pairs[i], Does: presence.FeatureWord(pairs[i+1])})
	}
	return f
}

func TestFeatureCodesAreFound(t *testing.T) {
	f := codes("*78", "dnd_on", "*79", "dnd_off", "*46", "desk_login", "*47", "desk_logout", "#72", "forward")
	if err := f.Check(); err != nil {
		t.Fatal(err)
	}
	for dialled, want := range map[string]string{
		"*78": "dnd_on ", "*79": "dnd_off ", "*461001*2468": "desk_login 1001*2468", "#72500": "forward 500", "*47": "desk_logout ",
		"*46": "", "*780": "", "*7": "", "": "", "78": "", "*": "", "*471": "",
	} {
		got := ""
		if c, rest, ok := f.Find(dialled); ok {
			got = string(c.Does) + " " + rest
		}
		if got != want {
			t.Errorf("%q is %q, want %q", dialled, got, want)
		}
	}
}

func TestFeatureCodesThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct {
		f    presence.FeatureCodes
		want string
	}{
		"no star":             {codes("78", "dnd_on"), "star or hash"},
		"a star alone":        {codes("*", "dnd_on"), "star or hash"},
		"a letter":            {codes("*7a", "dnd_on"), "star or hash"},
		"too long":            {codes("*7890123456789012", "dnd_on"), "star or hash"},
		"twice":               {codes("*78", "dnd_on", "*78", "dnd_off"), "used twice"},
		"nothing it does":     {codes("*78", "coffee"), "nothing a code can do"},
		"selects nothing":     {codes("*78", "select"), "selects no status"},
		"hidden by a longer":  {codes("*46", "desk_login", "*461", "dnd_on"), "hides"},
		"hides an earlier":    {codes("*461", "dnd_on", "*46", "desk_login"), "hides"},
		"more than there are": {presence.FeatureCodes{List: make([]presence.FeatureCode, 201)}, "more than"},
	} {
		if err := c.f.Check(); !errors.Is(err, presence.ErrCode) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
