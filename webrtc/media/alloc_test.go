package media

import (
	"net/netip"
	"testing"

	pion "github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"lamplight/webrtc/media/mediatest"
	"lamplight/webrtc/media/rtp"
	"lamplight/webrtc/media/sdp"
)

// TestNothingAllocatesOnTheWay of a packet, either way, sockets and keys included.
func TestNothingAllocatesOnTheWay(t *testing.T) {
	for name, keys := range map[string]bool{"plain": false, "keys by SDP": true} {
		t.Run(name, func(t *testing.T) {
			o := options(t, 4)
			g := open(t, o)
			b := must[*Bridge](t)(g.Bridge(BridgeOptions{}))
			phone := must[*mediatest.Phone](t)(mediatest.NewPhone(mediatest.PhoneOptions{Quiet: true, Keys: keys, Codecs: mediatest.PCMA()}))
			defer phone.Close()
			if _, err := b.PhoneOffer(phone.Offer(sdp.SendRecv)); err != nil {
				t.Fatal(err)
			}
			b.mu.Lock() // a browser that has answered
			b.takeLocked([]sdp.Codec{{Type: 0, Name: sdp.PCMU, Rate: 8000}}, sdp.SendRecv)
			b.mu.Unlock()
			must[[]byte](t)(b.AnswerPhone())
			page, passed := b.in[Browser], 0
			page.mu.Lock()
			page.up, page.write = true, func(*side, []byte) { passed++ }
			page.mu.Unlock()
			defer func() {
				page.mu.Lock()
				page.up, page.write = false, nil
				page.mu.Unlock()
			}()

			var fromPage, fromPhone [rtp.HeaderSize + 160]byte
			var spare [256]byte
			seq := uint16(0)
			var encrypt *srtp.Context
			if keys {
				encrypt = must[*srtp.Context](t)(cipher(b.theirs))
			}
			var h pion.Header
			at := netip.AddrPortFrom(loopback, phone.Addr().Port())
			from := new(connection)
			n := testing.AllocsPerRun(2000, func() {
				seq++
				rtp.Put(fromPage[:], 0, false, seq, uint32(seq)*160, 5)
				b.fromBrowser(from, fromPage[:], 0)
				rtp.Put(fromPhone[:], 8, false, seq, uint32(seq)*160, 6)
				m := fromPhone[:]
				if keys {
					m, _ = encrypt.EncryptRTP(spare[:], m, &h)
				}
				b.fromPhone(m, at)
			})
			most := 0
			if keys {
				most = raced
			}
			if n > float64(most) {
				t.Errorf("%v allocations", n)
			}
			if q := b.Quality(); q[Phone].Sent < 2000 || passed < 2000 {
				t.Errorf("%d to the phone, %d to the browser", q[Phone].Sent, passed)
			}
		})
	}
}
