package media

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pion/webrtc/v4"

	"lamplight/webrtc/media/sdp"
)

// maxCandidates of a browser, and those kept until its description is there.
const maxCandidates = 64

// OfferBrowser makes an offer to the browser: of what the phone has offered, if it
// has, else of G.711, which every phone has. restart asks for new ICE, after the
// browser changed its network; DTLS stays (RFC 8842 §5.1). All candidates are in
// the offer. One that is not answered yet may have been lost: it is made again where it
// still says what is wanted, and taken back where not.
func (b *Bridge) OfferBrowser(ctx context.Context, restart bool) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.openBrowserLocked(); err != nil {
		return "", err
	}
	wish := b.wishLocked()
	if b.offered != nil {
		if (b.renews || !restart) && slices.Equal(wish, b.offered) {
			return b.pc.LocalDescription().SDP, nil
		}
		b.withdrawLocked()
	}
	if err := b.preferLocked(wish); err != nil {
		return "", err
	}
	offer, err := b.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: restart})
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrOrder, err)
	}
	done := webrtc.GatheringCompletePromise(b.pc.PeerConnection)
	if err := b.pc.SetLocalDescription(offer); err != nil {
		return "", fmt.Errorf("%w: %w", ErrOrder, err)
	}
	if err := b.gathered(ctx, done); err != nil {
		return "", err
	}
	b.offered, b.renews = wish, restart || b.pc.CurrentRemoteDescription() == nil
	return b.pc.LocalDescription().SDP, nil
}

// wishLocked are the codecs to offer the browser, with payload types of ours.
func (b *Bridge) wishLocked() []sdp.Codec {
	known := sdp.Known()
	var phone []sdp.Codec
	switch {
	case b.offer != nil:
		phone = b.offer.Audio.Codecs
	case b.phone.codecs != nil:
		phone = b.phone.codecs
	}
	if phone == nil {
		return slices.DeleteFunc(known, func(c sdp.Codec) bool { return c.Rate != 8000 || c.Name == sdp.G722 })
	}
	var list []sdp.Codec
	add := func(want sdp.Codec) {
		for _, c := range known {
			if c.Is(want) && !slices.ContainsFunc(list, c.Is) {
				list = append(list, c)
			}
		}
	}
	for _, c := range sdp.Talk(phone) { // in the order the phone likes best
		add(c)
	}
	for _, c := range known { // and the other law of G.711
		if c.G711() && slices.ContainsFunc(list, c.Carries) {
			add(c)
		}
	}
	for _, c := range known {
		if c.Name == sdp.Event && slices.ContainsFunc(list, func(o sdp.Codec) bool { return o.Rate == c.Rate }) {
			add(c)
		}
	}
	add(sdp.Codec{Name: sdp.Event, Rate: 8000})
	return list
}

// BrowserAnswer takes the browser's answer to OfferBrowser.
func (b *Bridge) BrowserAnswer(answer string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.aliveLocked(); err != nil {
		return err
	}
	if b.offered == nil {
		return fmt.Errorf("%w: no offer is out", ErrOrder)
	}
	d, err := readBrowser(answer)
	if err != nil {
		return err
	}
	codecs := sdp.Shared(d.Audio.Codecs, b.offered)
	if len(sdp.Talk(codecs)) == 0 {
		return fmt.Errorf("%w: %w", ErrBrowser, sdp.ErrNoCodec)
	}
	err = b.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBrowser, err)
	}
	b.offered = nil
	b.takeLocked(codecs, d.Audio.Way)
	b.pendingLocked()
	return nil
}

// BrowserOffer takes an offer of the browser, the first or a later one (a hold,
// an ICE restart). AnswerBrowser answers it.
func (b *Bridge) BrowserOffer(offer string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.openBrowserLocked(); err != nil {
		return err
	}
	d, err := readBrowser(offer)
	if err != nil {
		return err
	}
	seen := webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: redirect(offer, sdp.SendRecv)}
	err = b.pc.SetRemoteDescription(seen)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrBrowser, err)
	}
	b.page = d
	if b.browser.codecs == nil {
		b.browser.codecs = sdp.Shared(d.Audio.Codecs, sdp.Known())
	}
	b.browser.way = d.Audio.Way
	b.openLocked()
	b.pendingLocked()
	return nil
}

// Withdraw takes back the newest offer of either side that was refused or will not
// be answered: what was agreed before goes on.
func (b *Bridge) Withdraw() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.aliveLocked() != nil {
		return
	}
	b.offer = nil
	if b.pc != nil {
		b.withdrawLocked()
	}
}

// withdrawLocked takes back the newest offer of the browser's side, or to it.
func (b *Bridge) withdrawLocked() {
	var err error
	switch b.pc.SignalingState() {
	case webrtc.SignalingStateHaveLocalOffer: // pion cannot roll back: what was said before is said again
		if last := b.pc.CurrentRemoteDescription(); last != nil {
			again := strings.Replace(last.SDP, "a=setup:actpass", "a=setup:active", 1)
			err = b.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: again})
		}
	case webrtc.SignalingStateHaveRemoteOffer:
		var answer webrtc.SessionDescription
		if answer, err = b.pc.CreateAnswer(nil); err == nil {
			err = b.pc.SetLocalDescription(answer)
		}
	}
	b.offered, b.page = nil, nil
	if err != nil {
		b.g.o.Log.Debug().Str("call", b.o.Name).Err(err).Msg("withdraw an offer")
	}
}

// readBrowser looks at a browser's description before pion does.
func readBrowser(s string) (*sdp.Description, error) {
	d, err := sdp.Read([]byte(s))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrBrowser, err)
	case d.Audio.Profile != sdp.DTLS || !d.Audio.ICE || !d.Audio.Fingerprint:
		return nil, fmt.Errorf("%w: %w: %s", ErrBrowser, sdp.ErrProfile, d.Audio.Profile)
	case len(sdp.Talk(sdp.Shared(d.Audio.Codecs, sdp.Known()))) == 0:
		return nil, fmt.Errorf("%w: %w", ErrBrowser, sdp.ErrNoCodec)
	}
	return d, nil
}

// AnswerBrowser answers the browser's offer: with what the phone has agreed to,
// or with G.711 where no phone has been asked yet. All candidates are in it.
func (b *Bridge) AnswerBrowser(ctx context.Context) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.aliveLocked(); err != nil {
		return "", err
	}
	if b.page == nil {
		return "", fmt.Errorf("%w: no offer of the browser", ErrOrder)
	}
	list := b.answersLocked(sdp.Shared(b.page.Audio.Codecs, sdp.Known()))
	if len(sdp.Talk(list)) == 0 {
		return "", sdp.ErrNoCodec
	}
	if err := b.preferLocked(list); err != nil {
		return "", err
	}
	answer, err := b.pc.CreateAnswer(nil)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrBrowser, err)
	}
	done := webrtc.GatheringCompletePromise(b.pc.PeerConnection)
	if err := b.pc.SetLocalDescription(answer); err != nil {
		return "", fmt.Errorf("%w: %w", ErrBrowser, err)
	}
	if err := b.gathered(ctx, done); err != nil {
		return "", err
	}
	way := b.page.Audio.Way
	b.page = nil
	b.takeLocked(list, way)
	return redirect(b.pc.LocalDescription().SDP, way.Reverse()), nil
}

// answersLocked are those of the browser's codecs that the phone can be served with.
func (b *Bridge) answersLocked(offered []sdp.Codec) []sdp.Codec {
	talk := sdp.Talk(offered)
	phone := b.phone.codecs
	if phone == nil {
		talk = slices.DeleteFunc(talk, func(c sdp.Codec) bool { return !c.G711() })
	} else {
		first := sdp.Talk(phone)[0]
		talk = slices.DeleteFunc(talk, func(c sdp.Codec) bool { return !c.Carries(first) })
		slices.SortStableFunc(talk, func(x, y sdp.Codec) int { // without a table is better
			return btoi(y.Is(first)) - btoi(x.Is(first))
		})
	}
	if len(talk) == 0 {
		return nil
	}
	if e, ok := sdp.EventFor(offered, talk[0]); ok {
		talk = append(talk, e)
	}
	return talk
}

func btoi(v bool) int {
	if v {
		return 1
	}
	return 0
}

// redirect writes another direction of the audio into a description. pion is told
// of none, and none of its own is told: it answers a hold (sendonly) with sendrecv,
// which browsers refuse, and after inactive it would never send or hear again.
func redirect(s string, way sdp.Direction) string {
	lines := strings.SplitAfter(s, "\r\n")
	audio := true // what stands above counts for it
	for i, line := range lines {
		switch strings.TrimRight(line, "\r\n") {
		case "a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive":
			if audio {
				lines[i] = "a=" + way.String() + "\r\n"
			}
		default:
			if strings.HasPrefix(line, "m=") {
				audio = strings.HasPrefix(line, "m=audio")
			}
		}
	}
	return strings.Join(lines, "")
}

// takeLocked has the browser agreed to these codecs.
func (b *Bridge) takeLocked(codecs []sdp.Codec, way sdp.Direction) {
	b.browser = agreed{codecs: codecs, way: way}
	b.routeLocked()
}

// Candidate adds one of the browser's candidates (RFC 8838). As a lite agent the
// gateway needs none of them; a bad one is an error and changes nothing.
func (b *Bridge) Candidate(candidate, mid string, line int) error {
	index := uint16(max(0, min(line, 1<<15))) //nolint:gosec // bounded here
	c := webrtc.ICECandidateInit{Candidate: candidate, SDPMid: &mid, SDPMLineIndex: &index}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.aliveLocked(); err != nil {
		return err
	}
	if b.pc == nil || b.pc.RemoteDescription() == nil {
		if len(b.pending) == maxCandidates {
			return fmt.Errorf("%w: more than %d candidates", ErrBrowser, maxCandidates)
		}
		b.pending = append(b.pending, c)
		return nil
	}
	if err := b.pc.AddICECandidate(c); err != nil {
		return fmt.Errorf("%w: candidate: %w", ErrBrowser, err)
	}
	return nil
}

func (b *Bridge) pendingLocked() {
	for _, c := range b.pending {
		if err := b.pc.AddICECandidate(c); err != nil {
			b.g.o.Log.Debug().Str("call", b.o.Name).Err(err).Msg("candidate of a browser")
		}
	}
	b.pending = nil
}

// preferLocked has the next description name these codecs.
func (b *Bridge) preferLocked(list []sdp.Codec) error {
	for _, t := range b.pc.GetTransceivers() {
		if t.Kind() == webrtc.RTPCodecTypeAudio {
			if err := t.SetCodecPreferences(parameters(list)); err != nil {
				return fmt.Errorf("%w: codecs: %w", ErrBrowser, err)
			}
			return nil
		}
	}
	return fmt.Errorf("%w: no audio", ErrBrowser)
}

// openBrowserLocked makes the connection, once.
func (b *Bridge) openBrowserLocked() error {
	if err := b.aliveLocked(); err != nil || b.pc != nil {
		return err
	}
	pc, err := b.g.api.NewPeerConnection(webrtc.Configuration{})
	if err != nil {
		return fmt.Errorf("media: new connection: %w", err)
	}
	c := &connection{PeerConnection: pc}
	sender, err := pc.AddTrack(&track{b: b, c: c})
	if err != nil {
		return errors.Join(fmt.Errorf("media: track: %w", err), pc.Close())
	}
	pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) { b.state(c, s) })
	pc.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		b.enter(func() { b.readTrack(c, t, r) })
		b.enter(func() { b.readReports(c, r.Read) })
	})
	b.pc = c
	b.enter(func() { b.readReports(c, sender.Read) })
	return nil
}
