package media

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"lamplight/webrtc/media/mediatest"
	"lamplight/webrtc/media/sdp"
)

var loopback6 = netip.IPv6Loopback()

func bothFamilies(t *testing.T, calls int) Options {
	o := options(t, calls)
	o.Listen6 = loopback6
	return o
}

// TestPhoneIsAnsweredInItsFamily while the page is on IPv4.
func TestPhoneIsAnsweredInItsFamily(t *testing.T) {
	g := open(t, bothFamilies(t, 20))
	for name, tt := range map[string]struct {
		six   bool
		o     BridgeOptions
		setUp func(*call)
	}{
		"IPv4 calls":                     {false, BridgeOptions{}, (*call).fromPhone},
		"IPv6 calls":                     {true, BridgeOptions{}, (*call).fromPhone},
		"IPv6 calls, SIP came over IPv4": {true, BridgeOptions{Signalling: loopback}, (*call).fromPhone},
		"IPv4 is called":                 {false, BridgeOptions{}, (*call).fromPage},
		"IPv6 is called, SIP goes there": {true, BridgeOptions{Signalling: loopback6}, (*call).fromPage},
		"IPv6 is called, and wants keys": {true, BridgeOptions{Signalling: loopback6, Keys: DemandKeys}, (*call).fromPage},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{IPv6: tt.six, Keys: tt.o.Keys == DemandKeys}, tt.o)
			tt.setUp(c)
			c.bothHear()
			c.sound()
			want := loopback
			if tt.six {
				want = loopback6
			}
			if got := c.phone.Remote.Audio.Addr; got != want {
				t.Errorf("the phone is told %s", got)
			}
			c.eventually("reports", func() error {
				if c.phone.Reports.Load() == 0 {
					return errors.New("none came")
				}
				return nil
			})
		})
	}
}

// TestPhoneMovesToTheOtherFamily in a call and back; one that holds the old way by 0.0.0.0
// has not.
func TestPhoneMovesToTheOtherFamily(t *testing.T) {
	g := open(t, bothFamilies(t, 4))
	c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{IPv6: true}, BridgeOptions{})
	c.fromPhone()
	c.bothHear()
	six := c.phone
	moves := func(p *mediatest.Phone) {
		t.Helper()
		if _, err := c.bridge.PhoneOffer(p.Offer(sdp.SendRecv)); err != nil {
			t.Fatal(err)
		}
		if err := p.Accept(must[[]byte](t)(c.bridge.AnswerPhone())); err != nil {
			t.Fatal(err)
		}
		c.phone = p
		c.bothHear()
	}
	hold := strings.ReplaceAll(string(six.Offer(sdp.SendRecv)), "IN IP6 ::1", "IN IP4 0.0.0.0")
	if _, err := c.bridge.PhoneOffer([]byte(hold)); err != nil {
		t.Fatal(err)
	}
	if answer := string(must[[]byte](t)(c.bridge.AnswerPhone())); !strings.Contains(answer, "c=IN IP6 ::1\r\n") || !strings.Contains(answer, "a=recvonly") {
		t.Errorf("held by 0.0.0.0, the phone is answered %s", answer)
	}
	moves(six)
	four := must[*mediatest.Phone](t)(mediatest.NewPhone(mediatest.PhoneOptions{Hz: phoneTone}))
	t.Cleanup(four.Close)
	moves(four)
	moves(six)
	if n := g.free(time.Now()); n != 2 { // of four pairs of IPv6 one is taken, and the one it left rests
		t.Errorf("%d pairs are free", n)
	}
}

// TestFamilyWithoutAnAddress is refused, and says so.
func TestFamilyWithoutAnAddress(t *testing.T) {
	g := open(t, options(t, 4))
	c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{IPv6: true}, BridgeOptions{})
	_, err := c.bridge.PhoneOffer(c.phone.Offer(sdp.SendRecv))
	if !errors.Is(err, sdp.ErrFamily) {
		t.Errorf("%v", err)
	}
	if code, text := Warning(err); code != 301 || !strings.Contains(text, "IPv6") {
		t.Errorf("%d %q", code, text)
	}
	// Nor can an answer be of another family than its offer.
	both := open(t, bothFamilies(t, 4))
	c = newCall(t, both, mediatest.PageOptions{}, mediatest.PhoneOptions{IPv6: true}, BridgeOptions{})
	answer := must[[]byte](t)(c.phone.Answer(must[[]byte](t)(c.bridge.OfferPhone())))
	if err := c.bridge.PhoneAnswer(answer); !errors.Is(err, sdp.ErrFamily) {
		t.Errorf("%v", err)
	}
}

func TestAddressesOfBothFamilies(t *testing.T) {
	ip := netip.MustParseAddr
	for name, tt := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"both":                    {func(o *Options) { o.Listen6 = loopback6 }, ""},
		"all interfaces":          {func(o *Options) { o.Listen6, o.Announce6 = ip("::"), ip("2001:db8::1") }, ""},
		"nothing to announce":     {func(o *Options) { o.Listen6 = ip("::") }, "needs one to announce"},
		"two of IPv4":             {func(o *Options) { o.Listen6 = loopback }, "one of IPv4 and one of IPv6"},
		"two of IPv6":             {func(o *Options) { o.Listen, o.Listen6 = loopback6, loopback6 }, "one of IPv4 and one of IPv6"},
		"announced as the other":  {func(o *Options) { o.Listen6, o.Announce6 = loopback6, loopback }, "another family"},
		"announced to nobody":     {func(o *Options) { o.Listen6, o.Announce6 = loopback6, ip("ff02::1") }, "nobody can send"},
		"announced where nothing": {func(o *Options) { o.Announce6 = loopback6 }, "another family"},
	} {
		o := options(t, 1)
		tt.change(&o)
		switch err := o.Validate(); {
		case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v", name, err)
		}
	}
}
