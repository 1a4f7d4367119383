package media

import "lamplight/webrtc/media/sdp"

// Capabilities are what the side that would answer an offer can do.
type Capabilities = sdp.Capabilities

// Meets reports whether an offer can be answered by such a side without the gateway
// between them, and if not, why. What cannot be read is nothing the gateway could
// help with: it meets.
func Meets(offer []byte, answerer Capabilities) (ok bool, why string) {
	d, err := sdp.Read(offer)
	if err != nil {
		return true, ""
	}
	return sdp.Meets(d, answerer)
}
