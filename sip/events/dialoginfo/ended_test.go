package dialoginfo

import (
	"strings"
	"testing"

	"lamplight/presence"
)

func TestEndedDialogsAreSaidToBeTerminated(t *testing.T) {
	ended := []presence.DialogState{{ID: "a", CallID: "c1", LocalTag: "l", RemoteTag: "r", Direction: "recipient", State: "confirmed"}}
	const gone = `<dialog id="a" call-id="c1" local-tag="l" remote-tag="r" direction="recipient"><state>terminated</state></dialog>`
	live := &presence.Snapshot{}
	live.Watch.Dialogs = []presence.DialogState{{ID: "b", State: "early"}}
	for name, c := range map[string]struct {
		s    *presence.Snapshot
		want []string
	}{
		"alone":                   {&presence.Snapshot{}, []string{gone}},
		"of an agent who is gone": {nil, []string{gone}},
		"after what is under way": {live, []string{`<dialog id="b"><state>early</state>`, gone}},
	} {
		doc, _ := Append(nil, c.s, View{Entity: "sip:1@ex.test", Ended: ended})
		at := 0
		for _, want := range c.want {
			i := strings.Index(string(doc)[at:], want)
			if i < 0 {
				t.Fatalf("%s: no %s in\n%s", name, want, doc)
			}
			at += i
		}
		if strings.Contains(string(doc), `id="idle"`) {
			t.Errorf("%s: idle beside a dialog:\n%s", name, doc)
		}
	}
}
