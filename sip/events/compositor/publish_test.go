package compositor

import (
	"testing"

	"lamplight/presence"
	"lamplight/sip/events/dialoginfo"
)

func TestPINOfAHotDeskIsNotTold(t *testing.T) {
	codes := &presence.FeatureCodes{List: []presence.FeatureCode{
		{Code: "*46", Does: presence.FeatureDeskLogin}, {Code: "*72", Does: presence.FeatureForward}}}
	for remote, want := range map[string]string{
		"sip:*461001*2468@ex.test;user=phone": "sip:*46@ex.test",
		"sip:%2A461001*2468@ex.test":          "sip:*46@ex.test",
		"sip:*72500@ex.test":                  "sip:*72500@ex.test",
		"sip:900@pstn.test":                   "sip:900@pstn.test",
		"":                                    "",
	} {
		doc := &dialoginfo.Document{Dialogs: []dialoginfo.Dialog{{Remote: remote, RemoteDisplay: "*461001*2468"}}}
		hidePINs(codes, doc)
		if got := doc.Dialogs[0]; got.Remote != want || (remote != want) != (got.RemoteDisplay == "") {
			t.Errorf("%q is told as %q, %q", remote, got.Remote, got.RemoteDisplay)
		}
	}
}
