package media

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"lamplight/webrtc/media/mediatest"
	"lamplight/webrtc/media/rtp"
	"lamplight/webrtc/media/sdp"
)

// TestMicrophoneIsToldWithinASecond of what became of it: heard, muted, stopped.
func TestMicrophoneIsToldWithinASecond(t *testing.T) {
	g := open(t, options(t, 4))
	c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
	c.fromPage()
	c.happens(Hearing)
	if l := c.bridge.Level(); l != 20 {
		t.Errorf("level %d", l)
	}
	told := func(want Kind, act func()) {
		t.Helper()
		before := len(c.happened())
		act()
		start := time.Now()
		for time.Since(start) < 3*time.Second {
			if list := c.happened()[before:]; len(list) > 0 {
				if list[0].Kind != want {
					t.Errorf("told %s, want %s", list[0].Kind, want)
				}
				if d := time.Since(start); d > 1100*time.Millisecond { // a second, and what this machine is late by
					t.Errorf("%s told after %v", want, d)
				}
				return
			}
			time.Sleep(5 * time.Millisecond)
		}
		t.Errorf("%s not told", want)
	}
	told(Silent, func() { c.page.Mute(true) })
	if l := c.bridge.Level(); l != 127 {
		t.Errorf("level %d when muted", l)
	}
	told(Hearing, func() { c.page.Mute(false) })
	told(Stopped, func() { c.page.Stop(true) })
	told(Hearing, func() { c.page.Stop(false) })
}

// TestNothingIsToldOfTheMicrophoneOfACallThatRings: the page is silent until the agent
// answers, and then has its time.
func TestNothingIsToldOfTheMicrophoneOfACallThatRings(t *testing.T) {
	c := newCall(t, open(t, options(t, 4)), mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
	if _, err := c.bridge.PhoneOffer(c.phone.Offer(sdp.SendRecv)); err != nil {
		t.Fatal(err)
	}
	c.page.Mute(true)
	c.browserAgain(false)
	c.connected()
	time.Sleep(2 * micStopped)
	c.page.Mute(false)
	if err := c.phone.Accept(must[[]byte](t)(c.bridge.AnswerPhone())); err != nil {
		t.Fatal(err)
	}
	c.happens(Hearing)
	for _, e := range c.happened() {
		if e.Kind == Stopped || e.Kind == Silent {
			t.Errorf("told that it is %s", e.Kind)
		}
	}
}

// TestMicrophoneJudgement without a network: nothing is told of one that need not
// speak, and samples count where there is no level.
func TestMicrophoneJudgement(t *testing.T) {
	const ms = time.Millisecond
	mu := route{kind: talk, law: sdp.PCMU}
	sound, silence := rtp.Packet{Payload: []byte{0x10, 0x20}}, rtp.Packet{Payload: []byte{0xff, 0x7f}}
	var m microphone
	judge := func(at time.Duration, speaks bool, want Kind, wantChange bool) {
		t.Helper()
		if k, changed := m.judge(speaks, at); k != want || changed != wantChange {
			t.Errorf("at %v: %q, %v; want %q, %v", at, k, changed, want, wantChange)
		}
	}
	feed := func(p rtp.Packet, from, to time.Duration) {
		for at := from; at < to; at += 20 * ms {
			m.note(&p, mu, at)
		}
	}
	judge(1000*ms, true, "", false) // not connected
	m.connected(true, 2000*ms)
	judge(2600*ms, true, "", false)
	judge(2700*ms, true, Stopped, true)
	judge(9000*ms, true, Stopped, false) // told once
	feed(silence, 9000*ms, 9800*ms)
	judge(9800*ms, true, Silent, true)
	feed(sound, 9800*ms, 9820*ms)
	judge(9900*ms, true, Hearing, true)
	judge(12000*ms, false, "", false) // on hold it may be still
	judge(12100*ms, true, "", false)  // and has its time again
	judge(12800*ms, true, Stopped, true)
	m.connected(false, 13000*ms)
	judge(20000*ms, true, "", false)
}

// TestSilentPhoneTimesOut, at the beginning and later; not while it is held, and
// not while its reports come.
func TestSilentPhoneTimesOut(t *testing.T) {
	o := options(t, 8)
	o.First, o.Silence = 900*time.Millisecond, 600*time.Millisecond
	g := open(t, o)
	timedOut := func(c *call) (n int) {
		for _, e := range c.happened() {
			if e.Kind == TimedOut {
				n++
			}
		}
		return n
	}
	t.Run("only rings", func(t *testing.T) {
		t.Parallel()
		c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{Quiet: true}, BridgeOptions{})
		c.fromPage()
		time.Sleep(1500 * time.Millisecond)
		if n := timedOut(c); n != 0 {
			t.Error("timed out while it rings")
		}
		c.bridge.Taken()
		start := time.Now()
		c.happens(TimedOut)
		if d := time.Since(start); d < 300*time.Millisecond {
			t.Errorf("after %v", d)
		}
	})
	t.Run("never spoke", func(t *testing.T) {
		t.Parallel()
		c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{Quiet: true}, BridgeOptions{})
		c.fromPage()
		c.bridge.Taken()
		start := time.Now()
		c.happens(TimedOut)
		if d := time.Since(start); d < 300*time.Millisecond || d > 2*time.Second {
			t.Errorf("after %v", d)
		}
		time.Sleep(500 * time.Millisecond)
		if n := timedOut(c); n != 1 {
			t.Errorf("told %d times", n)
		}
	})
	t.Run("fell silent, and was held before", func(t *testing.T) {
		t.Parallel()
		c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
		c.fromPage()
		c.bridge.Taken()
		c.happens(PhoneHeard)
		c.phoneOffers(sdp.Inactive)
		time.Sleep(1200 * time.Millisecond)
		if n := timedOut(c); n != 0 {
			t.Error("timed out on hold")
		}
		c.phoneOffers(sdp.SendRecv)
		c.bothHear()
		c.phone.Close()
		c.happens(TimedOut)
	})
	t.Run("holds", func(t *testing.T) {
		t.Parallel()
		c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
		c.fromPage()
		c.bridge.Taken()
		c.happens(PhoneHeard)
		c.phoneOffers(sdp.SendOnly)
		c.phone.Close() // it plays no music
		time.Sleep(1200 * time.Millisecond)
		if n := timedOut(c); n != 0 {
			t.Error("timed out while it holds")
		}
	})
	t.Run("has its time anew when something else is agreed on", func(t *testing.T) {
		t.Parallel()
		c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
		c.fromPage()
		c.bridge.Taken()
		c.happens(PhoneHeard)
		time.Sleep(time.Second)
		c.phone.Close()
		c.phoneOffers(sdp.SendRecv)
		start := time.Now()
		c.happens(TimedOut)
		if d := time.Since(start); d < 500*time.Millisecond {
			t.Errorf("after %v", d)
		}
	})
	t.Run("only reports", func(t *testing.T) {
		t.Parallel()
		report := []byte{0x80, 201, 0, 1, 0, 0, 0, 1}
		for range 5 {
			c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{Quiet: true}, BridgeOptions{})
			c.fromPage()
			c.bridge.Taken()
			var late time.Duration // a busy machine makes a silent phone of one that reports
			for range 10 {
				c.phone.Send(report)
				sent := time.Now()
				time.Sleep(150 * time.Millisecond)
				late = max(late, time.Since(sent))
			}
			if timedOut(c) == 0 {
				return
			}
			if late < o.Silence/2 {
				t.Fatal("timed out though it reports")
			}
		}
		t.Error("no report was in time in five calls")
	})
}

// TestReportsGoBothWays: each side is told what was lost, and says it.
func TestReportsGoBothWays(t *testing.T) {
	g := open(t, options(t, 4))
	c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
	c.fromPage()
	c.bothHear()
	for range 2 {
		for _, s := range c.bridge.in { // as if five seconds had passed
			s.mu.Lock()
			s.due = 1
			s.mu.Unlock()
		}
		time.Sleep(2 * lookEvery)
	}
	if n := c.phone.Reports.Load(); n < 2 {
		t.Errorf("the phone got %d reports", n)
	}
	if n := c.page.Reports.Load(); n < 2 {
		t.Errorf("the page got %d reports", n)
	}
	if err := c.bridge.Close(); err != nil {
		t.Fatal(err)
	}
	c.eventually("goodbye", func() error {
		if !c.phone.SaidGoodbye.Load() {
			return errors.New("the phone heard none")
		}
		return nil
	})
}

// TestThiefGetsNothing: whoever knows the port of a call in progress neither hears
// it nor is heard.
func TestThiefGetsNothing(t *testing.T) {
	g := open(t, options(t, 4))
	c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
	c.fromPage()
	c.bothHear()
	thief := must[*net.UDPConn](t)(net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}))
	defer thief.Close()
	to := netip.AddrPortFrom(loopback, c.phone.Remote.Audio.Port)
	var b [rtp.HeaderSize + 160]byte
	for i := range 300 {
		rtp.Put(b[:], 0, false, uint16(i), uint32(i*160), 666)
		if _, err := thief.WriteToUDPAddrPort(b[:], to); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	_ = thief.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	if n, err := thief.Read(b[:]); err == nil {
		t.Errorf("heard %d bytes", n)
	}
	c.bothHear()
	c.sound()
	if q := c.bridge.Quality(); q[Phone].Strays != 300 {
		t.Errorf("%d strays counted", q[Phone].Strays)
	}
}

// TestPhoneBehindATranslator says an address that leads nowhere, and is found.
func TestPhoneBehindATranslator(t *testing.T) {
	g := open(t, options(t, 4))
	c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{
		Elsewhere: netip.MustParseAddrPort("192.0.2.77:4000"),
	}, BridgeOptions{Signalling: loopback})
	c.fromPhone()
	c.bothHear()
	c.phoneOffers(sdp.Inactive) // and again after a hold
	c.phoneOffers(sdp.SendRecv)
	c.bothHear()
	c.sound()
}

// TestBadDescriptionsAreRefused and change nothing.
func TestBadDescriptionsAreRefused(t *testing.T) {
	g := open(t, options(t, 4))
	c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{})
	const head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
	phone := map[string]struct {
		sdp  string
		want error
	}{
		"rubbish":           {"x", sdp.ErrSyntax},
		"huge":              {head + strings.Repeat("a=x\r\n", 20000), sdp.ErrTooLarge},
		"no audio":          {head + "m=video 4 RTP/AVP 31\r\n", sdp.ErrNoAudio},
		"a browser's":       {head + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", sdp.ErrProfile},
		"a codec of nobody": {head + "m=audio 4 RTP/AVP 3 13\r\n", sdp.ErrNoCodec},
		"IPv6":              {strings.ReplaceAll(head, "IP4 192.0.2.1", "IP6 2001:db8::1") + "m=audio 4 RTP/AVP 0\r\n", sdp.ErrFamily},
		"keys, but none":    {head + "m=audio 4 RTP/SAVP 0\r\n", ErrKeys},
	}
	for name, tt := range phone {
		if _, err := c.bridge.PhoneOffer([]byte(tt.sdp)); !errors.Is(err, tt.want) {
			t.Errorf("offer, %s: %v, want %v", name, err, tt.want)
		}
	}
	for name, s := range map[string]string{
		"rubbish": "x", "a phone's": head + "m=audio 4 RTP/AVP 0\r\n", "huge": head + strings.Repeat("a=x\r\n", 20000),
		"no fingerprint": head + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=ice-ufrag:x\r\n",
	} {
		if err := c.bridge.BrowserOffer(s); !errors.Is(err, ErrBrowser) {
			t.Errorf("browser's offer, %s: %v", name, err)
		}
	}
	for name, err := range map[string]error{
		"browser's answer": c.bridge.BrowserAnswer("x"), "phone's answer": c.bridge.PhoneAnswer([]byte(head)),
	} {
		if !errors.Is(err, ErrOrder) {
			t.Errorf("%s to no offer: %v", name, err)
		}
	}
	if _, err := c.bridge.AnswerPhone(); !errors.Is(err, ErrOrder) {
		t.Error(err)
	}
	if _, err := c.bridge.AnswerBrowser(within(t)); !errors.Is(err, ErrOrder) {
		t.Error(err)
	}
	for range maxCandidates {
		if err := c.bridge.Candidate("candidate:rubbish", "0", 0); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.bridge.Candidate("candidate:rubbish", "0", 0); !errors.Is(err, ErrBrowser) {
		t.Error("a flood of candidates:", err)
	}
	c.fromPhone()
	c.bothHear()
	if _, err := c.bridge.PhoneOffer([]byte("x")); err == nil {
		t.Error("rubbish in a call")
	}
	c.bothHear()
}

func TestKeysAreDemanded(t *testing.T) {
	g := open(t, options(t, 4))
	c := newCall(t, g, mediatest.PageOptions{}, mediatest.PhoneOptions{}, BridgeOptions{Keys: DemandKeys})
	if _, err := c.bridge.PhoneOffer(c.phone.Offer(sdp.SendRecv)); !errors.Is(err, ErrKeys) {
		t.Error("plain RTP offered:", err)
	}
	if err := c.bridge.BrowserOffer(must[string](t)(c.page.Offer(within(t), false))); err != nil {
		t.Fatal(err)
	}
	answer := must[[]byte](t)(c.phone.Answer(must[[]byte](t)(c.bridge.OfferPhone())))
	if err := c.bridge.PhoneAnswer(answer); !errors.Is(err, ErrKeys) {
		t.Error("plain RTP answered:", err)
	}
}

// TestCallsAreBounded, and a closed gateway makes none.
func TestCallsAreBounded(t *testing.T) {
	o := options(t, 4)
	o.Calls = 2
	g := open(t, o)
	a, b := must[*Bridge](t)(g.Bridge(BridgeOptions{})), must[*Bridge](t)(g.Bridge(BridgeOptions{}))
	if _, err := g.Bridge(BridgeOptions{}); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if _, err := g.Bridge(BridgeOptions{}); err != nil {
		t.Error(err)
	}
	if err := g.Close(); err != nil {
		t.Error(err)
	}
	if _, err := g.Bridge(BridgeOptions{}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := b.OfferPhone(); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := b.OfferBrowser(context.Background(), false); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, more := <-b.Events(); more {
		t.Error("events go on")
	}
}

// TestEventsNobodyReads lose the oldest, and never block.
func TestEventsNobodyReads(t *testing.T) {
	g := open(t, options(t, 4))
	b := must[*Bridge](t)(g.Bridge(BridgeOptions{}))
	for i := range 2 * backlog {
		b.tell(Event{Kind: Key, Digit: byte(i)})
	}
	if e := <-b.Events(); e.Digit != backlog {
		t.Errorf("the oldest left is %d", e.Digit)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := options(t, 4)
	for name, change := range map[string]func(*Options){
		"no port":           func(o *Options) { o.Port = nil },
		"no address":        func(o *Options) { o.Listen = netip.Addr{} },
		"all, told nothing": func(o *Options) { o.Listen = netip.IPv4Unspecified() },
		"told of all":       func(o *Options) { o.Announce = netip.IPv4Unspecified() },
		"another family":    func(o *Options) { o.Announce = netip.MustParseAddr("2001:db8::1") },
		"low ports":         func(o *Options) { o.Ports = [2]uint16{80, 90} },
		"one port":          func(o *Options) { o.Ports = [2]uint16{5001, 5002} },
	} {
		o := good
		if change(&o); o.Validate() == nil {
			t.Error(name, "is taken")
		}
	}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
}
