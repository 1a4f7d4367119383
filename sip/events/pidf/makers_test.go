package pidf

import (
	"encoding/xml"
	"strings"
	"testing"

	"lamplight/presence"
)

func TestMakersFormats(t *testing.T) {
	ringing := []presence.DialogState{{State: "early", Direction: "recipient"}}
	status := func(s presence.Status, w presence.Watch) *presence.Snapshot {
		v := &presence.Snapshot{}
		v.Team.Status, v.Watch = s, w
		return v
	}
	for name, c := range map[string]struct {
		s            *presence.Snapshot
		cisco, xpidf string // texts that must be there, parted by spaces
	}{
		"available":      {status(presence.StatusAvailable, presence.Watch{Open: true, Note: "Available"}), "<e:activities></e:activities> <basic>open", `status="open" substatus="online"`},
		"ringing":        {status(presence.StatusAvailable, presence.Watch{Open: true, Dialogs: ringing}), "<ce:alerting/> <basic>open", `status="open" substatus="online"`},
		"on a call":      {status(presence.StatusOnACall, presence.Watch{Open: true, Activity: "on-the-phone", Dialogs: ringing}), "<e:on-the-phone/> <basic>open", `status="inuse" substatus="onthephone"`},
		"do not disturb": {status(presence.StatusDND, presence.Watch{Busy: true, Activity: "busy"}), "<ce:dnd/> <basic>open", `status="inuse" substatus="busy"`},
		"wrap-up":        {status(presence.StatusWrapUp, presence.Watch{Busy: true, Activity: "busy"}), "<e:busy/> <basic>open", `status="inuse" substatus="busy"`},
		"lunch, routes":  {status(presence.StatusCustom, presence.Watch{Open: true, Activity: "meal"}), "<e:away/> <basic>open", `status="open" substatus="away"`},
		"offline":        {status(presence.StatusOffline, presence.Watch{Note: "Offline"}), "<e:activities></e:activities> <basic>closed", `status="closed" substatus="offline"`},
	} {
		for format, doc := range map[string][2]string{
			"cisco": {string(AppendCisco(nil, c.s, "sip:1<&>@ex.test")), c.cisco},
			"xpidf": {string(AppendXPIDF(nil, c.s, "sip:1<&>@ex.test")), c.xpidf},
		} {
			for text := range strings.FieldsSeq(doc[1]) {
				if !strings.Contains(doc[0], text) {
					t.Errorf("%s, %s: no %s in\n%s", name, format, text, doc[0])
				}
			}
			d := xml.NewDecoder(strings.NewReader(doc[0]))
			for {
				if _, err := d.Token(); err != nil {
					if err.Error() != "EOF" {
						t.Errorf("%s, %s: %v", name, format, err)
					}
					break
				}
			}
		}
	}
}
