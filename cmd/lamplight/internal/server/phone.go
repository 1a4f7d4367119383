package server

import (
	"lamplight/presence"
	"lamplight/sip/transport"
	"lamplight/sip/ua"
	"lamplight/webrtc"
	"lamplight/webrtc/media"
)

// calling makes pages phones: user agents at the end of flows in memory, whose audio
// the gateway bridges. Without a gateway they take and make no calls.
func (s *Server) calling() webrtc.Calling {
	if s.media == nil {
		return webrtc.Calling{}
	}
	stack := ua.New(ua.Options{UserAgent: "Lamplight-Webphone", Log: s.log})
	s.atEnd("phones of pages", stack.Close)
	return webrtc.Calling{
		Phone: func(o ua.PhoneOptions) (*ua.Phone, error) { return stack.Phone(s.transport, o) },
		Bridge: func(o media.BridgeOptions) (webrtc.Bridge, error) {
			b, err := s.media.Bridge(o)
			if err != nil {
				return nil, err
			}
			return b, nil
		},
	}
}

// pages are the webphones as the proxy asks for them; there are none before the web has
// started, or where it is off.
type pages struct{ s *Server }

func (p pages) Reach(session string) (string, *transport.Flow, bool) {
	if p.s.webphone == nil {
		return "", nil, false
	}
	return p.s.webphone.Reach(session)
}

func (p pages) Owner(f *transport.Flow) (presence.AgentID, presence.DeviceID, bool) {
	if p.s.webphone == nil {
		return presence.AgentID{}, presence.DeviceID{}, false
	}
	return p.s.webphone.Owner(f)
}
