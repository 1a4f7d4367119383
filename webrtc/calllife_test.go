package webrtc

import (
	"testing"
	"testing/synctest"
	"time"

	"lamplight/webrtc/media"
	"lamplight/webrtc/signalling"
)

// A socket that breaks takes no call with it if the page is back within ten seconds.
func TestACallOutlivesItsSocket(t *testing.T) {
	for name, away := range map[string]time.Duration{"reconnect": 9 * time.Second, "gone": 11 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newExchange(t)
				p := x.online()
				_, id := x.talks(p)
				resume := p.greeting().Resume
				p.vanish()
				time.Sleep(away)
				if away > lingers {
					check(t, "too late", x.far.said(), "ended 200")
					return
				}
				check(t, "meanwhile", x.far.said(), "")
				q := x.open(signalling.In{Resume: resume, Lead: true})
				synctest.Wait()
				q.claim(granted())
				if got := q.greeting(); !got.Resumed || len(got.Calls) != 1 || got.Calls[0] != id {
					t.Fatalf("welcomed with %+v", got)
				}
				if got := q.told(); got.Call != id || got.State != signalling.CallTalking {
					t.Errorf("the page is told %+v", got)
				}
				q.about(signalling.Restart, id)
				q.about(signalling.Answer, id, answer)
				check(t, "the audio", x.bridge().did(), "offer-page restart, page-answered page-sdp")
				if !x.target() {
					t.Error("the page is no target any more")
				}
				time.Sleep(time.Minute)
				check(t, "later", x.far.said(), "")
			})
		})
	}
}

// A page that is silent is no target any more, but its call waits for it.
func TestACallOutlivesSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		_, id := x.talks(p)
		resume := p.greeting().Resume
		p.freeze(true)
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if x.target() || len(x.sessions()) != 0 {
			t.Error("a silent page is still a target")
		}
		check(t, "meanwhile", x.far.said(), "")
		q := x.open(signalling.In{Resume: resume, Lead: true})
		synctest.Wait()
		q.claim(granted())
		if got := q.told(); got.Call != id || got.State != signalling.CallTalking || !x.target() {
			t.Errorf("the page is told %+v", got)
		}
		q.freeze(true)
		time.Sleep(20 * time.Second)
		check(t, "silent for good", x.far.said(), "ended 200")
	})
}

func TestLostAudioIsToldAndEndsTheCallIfItStaysLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		_, id := x.talks(p)
		happens := func(k media.Kind, warn string) {
			t.Helper()
			x.bridge().events <- media.Event{Kind: k}
			if got := p.told(); got.Warn != warn {
				t.Errorf("after %s the page is told %q", k, got.Warn)
			}
		}
		happens(media.Silent, signalling.WarnSilent)
		happens(media.Hearing, "")
		happens(media.Stopped, signalling.WarnStopped)
		happens(media.Interrupted, signalling.WarnNetwork)
		happens(media.Connected, "")
		happens(media.Failed, signalling.WarnNetwork)
		if p.count(signalling.Offer) != 1 {
			t.Error("no ICE restart was asked for")
		}
		time.Sleep(14 * time.Second)
		check(t, "for a while", x.far.said(), "")
		p.about(signalling.Answer, id, answer)
		happens(media.Connected, "")
		happens(media.Interrupted, signalling.WarnNetwork) // from here on it is waited for
		time.Sleep(14 * time.Second)
		x.bridge().events <- media.Event{Kind: media.Failed}
		time.Sleep(2 * time.Second)
		check(t, "for good", x.far.said(), "ended 200")
		if got := p.told(); got.Why != signalling.WhyMedia || got.Sentence == "" {
			t.Errorf("the page is told %+v", got)
		}
	})
}

// What arrives in a call is evidence: a microphone that stops in the middle makes the page
// no target, and one that is heard again makes it one.
func TestTheAudioOfACallProvesTheMicrophone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		x.talks(p)
		for _, step := range []struct {
			kind   media.Kind
			target bool
		}{{media.Hearing, true}, {media.Stopped, false}, {media.Silent, false}, {media.Hearing, true}, {media.Interrupted, true}, {media.Stopped, true}} {
			x.bridge().events <- media.Event{Kind: step.kind}
			synctest.Wait()
			if x.target() != step.target {
				t.Errorf("%s: the page is a target: %t", step.kind, x.target())
			}
		}
		if got := p.told(); got.State != signalling.CallTalking {
			t.Errorf("the page is told %+v", got)
		}
	})
}

// A phone whose flow has ended under it is made anew when it is needed.
func TestAPhoneWhoseFlowEndedIsMadeAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		_, old, _ := x.srv.Reach(p.greeting().Session)
		_ = old.Close()
		synctest.Wait()
		_, f, ok := x.srv.Reach(p.greeting().Session)
		if !ok || f == old {
			t.Fatal("the page is reached by a flow that has ended")
		}
		if _, _, ok := x.srv.Owner(old); ok {
			t.Error("a flow that has ended has an owner")
		}
		if _, ring := x.calls(p); ring.Call == "" {
			t.Error("the page does not ring")
		}
	})
}
