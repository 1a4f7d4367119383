package webrtc

import (
	"testing"
	"testing/synctest"
	"time"

	"lamplight/sip/ua"
	"lamplight/webrtc/signalling"
)

// TestAPhoneOfTheOtherFamilyIsCalledOnceMore: it refuses an offer of IPv4 (488), and takes
// one of IPv6. Refused again, or where there is but one family, that is all.
func TestAPhoneOfTheOtherFamilyIsCalledOnceMore(t *testing.T) {
	for name, tt := range map[string]struct {
		other bool
		takes int // the try that is answered
		tries int
		state signalling.CallState
	}{
		"takes the second": {true, 2, 2, signalling.CallTalking},
		"takes neither":    {true, 3, 2, signalling.CallOver},
		"only one family":  {false, 2, 1, signalling.CallOver},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				x := newExchange(t)
				p := x.online()
				x.other = tt.other
				tries := 0
				x.far.answer = func(c *ua.Call) {
					go func() {
						time.Sleep(time.Millisecond) // until the call is taken in
						if tries++; tries == tt.takes {
							_ = c.Answer([]byte(sdpOf("far-answer")))
							return
						}
						c.Reject(488, "")
					}()
				}
				x.dials(p, "p-1", "1002")
				time.Sleep(time.Second)
				if got := p.told(); got.State != tt.state || tries != tt.tries {
					t.Errorf("after %d tries the page is told %+v", tries, got)
				}
			})
		})
	}
}
