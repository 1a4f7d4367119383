package media

import (
	"github.com/pion/webrtc/v4"

	"lamplight/webrtc/media/rtp"
)

// connection is one with the browser. A page that was reloaded knows neither the keys
// nor the addresses of the one before, so it gets another.
type connection struct {
	*webrtc.PeerConnection
	replaced bool // guarded by the lock of the browser's side: it is heard no more
}

// ReplaceBrowser forgets the browser: its page was reloaded, or another has the call now.
// The next OfferBrowser makes a connection with it anew, with keys of its own. The phone
// knows nothing of it; its audio goes nowhere meanwhile, and what it has agreed to stays.
// The old connection is not heard any more from here on, and its end is waited for by
// Close alone.
func (b *Bridge) ReplaceBrowser() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.aliveLocked(); err != nil || b.pc == nil {
		return err
	}
	old := b.pc
	b.pc, b.page, b.pending, b.offered, b.browser = nil, nil, nil, nil, agreed{}
	s := b.in[Browser]
	s.mu.Lock()
	old.replaced = true
	b.mic.connected(false, b.g.now())
	s.up, s.write, s.tell = false, nil, nil
	// The new one is another source to it, under other keys (see newBridge).
	s.out = rtp.NewStream(number(), uint16(number()>>17), number()) //nolint:gosec // fifteen bits
	s.in.Break()
	s.mu.Unlock()
	b.openLocked()
	b.enter(func() {
		if err := old.GracefulClose(); err != nil {
			b.g.o.Log.Debug().Str("call", b.o.Name).Err(err).Msg("close a page that was replaced")
		}
	})
	return nil
}
