package media

import (
	"errors"
	"io"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"
)

// state tells how the connection is.
func (b *Bridge) state(c *connection, s webrtc.PeerConnectionState) {
	up := s == webrtc.PeerConnectionStateConnected
	side := b.in[Browser]
	side.mu.Lock()
	if c.replaced {
		side.mu.Unlock()
		return
	}
	b.mic.connected(up, b.g.now())
	side.up = up || side.up && s == webrtc.PeerConnectionStateDisconnected
	side.mu.Unlock()
	switch s {
	case webrtc.PeerConnectionStateConnected:
		b.tell(Event{Kind: Connected})
	case webrtc.PeerConnectionStateDisconnected:
		b.tell(Event{Kind: Interrupted})
	case webrtc.PeerConnectionStateFailed:
		b.tell(Event{Kind: Failed})
	}
}

// readTrack passes on what the browser says until its track ends.
func (b *Bridge) readTrack(c *connection, t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	level := uint8(0)
	for _, e := range r.GetParameters().HeaderExtensions {
		if e.URI == levelURI {
			level = uint8(e.ID) //nolint:gosec // an RFC 8285 id is below 256
		}
	}
	buf := make([]byte, maxPacket)
	for {
		n, _, err := t.Read(buf)
		switch {
		case err == nil, errors.Is(err, webrtc.ErrCodecNotFound):
			// pion knows the payload types of the first negotiation only. The routes
			// know what has been agreed to.
			b.fromBrowser(c, buf[:n], level)
		case errors.Is(err, io.ErrShortBuffer): // larger than any packet of speech
			b.in[Browser].refuse()
		default:
			return
		}
	}
}

// readReports reads RTCP of the browser until its stream ends.
func (b *Bridge) readReports(c *connection, read func([]byte) (int, interceptor.Attributes, error)) {
	buf := make([]byte, maxPacket)
	for {
		n, _, err := read(buf)
		if err != nil {
			return
		}
		b.in[Browser].takeReport(c, buf[:n], b.g.now())
	}
}

// track is what is sent to the browser: unlike pion's own tracks it takes numbers
// that the bridge made.
type track struct {
	b *Bridge
	c *connection
}

func (t *track) ID() string                { return "audio" }
func (t *track) RID() string               { return "" }
func (t *track) StreamID() string          { return "lamplight" }
func (t *track) Kind() webrtc.RTPCodecType { return webrtc.RTPCodecTypeAudio }

// Bind learns the source's name.
func (t *track) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	codecs := c.CodecParameters()
	if len(codecs) == 0 {
		return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
	}
	s, w := t.b.in[Browser], c.WriteStream()
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.c.replaced {
		return codecs[0], nil
	}
	s.out.SSRC = uint32(c.SSRC())
	s.tell = func(m []byte) {
		raw := rtcp.RawPacket(m)
		_ = t.c.WriteRTCP([]rtcp.Packet{&raw})
	}
	s.write = func(s *side, payload []byte) {
		_, _ = w.WriteRTP(&s.header, payload) // a browser that is gone is told by ICE
	}
	return codecs[0], nil
}

func (t *track) Unbind(webrtc.TrackLocalContext) error {
	s := t.b.in[Browser]
	s.mu.Lock()
	defer s.mu.Unlock()
	if !t.c.replaced {
		s.write, s.tell = nil, nil
	}
	return nil
}
