package main

import "testing"

func TestStatusIsKnownAsPeopleWriteIt(t *testing.T) {
	for s, want := range map[string]string{
		"available": "available", "Do Not Disturb": "do_not_disturb", "dnd": "do_not_disturb", "DND": "do_not_disturb",
		"do-not-disturb": "do_not_disturb", "On a Call": "on_a_call", "Lunch": "custom", "Do Not": "custom", "": "custom",
	} {
		if got := statusWord(s); got != want {
			t.Errorf("%q is %q, want %q", s, got, want)
		}
	}
}
