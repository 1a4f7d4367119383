package webrtc

import (
	"context"
	"time"

	"lamplight/sip/ua"
	"lamplight/webrtc/media"
)

// Bridge is the audio of one call between a page and SIP; media.Bridge is one.
type Bridge interface {
	// Toward the page.
	OfferBrowser(ctx context.Context, restart bool) (string, error)
	BrowserAnswer(answer string) error
	BrowserOffer(offer string) error
	AnswerBrowser(ctx context.Context) (string, error)
	Candidate(candidate, mid string, line int) error
	// ReplaceBrowser has the next OfferBrowser be to a page that has nothing of the call.
	ReplaceBrowser() error
	// Toward SIP.
	OfferPhone() ([]byte, error)
	// Turn has the next offer be of the other family of addresses; false: there is none.
	Turn() bool
	PhoneAnswer(answer []byte) error
	PhoneOffer(offer []byte) (again bool, err error)
	AnswerPhone() ([]byte, error)
	// Taken says that the call is answered: until then the other side may be silent.
	Taken()
	// Hold stops the audio; the next OfferPhone tells it.
	Hold(on bool)
	// Dial presses keys and returns when they are sent.
	Dial(keys string) error
	// Quality of both sides, by media.Side; also after the end, and from any goroutine.
	Quality() [2]media.Quality
	// Events end with the bridge.
	Events() <-chan media.Event
	Close() error
}

// Calling is what makes pages phones.
type Calling struct {
	// Phone makes the user agent of a session, reached by a flow of the proxy's.
	Phone func(ua.PhoneOptions) (*ua.Phone, error)
	// Bridge makes the audio of one call.
	Bridge func(media.BridgeOptions) (Bridge, error)
	// AckWithin is how long a page may take to say that it rings; then the call goes on
	// without it. A page that lives takes a tenth of the default, 700 ms, with a hidden tab
	// or a busy machine; the rest is left to a slow network, and the caller still waits for
	// less than a second.
	AckWithin time.Duration
}

const ackWithin = 700 * time.Millisecond
