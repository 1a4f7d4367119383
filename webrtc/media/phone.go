package media

import (
	"fmt"
	"net/netip"
	"slices"

	"lamplight/webrtc/media/sdp"
)

// phoneType are the payload types offered to phones: those they use themselves.
func phoneType(c sdp.Codec) sdp.Codec {
	switch {
	case c.Name == sdp.Opus:
		c.Type, c.Params = 107, "useinbandfec=1"
	case c.Name == sdp.Event && c.Rate == 8000:
		c.Type, c.Params = 101, "0-15"
	case c.Name == sdp.Event:
		c.Type, c.Params = 102, "0-15"
	default:
		c.Type, c.Params = map[string]uint8{sdp.PCMU: 0, sdp.PCMA: 8, sdp.G722: 9}[c.Name], ""
	}
	return c
}

// oursLocked is the direction we want toward the phone.
func (b *Bridge) oursLocked() sdp.Direction {
	way := sdp.SendRecv
	if b.browser.codecs != nil {
		way = b.browser.way
	}
	if b.hold {
		way = way.And(sdp.SendOnly)
	}
	return way
}

// OfferPhone makes an offer to the phone: the first one, or a later one when the
// call is held or goes on.
func (b *Bridge) OfferPhone() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h, err := b.homeLocked(nil)
	if err != nil {
		return nil, err
	}
	if err := b.openPhoneLocked(h); err != nil {
		return nil, err
	}
	list := sdp.Known()
	if b.browser.codecs != nil {
		list = b.browser.codecs
	}
	talk := sdp.Talk(list)
	for _, c := range sdp.Known() { // either law where there is one
		if c.G711() && slices.ContainsFunc(talk, c.Carries) && !slices.ContainsFunc(talk, c.Is) {
			talk = append(talk, c)
		}
	}
	l := &b.local
	l.Codecs = l.Codecs[:0]
	for _, c := range talk {
		l.Codecs = append(l.Codecs, phoneType(c))
	}
	for _, c := range list {
		if c.Name == sdp.Event && slices.ContainsFunc(talk, func(o sdp.Codec) bool { return o.Rate == c.Rate }) {
			l.Codecs = append(l.Codecs, phoneType(c))
		}
	}
	l.Way, l.Mux, l.Profile, l.Crypto = b.oursLocked(), true, sdp.AVP, nil
	if b.o.Keys != NoKeys || b.keyed {
		if b.mine.Suite == "" {
			b.mine = sdp.NewCrypto(1, sdp.Suite80)
		}
		l.Crypto = []sdp.Crypto{b.mine}
		if b.o.Keys == DemandKeys || b.secure {
			l.Profile = sdp.SAVP
		}
	}
	b.offer = nil
	return b.writeLocked(nil), nil
}

// writeLocked writes our description under a new version if it changed.
func (b *Bridge) writeLocked(offer *sdp.Description) []byte {
	m := b.local.Answer(offer)
	if string(m) == b.wrote {
		return m
	}
	b.local.Version++
	m = b.local.Answer(offer)
	b.wrote = string(m)
	return m
}

// PhoneAnswer takes the phone's answer to OfferPhone; of several, as a call that
// forks brings them, the newest counts.
func (b *Bridge) PhoneAnswer(answer []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.aliveLocked(); err != nil {
		return err
	}
	if b.wrote == "" || b.offer != nil {
		return fmt.Errorf("%w: no offer to the phone is out", ErrOrder)
	}
	d, err := b.readPhoneDescription(answer)
	if err != nil {
		return err
	}
	if h, _ := b.homeLocked(d); h != b.home {
		return fmt.Errorf("%w: the offer was of another than %s", sdp.ErrFamily, d.Audio.Addr)
	}
	list := sdp.Carried(d.Audio.Codecs, b.local.Codecs)
	if b.browser.codecs != nil && b.page == nil {
		list = sdp.Carried(list, b.browser.codecs)
	}
	if len(sdp.Talk(list)) == 0 {
		return sdp.ErrNoCodec
	}
	if err := b.keysLocked(d, sdp.Crypto{}); err != nil {
		return err
	}
	b.local.Mux = b.local.Mux && d.Audio.Mux
	b.agreeLocked(d, list, b.local.Way.And(d.Audio.Way.Reverse()))
	return nil
}

// PhoneOffer takes an offer of the phone, the first or a later one. again says
// that the browser speaks nothing of what is offered now: it wants a new offer
// (OfferBrowser, BrowserAnswer) before AnswerPhone.
func (b *Bridge) PhoneOffer(offer []byte) (again bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.aliveLocked(); err != nil {
		return false, err
	}
	d, err := b.readPhoneDescription(offer)
	if err != nil {
		return false, err
	}
	if len(sdp.Talk(sdp.Shared(d.Audio.Codecs, sdp.Known()))) == 0 {
		return false, sdp.ErrNoCodec
	}
	b.offer = d
	again = b.browser.codecs != nil && len(sdp.Talk(sdp.Carried(d.Audio.Codecs, b.browser.codecs))) == 0
	return again, nil
}

// readPhoneDescription reads what a phone sent and refuses what the gateway cannot
// speak with it.
func (b *Bridge) readPhoneDescription(m []byte) (*sdp.Description, error) {
	d, err := sdp.Read(m)
	if err != nil {
		return nil, err
	}
	a := &d.Audio
	switch {
	case !a.Profile.Plain():
		return nil, fmt.Errorf("%w: %s", sdp.ErrProfile, a.Profile)
	case a.Profile.Secure() && len(a.Crypto) == 0:
		return nil, fmt.Errorf("%w: %s without any", ErrKeys, a.Profile)
	case b.o.Keys == DemandKeys && len(a.Crypto) == 0:
		return nil, fmt.Errorf("%w: they are required", ErrKeys)
	}
	_, err = b.homeLocked(d)
	return d, err
}

// AnswerPhone answers the phone's offer. What the browser speaks is preferred; it
// must have answered or offered by then.
func (b *Bridge) AnswerPhone() ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.offer == nil || b.browser.codecs == nil {
		return nil, fmt.Errorf("%w: both must have said what they speak", ErrOrder)
	}
	d := b.offer
	h, err := b.homeLocked(d)
	if err != nil {
		return nil, err
	}
	if err := b.openPhoneLocked(h); err != nil {
		return nil, err
	}
	chosen, ok := choose(d.Audio.Codecs, b.browser.codecs)
	if !ok {
		return nil, sdp.ErrNoCodec
	}
	l := &b.local
	l.Codecs = []sdp.Codec{chosen}
	if e, ok := sdp.EventFor(d.Audio.Codecs, chosen); ok {
		l.Codecs = append(l.Codecs, e)
	}
	l.Profile, l.Mux, l.Crypto = d.Audio.Profile, d.Audio.Mux, nil
	l.Way = d.Audio.Way.Reverse().And(b.oursLocked())
	if len(d.Audio.Crypto) > 0 {
		theirs := d.Audio.Crypto[0]
		// A new key of theirs may be that of another phone, which knows nothing of
		// how far our old one has got (RFC 3711 §3.3.1).
		if b.mine.Suite != theirs.Suite || b.theirs != theirs {
			b.mine = sdp.NewCrypto(theirs.Tag, theirs.Suite)
		}
		b.mine.Tag = theirs.Tag
		l.Crypto = []sdp.Crypto{b.mine}
		if err := b.keysLocked(d, theirs); err != nil {
			return nil, err
		}
	} else if err := b.keysLocked(d, sdp.Crypto{}); err != nil {
		return nil, err
	}
	answer := b.writeLocked(d)
	b.offer = nil
	b.agreeLocked(d, l.Codecs, l.Way)
	return answer, nil
}

// choose picks of the phone's codecs the one the browser sends, the other law of
// it if need be.
func choose(phone, browser []sdp.Codec) (sdp.Codec, bool) {
	for _, carries := range []func(a, b sdp.Codec) bool{sdp.Codec.Is, sdp.Codec.Carries} {
		for _, want := range sdp.Talk(browser) {
			for _, c := range sdp.Talk(phone) {
				if carries(want, c) {
					return c, true
				}
			}
		}
	}
	return sdp.Codec{}, false
}

// agreeLocked has the phone agreed to these codecs, and expects it where it said.
func (b *Bridge) agreeLocked(d *sdp.Description, codecs []sdp.Codec, way sdp.Direction) {
	b.phone = agreed{codecs: codecs, way: way}
	b.secure = d.Audio.Profile.Secure()
	s := b.in[Phone]
	s.mu.Lock()
	if a := &d.Audio; !a.Addr.IsUnspecified() {
		there := b.home.near(netip.AddrPortFrom(a.Addr, a.Port))
		s.latch.expect(there, b.o.Signalling)
		s.reports = netip.AddrPort{}
		if !b.local.Mux {
			s.reports = b.home.near(a.RTCP)
		}
	}
	s.came, s.waits, s.timedOut = 0, 0, false // it has its time anew
	if s.write == nil {
		s.write, s.up = b.writePhone, true
	}
	s.mu.Unlock()
	b.routeLocked()
}
