package status

import "lamplight/presence"

// The reasons. They are shown in pages, answers and logs, so they are short, do
// not change with the time of day, and tell the remedy where there is one.
const (
	noWebphone        = "no webphone is logged in"
	noDevice          = "no device is logged in or registered"
	nothingRegistered = "no enabled device is logged in or registered"
	everyOptionOff    = "every forwarding option is off"
	webphoneOff       = "the webphone option is off"
	sipPhoneOff       = "the SIP phone option is off"
	mobileOff         = "the mobile option is off"
	numberOff         = "this number's option is off"
	numberEmpty       = "the number is empty"
	webphoneClosed    = "the webphone was closed"
	webphoneSuspect   = "the webphone does not answer; no new calls ring it"
	deadFlow          = "its connection is gone or it does not answer"
	quietDevice       = "it refuses calls by itself and is left out for a while"
)

// mic is what a session's microphone means. rank orders the reasons of several
// sessions: the one the agent can mend by a click comes first.
type mic struct {
	usable bool
	rank   int
	text   string // reason or warning
}

// microphone judges it (rule 7). A page's word alone does not make a microphone
// usable: it has to be proved.
func microphone(s *presence.Session) mic {
	switch s.Mic {
	case presence.MicDenied:
		return mic{rank: 5, text: "the microphone is denied: allow it in the browser's settings for this page"}
	case presence.MicLost:
		return mic{rank: 4, text: "the microphone was taken away: connect it again or choose another"}
	case presence.MicMissing:
		return mic{rank: 3, text: "no microphone was found: connect one"}
	case presence.MicGranted, presence.MicSilent, presence.MicMuted:
		if !s.MicProven {
			return mic{rank: 1, text: "the microphone is being tested"}
		}
	default:
		return mic{rank: 2, text: "the microphone is not allowed yet: answer the browser's question"}
	}
	switch s.Mic {
	case presence.MicSilent:
		return mic{usable: true, text: "the microphone is silent"}
	case presence.MicMuted:
		return mic{usable: true, text: "the microphone is muted"}
	}
	return mic{usable: true}
}

// quietWarning tells the agent of a phone in its own Do Not Disturb (rule 13).
func quietWarning(k presence.DeviceKind) string {
	switch k {
	case presence.KindDesk:
		return "the desk phone refuses calls by itself: is its own Do Not Disturb on?"
	case presence.KindSoft:
		return "the softphone refuses calls by itself: is its own Do Not Disturb on?"
	case presence.KindMobile:
		return "the mobile refuses calls by itself: is its own Do Not Disturb on?"
	}
	return "a phone refuses calls by itself: is its own Do Not Disturb on?"
}
