package media

import (
	"errors"

	"lamplight/webrtc/media/sdp"
)

// Warning is what a refusal says of the description that could not be used (RFC 3261
// §20.43); 0 where there is nothing to say of it.
func Warning(err error) (code int, text string) {
	switch {
	case errors.Is(err, sdp.ErrFamily):
		return 301, "No address of this family for audio, of IPv4 and IPv6 only the other"
	case errors.Is(err, sdp.ErrProfile):
		return 302, "Media goes by RTP/AVP or RTP/SAVP only"
	case errors.Is(err, ErrKeys):
		return 302, "No key for SRTP that can be used"
	case errors.Is(err, sdp.ErrNoCodec):
		return 305, "No codec in common"
	case errors.Is(err, sdp.ErrNoAudio):
		return 304, "There is no audio"
	}
	return 0, ""
}
