package message

import "testing"

func TestReplacesNamesADialog(t *testing.T) {
	for value, want := range map[string]DialogName{
		"98asjd8@t.test;to-tag=7743;from-tag=6472":                  {"98asjd8@t.test", "7743", "6472", false},
		"12adf2f34456gs5 ; from-tag=23432 ;to-tag=12345;early-only": {"12adf2f34456gs5", "12345", "23432", true},
	} {
		got, ok := ParseDialogName(value)
		if !ok || got != want {
			t.Errorf("%q: %+v, %v", value, got, ok)
		}
		if again, ok := ParseDialogName(got.String()); !ok || again != want {
			t.Errorf("written as %q", got)
		}
	}
	for _, bad := range []string{"", ";to-tag=1;from-tag=2", "id", "id;to-tag=1", "id;from-tag=1", `id;to-tag="1;from-tag=2`} {
		if got, ok := ParseDialogName(bad); ok {
			t.Errorf("%q is taken for %+v", bad, got)
		}
	}
	two := &Message{Headers: []Header{{Replaces, "a;to-tag=1;from-tag=2"}, {Replaces, "b;to-tag=1;from-tag=2"}}}
	if _, ok := two.Replaces(); ok {
		t.Error("two dialogs are named")
	}
}
