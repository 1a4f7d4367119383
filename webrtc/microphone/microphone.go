// Package microphone decides what is known of a page's microphone. It is pure.
//
// Two rules rule it. The page's word may lower trust at once: a denied
// permission, a missing device or a track that ended is believed. Raising trust
// needs evidence of the server's own: a microphone counts as working only after
// audio from it arrived in a test call. What was proven stays proven while the
// page probes again; only a bad outcome lowers it.
package microphone

import (
	"lamplight/presence"
	"lamplight/webrtc/signalling"
)

// Proof is the evidence of the last test call.
type Proof uint8

// The proofs.
const (
	Unproven Proof = iota // no test call since the microphone was last lost
	Proven                // audio arrived
	Mute                  // packets arrived, all of them digital silence
	Trusted               // not tested: the operator chose to trust the page
)

// Truth is what is known of one page's microphone. The zero value knows nothing.
type Truth struct {
	claim  signalling.Claim
	proof  Proof
	failed string // why the last test call proved nothing, else ""
	// word is what the last word comes to.
	word presence.Mic
	code string
	kept bool // not tried again yet, with nothing said against it
}

// Hear takes the page's word. It reports whether the word lowered what was
// believed until now.
func (t *Truth) Hear(c signalling.Claim) (lowered bool) {
	was := t.Verdict()
	t.claim = c
	mic, code := judge(c)
	t.word, t.code = mic, code
	t.kept = c.Perm == "granted" && (code == codeAsking || code == codeNotAsked)
	if mic != presence.MicGranted && !t.kept {
		t.proof, t.failed = Unproven, ""
	}
	return was.Usable && !t.Verdict().Usable
}

// The codes of what can be wrong, each with a sentence and a remedy of its own.
const (
	codeNotAsked = "microphone-not-asked"
	codeAsking   = "microphone-asking"
	codeDenied   = "microphone-denied"
	codeMissing  = "microphone-missing"
	codeUnplug   = "microphone-unplugged"
	codeLost     = "microphone-lost"
	codeBusy     = "microphone-busy"
	codeFailed   = "microphone-failed"
	codeMuted    = "microphone-muted"
	codeSilent   = "microphone-silent"
	codeUntested = "test-pending"
)

// judge reads the page's word alone. The order is the order of certainty: what
// the browser forbids, what is not there, what happened last.
func judge(c signalling.Claim) (presence.Mic, string) {
	switch {
	case c.Perm == "denied" || c.Probe == signalling.ProbeDenied:
		return presence.MicDenied, codeDenied
	case c.Inputs != nil && *c.Inputs == 0 && c.Probe == signalling.ProbeOK: // there was one
		return presence.MicMissing, codeUnplug
	case c.Inputs != nil && *c.Inputs == 0, c.Probe == signalling.ProbeMissing:
		return presence.MicMissing, codeMissing
	case c.Lost && c.Probe == signalling.ProbeOK: // and nothing was tried since
		return presence.MicLost, codeLost
	case c.Probe == signalling.ProbeBusy:
		return presence.MicLost, codeBusy
	case c.Probe == signalling.ProbeFailed:
		return presence.MicLost, codeFailed
	case c.Probe == signalling.ProbeWaiting:
		return presence.MicNotAsked, codeAsking
	case c.Probe != signalling.ProbeOK:
		// A permission that is merely "granted" has not been tried. One that
		// reads "prompt" beside a good probe was given for this visit only.
		return presence.MicNotAsked, codeNotAsked
	}
	return presence.MicGranted, ""
}

// Tested takes a test call's outcome: Proven, Mute, or Unproven with the code
// of why (see testcall.Outcome).
func (t *Truth) Tested(p Proof, why string) {
	t.proof, t.failed = p, why
	if p != Unproven {
		t.failed = ""
	}
}

// NeedsTest reports that the page opened its microphone and nothing proves it
// yet.
func (t *Truth) NeedsTest() bool {
	return t.word == presence.MicGranted && t.proof == Unproven
}

// Granted reports that the page's word is good.
func (t *Truth) Granted() bool { return t.word == presence.MicGranted }

// Claim is the page's last word.
func (t *Truth) Claim() signalling.Claim { return t.claim }

// Verdict is the conclusion, with words for the agent.
type Verdict struct {
	Mic presence.Mic
	// Proven goes into the fact of the session.
	Proven bool
	// Usable: the agent can speak through it, as far as is known.
	Usable                 bool
	Code, Sentence, Remedy string
}

// Verdict concludes.
func (t *Truth) Verdict() Verdict {
	v := Verdict{Mic: t.word, Code: t.code}
	if v.Mic == "" {
		v.Mic, v.Code = presence.MicNotAsked, codeNotAsked
	}
	// While a page that holds the permission tries again, what was proven stays.
	if t.kept && t.proof != Unproven {
		v.Mic, v.Code = presence.MicGranted, ""
	}
	if v.Mic == presence.MicGranted {
		v.Proven = t.proof != Unproven
		v.Usable = v.Proven
		switch {
		case t.proof == Unproven && t.failed != "":
			v.Code = t.failed
		case t.proof == Unproven:
			v.Code = codeUntested
		case t.claim.Muted:
			v.Mic, v.Code = presence.MicMuted, codeMuted
		case t.proof == Mute:
			v.Mic, v.Code = presence.MicSilent, codeSilent
		}
	}
	v.Sentence, v.Remedy = Words(v.Code)
	return v
}

// Cause of a change to this verdict, for the roster. Back is the cause when the
// microphone became usable.
func (v Verdict) Cause(back presence.Cause) presence.Cause {
	switch {
	case v.Usable:
		return back
	case v.Mic == presence.MicDenied:
		return presence.CauseMicDenied
	case v.Mic == presence.MicMissing:
		return presence.CauseMicMissing
	case v.Mic == presence.MicLost:
		return presence.CauseMicLost
	}
	return presence.CauseMicPending
}
