package microphone

import (
	"testing"

	"pgregory.net/rapid"

	"lamplight/presence"
	"lamplight/webrtc/signalling"
)

func inputs(n int) *int { return &n }

func good() signalling.Claim {
	return signalling.Claim{Perm: "granted", Probe: signalling.ProbeOK, Inputs: inputs(1)}
}

// TestStory walks through words and proofs and reads the verdict at the end.
func TestStory(t *testing.T) {
	type step struct {
		claim  *signalling.Claim
		proof  Proof
		failed string
	}
	hear := func(c signalling.Claim) step { return step{claim: &c} }
	proven := step{proof: Proven}
	tests := map[string]struct {
		steps  []step
		mic    presence.Mic
		usable bool
		code   string
	}{
		"nothing known":              {nil, presence.MicNotAsked, false, codeNotAsked},
		"granted, not tried":         {[]step{hear(signalling.Claim{Perm: "granted"})}, presence.MicNotAsked, false, codeNotAsked},
		"opened, not proven":         {[]step{hear(good())}, presence.MicGranted, false, codeUntested},
		"proven":                     {[]step{hear(good()), proven}, presence.MicGranted, true, ""},
		"proof before the word":      {[]step{proven}, presence.MicNotAsked, false, codeNotAsked},
		"silent":                     {[]step{hear(good()), {proof: Mute}}, presence.MicSilent, true, codeSilent},
		"trusted":                    {[]step{hear(good()), {proof: Trusted}}, presence.MicGranted, true, ""},
		"test failed":                {[]step{hear(good()), {failed: "no-ice"}}, presence.MicGranted, false, "no-ice"},
		"renewed test failed":        {[]step{hear(good()), proven, {failed: "no-audio"}}, presence.MicGranted, false, "no-audio"},
		"denied after proof":         {[]step{hear(good()), proven, hear(signalling.Claim{Perm: "denied", Probe: "ok"})}, presence.MicDenied, false, codeDenied},
		"given back without proof":   {[]step{hear(good()), proven, hear(signalling.Claim{Perm: "denied"}), hear(good())}, presence.MicGranted, false, codeUntested},
		"lost":                       {[]step{hear(good()), proven, hear(signalling.Claim{Perm: "granted", Probe: "ok", Lost: true})}, presence.MicLost, false, codeLost},
		"asked again, granted":       {[]step{hear(good()), proven, hear(signalling.Claim{Perm: "granted", Probe: "waiting"})}, presence.MicGranted, true, ""},
		"reloaded, granted":          {[]step{hear(good()), proven, hear(signalling.Claim{Perm: "granted"})}, presence.MicGranted, true, ""},
		"reloaded, silent":           {[]step{hear(good()), {proof: Mute}, hear(signalling.Claim{Perm: "granted"})}, presence.MicSilent, true, codeSilent},
		"asked again, not granted":   {[]step{hear(good()), proven, hear(signalling.Claim{Perm: "prompt", Probe: "waiting"})}, presence.MicNotAsked, false, codeAsking},
		"back to prompt":             {[]step{hear(good()), proven, hear(signalling.Claim{Perm: "prompt"})}, presence.MicNotAsked, false, codeNotAsked},
		"granted for this visit":     {[]step{hear(signalling.Claim{Perm: "prompt", Probe: "ok"}), proven}, presence.MicGranted, true, ""},
		"no permission API":          {[]step{hear(signalling.Claim{Perm: "unknown", Probe: "ok"}), proven}, presence.MicGranted, true, ""},
		"muted":                      {[]step{hear(good()), proven, hear(signalling.Claim{Perm: "granted", Probe: "ok", Muted: true})}, presence.MicMuted, true, codeMuted},
		"muted and not proven":       {[]step{hear(signalling.Claim{Perm: "granted", Probe: "ok", Muted: true})}, presence.MicGranted, false, codeUntested},
		"unplugged, the last":        {[]step{hear(good()), proven, hear(signalling.Claim{Perm: "granted", Probe: "ok", Inputs: inputs(0)})}, presence.MicMissing, false, codeUnplug},
		"unplugged, another is left": {[]step{hear(good()), proven, hear(signalling.Claim{Perm: "granted", Probe: "ok", Inputs: inputs(1)})}, presence.MicGranted, true, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var m Truth
			for _, s := range tt.steps {
				if s.claim != nil {
					m.Hear(*s.claim)
				} else {
					m.Tested(s.proof, s.failed)
				}
			}
			v := m.Verdict()
			if v.Mic != tt.mic || v.Usable != tt.usable || v.Code != tt.code {
				t.Errorf("%+v, want %s usable %v code %q", v, tt.mic, tt.usable, tt.code)
			}
			if v.Code != "" && (v.Sentence == "" || v.Remedy == "") {
				t.Errorf("code %q has no sentence or remedy", v.Code)
			}
			if v.Usable != (v.Mic.Usable() && v.Proven) {
				t.Errorf("usable disagrees with the fact: %+v", v)
			}
		})
	}
}

// TestWordNeverRaises: from any history, no word of the page makes a microphone
// usable that was not usable before. Only a test does.
func TestWordNeverRaises(t *testing.T) {
	claims := rapid.Custom(func(t *rapid.T) signalling.Claim {
		c := signalling.Claim{
			Perm:  rapid.SampledFrom([]signalling.Perm{"granted", "prompt", "denied", "unknown", ""}).Draw(t, "perm"),
			Probe: rapid.SampledFrom([]signalling.Outcome{"", "ok", "denied", "missing", "busy", "failed", "waiting", "x"}).Draw(t, "probe"),
			Lost:  rapid.Bool().Draw(t, "lost"), Muted: rapid.Bool().Draw(t, "muted"),
		}
		if rapid.Bool().Draw(t, "counted") {
			c.Inputs = inputs(rapid.IntRange(0, 2).Draw(t, "inputs"))
		}
		return c
	})
	rapid.Check(t, func(t *rapid.T) {
		var m Truth
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			if rapid.IntRange(0, 3).Draw(t, "kind") == 0 && m.NeedsTest() {
				m.Tested(rapid.SampledFrom([]Proof{Unproven, Proven, Mute}).Draw(t, "proof"), "no-ice")
				continue
			}
			was := m.Verdict().Usable
			c := claims.Draw(t, "claim")
			lowered := m.Hear(c)
			is := m.Verdict().Usable
			if is && !was {
				t.Fatalf("%+v raised trust", c)
			}
			if lowered != (was && !is) {
				t.Fatalf("Hear says lowered %v, was %v is %v", lowered, was, is)
			}
			if c.Perm == "denied" && is {
				t.Fatal("usable though denied")
			}
		}
	})
}

// TestEveryStateHasItsOwnWords: no two things that can be wrong with a microphone
// read alike, and each says what to do.
func TestEveryStateHasItsOwnWords(t *testing.T) {
	claim := func(change func(*signalling.Claim)) signalling.Claim {
		c := good()
		change(&c)
		return c
	}
	tests := map[string]struct {
		claim signalling.Claim
		proof Proof
		mic   presence.Mic
	}{
		"not asked":                     {claim(func(c *signalling.Claim) { c.Perm, c.Probe = "prompt", "" }), Unproven, presence.MicNotAsked},
		"being asked":                   {claim(func(c *signalling.Claim) { c.Perm, c.Probe = "prompt", signalling.ProbeWaiting }), Unproven, presence.MicNotAsked},
		"denied":                        {claim(func(c *signalling.Claim) { c.Perm = "denied" }), Unproven, presence.MicDenied},
		"missing":                       {claim(func(c *signalling.Claim) { c.Probe = signalling.ProbeMissing }), Unproven, presence.MicMissing},
		"unplugged":                     {claim(func(c *signalling.Claim) { c.Inputs = inputs(0) }), Unproven, presence.MicMissing},
		"taken away, another is left":   {claim(func(c *signalling.Claim) { c.Lost = true }), Unproven, presence.MicLost},
		"taken by another program":      {claim(func(c *signalling.Claim) { c.Probe = signalling.ProbeBusy }), Unproven, presence.MicLost},
		"cannot be opened":              {claim(func(c *signalling.Claim) { c.Probe = signalling.ProbeFailed }), Unproven, presence.MicLost},
		"muted by the system":           {claim(func(c *signalling.Claim) { c.Muted = true }), Proven, presence.MicMuted},
		"silent":                        {good(), Mute, presence.MicSilent},
		"opened, its test is under way": {good(), Unproven, presence.MicGranted},
	}
	said := map[string]string{}
	for name, tt := range tests {
		var m Truth
		m.Hear(tt.claim)
		m.Tested(tt.proof, "")
		v := m.Verdict()
		if v.Mic != tt.mic {
			t.Errorf("%s: %s, want %s", name, v.Mic, tt.mic)
		}
		for _, words := range []string{v.Code, v.Sentence, v.Remedy} {
			if words == "" {
				t.Errorf("%s: code %q, sentence %q, remedy %q", name, v.Code, v.Sentence, v.Remedy)
			}
			if other, ok := said[words]; ok && words != "" {
				t.Errorf("%s and %s both say %q", name, other, words)
			}
			said[words] = name
		}
	}
	var m Truth
	m.Hear(good())
	m.Tested(Proven, "")
	if v := m.Verdict(); v.Mic != presence.MicGranted || v.Code != "" || v.Sentence != "" {
		t.Errorf("granted and proven: %+v", v)
	}
}
