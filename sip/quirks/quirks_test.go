package quirks

import (
	"slices"
	"strings"
	"testing"
)

func TestShippedTableKnowsTheFamilies(t *testing.T) {
	table := Shipped()
	if err := table.Validate(); err != nil {
		t.Fatal(err)
	}
	for userAgent, want := range map[string]Set{
		"Yealink SIP-T46S 66.85.0.5":                    0,
		"PolycomVVX-VVX_411-UA/6.3.1.8427":              XPIDF,
		"Poly/8.1.2 PolyEdge":                           XPIDF,
		"Grandstream GXP2170 1.0.11.64":                 0,
		"snomD785/10.1.127.10":                          0,
		"Cisco-CP-8851-3PCC/11.3.1_000000000000":        0,
		"Cisco/SPA504G-7.6.2":                           0,
		"Cisco-CP8861/12.8.1":                           CiscoActivities,
		"Fanvil X6U 2.4.0":                              0,
		"LinphoneAndroid/5.2.5 (Pixel) LinphoneSDK/5.3": LinphoneList | NoReplaces,
		"MicroSIP/3.21.3":                               SingleDialog,
		"PJSUA v2.14 Linux":                             SingleDialog,
		"Acme 1.0 (pjsip 2.15)":                         SingleDialog,
		"Z 5.6.5 v2.10.20.5":                            0,
		"baresip v1.0.0":                                0,
		"":                                              0,
		"Somebody's":                                    0,
	} {
		if got := table.Find(userAgent).Quirks; got != want {
			t.Errorf("%q: %v, want %v", userAgent, got.Names(), want.Names())
		}
	}
}

func TestFirstMatchWins(t *testing.T) {
	table := append(Table{{Match: "Yealink SIP-T4", Quirks: PartialDialog, LargestBody: 1000}, {Match: "yealink", Quirks: BusyLamp}}, Shipped()...)
	if p := table.Find("Yealink SIP-T46S"); p.Quirks != PartialDialog || p.LargestBody != 1000 {
		t.Errorf("found %+v", p)
	}
	if p := table.Find("YEALINK W60B"); p.Quirks != BusyLamp || p.LargestBody != 0 {
		t.Errorf("found %+v", p)
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, userAgent string
		want               bool
	}{
		{"*", "", true}, {"*", "anything", true}, {"snom", "snomD785", true}, {"snom", "a snom", false}, {"*snom", "a Snom 1", true},
		{"a*b*c", "axxbxxcxx", true}, {"a*b*c", "axxcxxb", false}, {"ab", "a", false}, {"", "x", true},
	} {
		if got := Match(c.pattern, c.userAgent); got != c.want {
			t.Errorf("%q on %q: %v", c.pattern, c.userAgent, got)
		}
	}
}

func TestNamesAreReadBack(t *testing.T) {
	all := names()
	s, err := Parse(all[:]...)
	if err != nil || !slices.Equal(s.Names(), all[:]) {
		t.Errorf("%v, %v", s.Names(), err)
	}
	// The values are stored: whoever changes one changes what old rows mean.
	if BusyLamp != 1 || LinphoneList != 128 {
		t.Error("the value of a quirk changed")
	}
	if _, err := Parse("xpidf", "magic"); err == nil || !strings.Contains(err.Error(), `"magic"`) {
		t.Errorf("an unknown quirk: %v", err)
	}
}

func TestMistakesOfATable(t *testing.T) {
	for name, p := range map[string]Phone{
		"no match":        {},
		"a long match":    {Match: strings.Repeat("x", 300)},
		"a tiny body":     {Match: "x", LargestBody: 20},
		"a huge body":     {Match: "x", LargestBody: 1 << 20},
		"both and either": {Match: "x", Quirks: PvalOnly | PvalueOnly},
	} {
		if (Table{p}).Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if make(Table, 1001).Validate() == nil {
		t.Error("a table without end: accepted")
	}
}
