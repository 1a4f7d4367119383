package webrtc

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"lamplight/webrtc/media"
)

// fakeBridge is the audio of a call in which every description is a word, and what
// is asked of it is noted.
type fakeBridge struct {
	events chan media.Event
	once   sync.Once

	mu    sync.Mutex
	steps []string
	fail  string // the step that fails
	again bool   // the page speaks nothing of what the phone offers now
	other bool   // there is another family of addresses
	taken bool   // the call is answered
	noKey bool   // the phone takes no telephone events

	keying time.Duration // how long a key takes
}

func (b *fakeBridge) step(words ...string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.steps = append(b.steps, strings.Join(words, " "))
	if b.fail == words[0] {
		return errors.New("fake: " + words[0])
	}
	return nil
}

// did is what was asked since it was last looked at.
func (b *fakeBridge) did() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := strings.Join(b.steps, ", ")
	b.steps = nil
	return s
}

func (b *fakeBridge) OfferBrowser(_ context.Context, restart bool) (string, error) {
	if restart {
		return "page-restart", b.step("offer-page", "restart")
	}
	return "page-offer", b.step("offer-page")
}
func (b *fakeBridge) BrowserAnswer(s string) error { return b.step("page-answered", s) }
func (b *fakeBridge) BrowserOffer(s string) error  { return b.step("page-offered", s) }
func (b *fakeBridge) AnswerBrowser(context.Context) (string, error) {
	return "page-answer", b.step("answer-page")
}
func (b *fakeBridge) Candidate(c, _ string, _ int) error { return b.step("candidate", c) }
func (b *fakeBridge) ReplaceBrowser() error              { return b.step("replace-page") }
func (b *fakeBridge) OfferPhone() ([]byte, error) {
	return []byte(sdpOf("offer")), b.step("offer-phone")
}
func (b *fakeBridge) Turn() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.other
}
func (b *fakeBridge) PhoneAnswer(s []byte) error { return b.step("phone-answered", word(s)) }
func (b *fakeBridge) PhoneOffer(s []byte) (bool, error) {
	b.mu.Lock()
	again := b.again
	b.mu.Unlock()
	return again, b.step("phone-offered", word(s))
}
func (b *fakeBridge) AnswerPhone() ([]byte, error) {
	return []byte(sdpOf("answer")), b.step("answer-phone")
}
func (b *fakeBridge) Taken() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taken = true
}
func (b *fakeBridge) isTaken() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.taken
}
func (b *fakeBridge) Hold(on bool) {
	if on {
		_ = b.step("hold")
	} else {
		_ = b.step("resume")
	}
}
func (b *fakeBridge) Dial(keys string) error {
	b.mu.Lock()
	no, each := b.noKey, b.keying
	b.mu.Unlock()
	if no {
		return media.ErrKeysToPhone
	}
	err := b.step("dial", keys)
	time.Sleep(time.Duration(len(keys)) * each)
	return err
}
func (b *fakeBridge) Quality() [2]media.Quality {
	return [2]media.Quality{
		media.Browser: {Codec: "PCMU", Packets: 99, Lost: 1, RTT: 20 * time.Millisecond, MOS: 4.2},
		media.Phone:   {Codec: "PCMU", Packets: 50, MOS: 4.3},
	}
}
func (b *fakeBridge) Events() <-chan media.Event { return b.events }
func (b *fakeBridge) Close() error {
	b.once.Do(func() { _ = b.step("close"); close(b.events) })
	return nil
}

// sdpOf is a description that bears a word and a direction.
func sdpOf(word string, way ...string) string {
	return "v=0\r\no=" + word + " 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\na=" +
		strings.Join(append(way, "sendrecv")[:1], "") + "\r\n"
}

// word is the word of a description.
func word(s []byte) string {
	_, rest, _ := strings.Cut(string(s), "o=")
	w, _, _ := strings.Cut(rest, " ")
	return w
}
