package mediatest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	pion "github.com/pion/rtp"
	"github.com/pion/srtp/v3"

	"lamplight/webrtc/media/rtp"
	"lamplight/webrtc/media/sdp"
)

// PhoneOptions of a phone. The zero value speaks PCMU.
type PhoneOptions struct {
	Codecs []sdp.Codec // default PCMU and telephone-event
	Hz     float64
	Keys   bool // RTP/SAVP
	IPv6   bool // it is at [::1]
	Quiet  bool // sends nothing until Speak
	Stamp  bool // speaks the time of day
	// Elsewhere has it say another address than its own, as behind a translator.
	Elsewhere netip.AddrPort
	// OnPacket sees each packet as it comes.
	OnPacket func(p *rtp.Packet)
}

// Phone is a SIP phone without SIP: its RTP and its SDP.
type Phone struct {
	Ear *Ear

	o    PhoneOptions
	conn *net.UDPConn
	mine sdp.Crypto
	ssrc uint32

	mu      sync.Mutex
	to      netip.AddrPort // guarded by mu
	talk    sdp.Codec      // guarded by mu
	event   sdp.Codec      // guarded by mu
	encrypt *srtp.Context  // guarded by mu
	decrypt *srtp.Context  // guarded by mu
	theirs  sdp.Crypto     // guarded by mu
	way     sdp.Direction  // guarded by mu; as the phone sees it
	seq     uint16         // guarded by mu
	at      uint32         // guarded by mu
	version uint64         // guarded by mu
	offered []sdp.Codec    // guarded by mu
	refused int            // guarded by mu
	keys    chan byte      // to press
	hz      float64        // guarded by mu
	stop    chan struct{}
	tasks   sync.WaitGroup
	once    sync.Once

	// Reports are the RTCP packets that came, SaidGoodbye that one was the last.
	Reports     atomic.Int64
	SaidGoodbye atomic.Bool
	Remote      *sdp.Description // newest
}

// PCMU and what goes with it.
func PCMU() []sdp.Codec {
	return []sdp.Codec{{Type: 0, Name: sdp.PCMU, Rate: 8000, Channels: 1}, Event()}
}

// PCMA and what goes with it.
func PCMA() []sdp.Codec {
	return []sdp.Codec{{Type: 8, Name: sdp.PCMA, Rate: 8000, Channels: 1}, Event()}
}

// Event is the telephone-event of most desk phones.
func Event() sdp.Codec {
	return sdp.Codec{Type: 101, Name: sdp.Event, Rate: 8000, Channels: 1, Params: "0-15"}
}

// NewPhone binds a port of the loopback address. Close it.
func NewPhone(o PhoneOptions) (*Phone, error) {
	if o.Codecs == nil {
		o.Codecs = PCMU()
	}
	network, at := "udp4", net.IPv4(127, 0, 0, 1)
	if o.IPv6 {
		network, at = "udp6", net.IPv6loopback
	}
	conn, err := net.ListenUDP(network, &net.UDPAddr{IP: at})
	if err != nil {
		return nil, fmt.Errorf("mediatest: %w", err)
	}
	p := &Phone{
		o: o, conn: conn, Ear: NewEar(), mine: sdp.NewCrypto(1, sdp.Suite80), ssrc: uint32(time.Now().UnixNano()), //nolint:gosec // any
		keys: make(chan byte, 16), stop: make(chan struct{}), seq: 65500, hz: o.Hz,
	}
	p.tasks.Go(p.listen)
	if !o.Quiet {
		p.tasks.Go(p.speak)
	}
	return p, nil
}

// Addr is where it is.
func (p *Phone) Addr() netip.AddrPort { return p.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// Speak begins, if it was quiet.
func (p *Phone) Speak() { p.tasks.Go(p.speak) }

func (p *Phone) localLocked(codecs []sdp.Codec, way sdp.Direction) sdp.Local {
	at := p.o.Elsewhere
	if !at.IsValid() {
		at = p.Addr()
	}
	p.version++
	l := sdp.Local{ID: 1, Version: p.version, Addr: at.Addr(), Port: at.Port(), Profile: sdp.AVP, Codecs: codecs, Way: way, Mux: true}
	if p.o.Keys {
		l.Profile, l.Crypto = sdp.SAVP, []sdp.Crypto{p.mine}
	}
	return l
}

// Offer is the phone's SDP, with the way it wants.
func (p *Phone) Offer(way sdp.Direction) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.offered, p.way = p.o.Codecs, way
	return p.localLocked(p.o.Codecs, way).Offer()
}

// Accept takes the answer to its offer.
func (p *Phone) Accept(answer []byte) error {
	d, err := sdp.Read(answer)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.takeLocked(d, d.Audio.Codecs)
}

// Answer takes an offer and answers it.
func (p *Phone) Answer(offer []byte) ([]byte, error) {
	d, err := sdp.Read(offer)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	codecs := sdp.Shared(d.Audio.Codecs, p.o.Codecs)
	if len(sdp.Talk(codecs)) == 0 {
		return nil, sdp.ErrNoCodec
	}
	first := sdp.Talk(codecs)[0]
	list := []sdp.Codec{first}
	if e, ok := sdp.EventFor(codecs, first); ok {
		list = append(list, e)
	}
	p.way = d.Audio.Way.Reverse()
	if err := p.takeLocked(d, list); err != nil {
		return nil, err
	}
	return p.localLocked(list, p.way).Answer(d), nil
}

func (p *Phone) takeLocked(d *sdp.Description, codecs []sdp.Codec) error {
	p.Remote = d
	p.to = netip.AddrPortFrom(d.Audio.Addr, d.Audio.Port)
	p.way = p.way.And(d.Audio.Way.Reverse())
	p.talk = sdp.Talk(codecs)[0]
	p.event, _ = sdp.EventFor(codecs, p.talk)
	if !p.o.Keys {
		return nil
	}
	if len(d.Audio.Crypto) == 0 {
		return errors.New("mediatest: no key")
	}
	theirs := d.Audio.Crypto[0]
	p.mine.Suite = theirs.Suite
	if p.encrypt == nil {
		p.encrypt = cipher(p.mine)
	}
	if p.decrypt == nil || theirs != p.theirs {
		p.decrypt, p.theirs = cipher(theirs), theirs
	}
	return nil
}

func cipher(c sdp.Crypto) *srtp.Context {
	profile := srtp.ProtectionProfileAes128CmHmacSha1_80
	if c.Suite == sdp.Suite32 {
		profile = srtp.ProtectionProfileAes128CmHmacSha1_32
	}
	ctx, err := srtp.CreateContext(c.Key[:], c.Salt[:], profile, srtp.SRTPReplayProtection(64), srtp.SRTCPReplayProtection(64))
	if err != nil {
		panic(err) // sizes are fixed
	}
	return ctx
}

// Send a datagram as it is.
func (p *Phone) Send(b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = p.conn.WriteToUDPAddrPort(b, p.to)
}

// Tone has it speak another tone from its next packet on.
func (p *Phone) Tone(hz float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hz = hz
}

// Press a key.
func (p *Phone) Press(digit byte) { p.keys <- digit }

// Refused is how many packets could not be decrypted.
func (p *Phone) Refused() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refused
}

func (p *Phone) speak() {
	tick := time.NewTicker(frame)
	defer tick.Stop()
	v := Voice{A: p.o.Codecs[0].Name == sdp.PCMA, Stamp: p.o.Stamp}
	buf := make([]byte, 512)
	for {
		select {
		case <-p.stop:
			return
		case digit := <-p.keys:
			p.press(digit, tick)
			continue
		case <-tick.C:
		}
		p.mu.Lock()
		if p.to.IsValid() && p.way.Sends() {
			v.A, v.Hz = p.talk.Name == sdp.PCMA, p.hz
			v.Say(buf[rtp.HeaderSize : rtp.HeaderSize+samples])
			p.at += uint32(p.talk.Rate / 50) //nolint:gosec // small
			p.sendLocked(buf[:rtp.HeaderSize+samples], p.talk.Type, false)
		}
		p.mu.Unlock()
	}
}

// press sends the packets of a key as a phone does.
func (p *Phone) press(digit byte, tick *time.Ticker) {
	code, _ := rtp.EventCode(digit)
	buf := make([]byte, 64)
	for i := range 7 {
		<-tick.C
		p.mu.Lock()
		rtp.PutEvent(buf[rtp.HeaderSize:], code, i >= 4, uint16(p.event.Rate/50*(min(i, 4)+1))) //nolint:gosec // small
		p.sendLocked(buf[:rtp.HeaderSize+rtp.EventSize], p.event.Type, i == 0)
		p.mu.Unlock()
	}
	p.mu.Lock()
	p.at += uint32(p.event.Rate / 10) //nolint:gosec // small
	p.mu.Unlock()
}

func (p *Phone) sendLocked(b []byte, kind uint8, marker bool) {
	p.seq++
	rtp.Put(b, kind, marker, p.seq, p.at, p.ssrc)
	if p.encrypt != nil {
		m, err := p.encrypt.EncryptRTP(nil, b, nil)
		if err != nil {
			return
		}
		b = m
	}
	_, _ = p.conn.WriteToUDPAddrPort(b, p.to)
}

func (p *Phone) listen() {
	buf := make([]byte, 2048)
	var h pion.Header
	for {
		n, _, err := p.conn.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if rtp.IsReport(buf[:n]) {
			p.Reports.Add(1)
			var r rtp.Reporter
			if r.Note(buf[:n], p.ssrc, time.Now(), time.Second) && r.Gone {
				p.SaidGoodbye.Store(true)
			}
			continue
		}
		m := buf[:n]
		p.mu.Lock()
		if p.decrypt != nil {
			if m, err = p.decrypt.DecryptRTP(nil, m, &h); err != nil {
				p.refused++
				p.mu.Unlock()
				continue
			}
		}
		talk, event := p.talk, p.event
		p.mu.Unlock()
		k, ok := rtp.Parse(m, 0)
		if !ok {
			continue
		}
		isKey := event.Rate != 0 && k.Type == event.Type
		if p.o.OnPacket != nil {
			p.o.OnPacket(&k)
		}
		p.Ear.Hear(&k, talk.Rate, isKey)
	}
}

// Close hangs up without a word.
func (p *Phone) Close() {
	p.once.Do(func() {
		close(p.stop)
		_ = p.conn.Close()
	})
	p.tasks.Wait()
}
