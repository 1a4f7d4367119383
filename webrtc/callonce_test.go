package webrtc

import (
	"testing"
	"testing/synctest"

	"lamplight/webrtc/signalling"
)

func numbered(n uint64) func(*signalling.In) { return func(m *signalling.In) { m.N = n } }
func keys(k string) func(*signalling.In)     { return func(m *signalling.In) { m.Keys = k } }
func to(number string) func(*signalling.In)  { return func(m *signalling.In) { m.To = number } }

// A page cannot know what arrived by a socket that died: it says it again, and it is done
// once.
func TestKeysThatAreSaidAgainArePressedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		_, id := x.talks(p)
		p.about(signalling.Keys, id, keys("12"), numbered(1))
		if got := p.told(); got.Taken != 1 || got.State != signalling.CallTalking {
			t.Errorf("the page is told %+v", got)
		}
		p.about(signalling.Keys, id, keys("12"), numbered(1))
		check(t, "pressed", x.bridge().did(), "dial 12")
		resume := p.greeting().Resume
		p.vanish()
		p = x.open(signalling.In{Resume: resume, Lead: true})
		if got := p.told(); got.Taken != 1 {
			t.Errorf("the page that came back is told %+v", got)
		}
		p.about(signalling.Keys, id, keys("12"), numbered(1))
		p.about(signalling.Keys, id, keys("34"), numbered(3)) // it gave the second up
		p.about(signalling.Keys, id, keys("3"), numbered(2))  // late, from nobody knows where
		check(t, "pressed", x.bridge().did(), "dial 34")
		p.about(signalling.Keys, id, keys("5")) // a page that numbers nothing
		check(t, "pressed", x.bridge().did(), "dial 5")
		if got := p.told(); got.Taken != 3 {
			t.Errorf("the page is told %+v", got)
		}
	})
}

func TestATransferThatIsSaidAgainIsTriedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newExchange(t)
		p := x.online()
		_, id := x.talks(p)
		p.about(signalling.Transfer, id, to("1002"), numbered(1))
		check(t, "far", x.far.said(), "referred 1002")
		x.far.refer.Progress(486)
		if got := p.told(); got.Moving || got.Sentence == "" || got.Taken != 1 {
			t.Errorf("the page is told %+v", got)
		}
		p.about(signalling.Transfer, id, to("1002"), numbered(1))
		check(t, "far", x.far.said(), "")
		p.about(signalling.Transfer, id, to("1002"), numbered(2))
		check(t, "far", x.far.said(), "referred 1002")
	})
}
