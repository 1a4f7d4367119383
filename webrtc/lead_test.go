package webrtc

import (
	"testing"
	"testing/synctest"
	"time"

	"lamplight/presence"
	"lamplight/webrtc/signalling"
)

func TestTakeOver(t *testing.T) {
	bubble(t, trusting(), func(t *testing.T, l *lab) {
		first := l.login("t1")
		l.wantTarget(true, "first tab")
		e1 := first.greeting().Epoch

		second := l.open(signalling.In{Ticket: l.ticket("t2"), Tab: "t2"})
		synctest.Wait()
		if s := second.now(); s.Leader != signalling.LeaderOther || s.Target || s.Remedy == "" {
			t.Errorf("second tab at first: %+v", s)
		}
		if second.count(signalling.Probe) != 0 {
			t.Error("a tab that does not lead was asked for its microphone")
		}
		second.say(signalling.In{T: signalling.Lead})
		l.wantTarget(false, "taken over, microphone not proven yet")
		l.wantLabel(presence.StatusAvailable, "while the new tab proves itself")
		if first.count(signalling.TakenOver) != 1 || first.now().Leader != signalling.LeaderOther {
			t.Errorf("first tab was not told: %+v", first.now())
		}
		second.claim(granted())
		l.wantTarget(true, "second tab")
		if f := l.sessions(); len(f) != 1 || f[0].ID != second.greeting().Session {
			t.Errorf("facts %+v", f)
		}
		// The first comes back from a network change with its old epoch.
		w := first.greeting()
		first.vanish()
		again := l.open(signalling.In{Resume: w.Resume, Lead: true, Epoch: e1})
		synctest.Wait()
		if again.greeting().Lead || again.now().Leader != signalling.LeaderOther {
			t.Error("a tab with an old epoch took over")
		}
		l.wantTarget(true, "still the second tab")
		// A page opened anew leads: the newest does.
		third := l.login("t3")
		l.wantTarget(true, "third tab")
		if !third.greeting().Lead {
			t.Error("the newest tab does not lead")
		}
	})
}

// TestLeadIsFree: when the leading tab goes, another one is told and may take
// the phone over within the grace time, without a flap.
func TestLeadIsFree(t *testing.T) {
	bubble(t, trusting(), func(t *testing.T, l *lab) {
		first := l.login("t1")
		second := l.open(signalling.In{Ticket: l.ticket("t2"), Tab: "t2", Mic: &signalling.Claim{Perm: "granted"}})
		l.wantTarget(true, "first tab")
		first.vanish()
		synctest.Wait()
		if s := second.now(); s.Leader != signalling.LeaderNone {
			t.Fatalf("second tab was not told: %+v", s)
		}
		second.say(signalling.In{T: signalling.Lead})
		second.claim(granted())
		l.wantTarget(true, "second tab")
		l.wantLabel(presence.StatusAvailable, "all the time")
		time.Sleep(time.Minute)
		if f := l.sessions(); len(f) != 1 || f[0].ID != second.greeting().Session {
			t.Errorf("facts %+v", f)
		}
	})
}

func TestMicrophoneStates(t *testing.T) {
	none, two := 0, 2
	tests := map[string]struct {
		claim  signalling.Claim
		mic    presence.Mic
		target bool
		cause  presence.Cause
	}{
		"denied":         {signalling.Claim{Perm: "denied"}, presence.MicDenied, false, presence.CauseMicDenied},
		"denied at once": {signalling.Claim{Perm: "prompt", Probe: "denied"}, presence.MicDenied, false, presence.CauseMicDenied},
		"no device":      {signalling.Claim{Perm: "granted", Probe: "missing"}, presence.MicMissing, false, presence.CauseMicMissing},
		"no inputs":      {signalling.Claim{Perm: "granted", Probe: "ok", Inputs: &none}, presence.MicMissing, false, presence.CauseMicMissing},
		"taken away":     {signalling.Claim{Perm: "granted", Probe: "ok", Lost: true}, presence.MicLost, false, presence.CauseMicLost},
		"busy":           {signalling.Claim{Perm: "granted", Probe: "busy"}, presence.MicLost, false, presence.CauseMicLost},
		"asks again":     {signalling.Claim{Perm: "prompt"}, presence.MicNotAsked, false, presence.CauseMicPending},
		"muted":          {signalling.Claim{Perm: "granted", Probe: "ok", Muted: true}, presence.MicMuted, true, presence.CauseWebphoneBack},
		"probing":        {signalling.Claim{Perm: "granted", Probe: "waiting"}, presence.MicGranted, true, presence.CauseLogin},
		"more devices":   {signalling.Claim{Perm: "granted", Probe: "ok", Inputs: &two}, presence.MicGranted, true, presence.CauseLogin},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, trusting(), func(t *testing.T, l *lab) {
				p := l.login("t1")
				l.wantTarget(true, "logged in")
				p.claim(tt.claim)
				l.wantTarget(tt.target, name)
				if f := l.sessions(); len(f) != 1 || f[0].Mic != tt.mic {
					t.Errorf("facts %+v, want %s", f, tt.mic)
				}
				if l.lastCause() != tt.cause {
					t.Errorf("cause %s, want %s", l.lastCause(), tt.cause)
				}
				s := p.now()
				if tt.mic != presence.MicGranted && (s.Sentence == "" || s.Remedy == "") {
					t.Errorf("the page was told no sentence or remedy: %+v", s)
				}
				time.Sleep(5 * time.Second)
				l.wantTarget(tt.target, "a while later")
				p.claim(granted())
				l.wantTarget(true, "granted again")
			})
		})
	}
}
