package server

import (
	"errors"
	"net/netip"
	"time"

	"lamplight/sip/proxy/anchor"
	"lamplight/sip/proxy/calls"
	"lamplight/webrtc/media"
)

// anchors has the media gateway put between SIP clients in browsers and phones; nil
// where there is none. track follows the calls.
func (s *Server) anchors(track *calls.Tracker) *anchor.Calls {
	if s.media == nil {
		return nil
	}
	all := anchor.New(anchor.Options{Gateway: gateway{s.media}, Lose: track.Lose, Log: s.log})
	s.atEnd("anchored calls", func() error { all.Close(); return nil })
	return all
}

// gateway is the media gateway as the proxy asks it.
type gateway struct{ g *media.Gateway }

func (g gateway) Meets(offer []byte, browser bool) bool {
	ok, _ := media.Meets(offer, media.Capabilities{Browser: browser, SDES: true})
	return ok
}

func (g gateway) Bridge(name string, signalling netip.Addr) (anchor.Bridge, int) {
	b, err := g.g.Bridge(media.BridgeOptions{Name: name, Signalling: signalling})
	switch {
	case errors.Is(err, media.ErrBusy), errors.Is(err, media.ErrClosed):
		return nil, 503
	case err != nil:
		return nil, 500
	}
	a := &anchored{Bridge: b, dead: make(chan struct{})}
	go a.watch(b.Events()) // ends with the bridge's events, which the gateway's end closes
	return a, 0
}

func (g gateway) Warning(err error) (code int, text string) { return media.Warning(err) }

// anchored is a bridge one of whose sides may be gone for good.
type anchored struct {
	*media.Bridge
	dead chan struct{}
}

// lost is how long a browser that lost its way may take to find another one.
const lost = 2 * time.Minute

func (a *anchored) watch(events <-chan media.Event) {
	defer close(a.dead)
	var giveUp <-chan time.Time
	for {
		select {
		case e, ok := <-events:
			switch {
			case !ok:
				return
			case e.Kind == media.TimedOut:
				return
			case e.Kind == media.Failed:
				giveUp = time.After(lost)
			case e.Kind == media.Connected:
				giveUp = nil
			}
		case <-giveUp:
			return
		}
	}
}

// Dead is closed when the browser is gone for good, or the phone, or the bridge.
func (a *anchored) Dead() <-chan struct{} { return a.dead }
