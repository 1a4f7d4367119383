package presence

import (
	"reflect"
	"testing"
	"time"
)

func TestPolicyDefaultsCanBeAppliedTwice(t *testing.T) {
	for name, p := range map[string]Policy{
		"unset":     {},
		"none":      {Grace: -1, WrapUp: WrapUpNone},
		"unlimited": {WrapUp: WrapUpUnlimited, Grace: 30 * time.Second},
	} {
		once := p.WithDefaults()
		if twice := once.WithDefaults(); !reflect.DeepEqual(once, twice) {
			t.Errorf("%s: once %+v, twice %+v", name, once, twice)
		}
		if p.LabelGrace() != once.LabelGrace() || p.LegCap() != once.LegCap() {
			t.Errorf("%s: the raw policy means something else than the completed one", name)
		}
	}
	unset := Policy{}
	none := Policy{Grace: -1}
	if unset.LabelGrace() != 5*time.Second || none.LabelGrace() != 0 || unset.LegCap() != 12*time.Hour {
		t.Errorf("grace %v, none %v, cap %v", unset.LabelGrace(), none.LabelGrace(), unset.LegCap())
	}
}

func TestSelectableCustom(t *testing.T) {
	for s, want := range map[Selectable]string{
		SelectCustom("Lunch"): "Lunch", SelectCustom("a:b"): "a:b", SelectAvailable: "", SelectDND: "", "custom:": "", "": "",
	} {
		if got, ok := s.Custom(); got != want || ok != (want != "") {
			t.Errorf("%q: %q %v", s, got, ok)
		}
	}
}

func TestSessionUsable(t *testing.T) {
	for m, want := range map[Mic]bool{
		MicGranted: true, MicSilent: true, MicMuted: true,
		MicNotAsked: false, MicDenied: false, MicMissing: false, MicLost: false, "": false,
	} {
		for _, proven := range []bool{true, false} {
			s := Session{Mic: m, MicProven: proven}
			if s.Usable() != (want && proven) {
				t.Errorf("%q proven %v: usable %v", m, proven, s.Usable())
			}
		}
	}
}

// TestRule22_Causes holds the causes to their names, which stand in stored
// history and in programs of others.
func TestRule22_Causes(t *testing.T) {
	want := []Cause{
		"agent", "supervisor", "api", "feature-code", "phone-sync", "call-start", "call-end", "wrap-up-start",
		"wrap-up-end", "wrap-up-expired", "no-answer", "options-off", "options-on", "webphone-gone", "webphone-silent",
		"webphone-back", "logout", "login", "microphone-denied", "microphone-pending", "microphone-missing",
		"microphone-lost", "custom-expired", "fact-expired", "restart",
	}
	got := []Cause{
		CauseAgent, CauseSupervisor, CauseAPI, CauseFeatureCode, CausePhoneSync, CauseCallStart, CauseCallEnd, CauseWrapUpStart,
		CauseWrapUpEnd, CauseWrapUpExpired, CauseNoAnswer, CauseOptionsOff, CauseOptionsOn, CauseWebphoneGone, CauseWebphoneQuiet,
		CauseWebphoneBack, CauseLogout, CauseLogin, CauseMicDenied, CauseMicPending, CauseMicMissing,
		CauseMicLost, CauseCustomExpired, CauseFactExpired, CauseRestart,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("causes %q", got)
	}
}
