package rtp

import (
	"math"
	"testing"
	"time"
)

const ms = time.Millisecond

// bytes is a packet with the level's extension in one of its two forms.
func bytes(form byte) []byte {
	b := make([]byte, HeaderSize, 64)
	Put(b, 96, true, 7, 8, 9)
	switch form {
	case 1: // one-byte header, another extension and padding before it
		b[0] |= 0x10
		b = append(b, 0xbe, 0xde, 0, 2, 0x31, 1, 2, 0, 0, 0x10, 0x80|55, 0)
	case 2: // two-byte header
		b[0] |= 0x10
		b = append(b, 0x10, 0, 0, 1, 1, 1, 55, 0)
	}
	return append(b, "speech"...)
}

func TestParse(t *testing.T) {
	for form := range byte(3) {
		p, ok := Parse(bytes(form), 1)
		if !ok || p.Type != 96 || !p.Marker || p.Seq != 7 || p.Time != 8 || p.SSRC != 9 || string(p.Payload) != "speech" {
			t.Fatalf("form %d: %+v, %v", form, p, ok)
		}
		if p.HasLevel != (form != 0) || p.HasLevel && p.Level != 55 {
			t.Errorf("form %d: level %d, %v", form, p.Level, p.HasLevel)
		}
	}
	padded := append(bytes(0), 0, 0, 3)
	padded[0] |= 0x20
	if p, ok := Parse(padded, 0); !ok || string(p.Payload) != "speech" {
		t.Errorf("padding: %q, %v", p.Payload, ok)
	}
}

func TestParseRefusesWhatIsCut(t *testing.T) {
	for form := range byte(3) {
		whole := bytes(form)
		for n := range len(whole) - len("speech") {
			if _, ok := Parse(whole[:n], 1); ok {
				t.Errorf("form %d cut to %d bytes is taken", form, n)
			}
		}
	}
	for name, change := range map[string]func(b []byte){
		"another version":    func(b []byte) { b[0] = 0x40 },
		"sources beyond it":  func(b []byte) { b[0] |= 0x0f },
		"padding beyond it":  func(b []byte) { b[0] |= 0x20; b[len(b)-1] = 200 },
		"padding of nothing": func(b []byte) { b[0] |= 0x20; b[len(b)-1] = 0 },
	} {
		b := bytes(0)
		if change(b); name != "" {
			if _, ok := Parse(b, 1); ok {
				t.Error(name, "is taken")
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(bytes(1), uint8(1))
	f.Add(bytes(2), uint8(1))
	f.Fuzz(func(_ *testing.T, b []byte, level uint8) {
		Parse(b, level)
		var r Reporter
		r.Note(b, 9, time.Unix(1, 0), time.Second)
		var k Keys
		k.Note(b, 1, 8000)
	})
}

// TestOneStreamWhoeverSpeaks: the numbers sent never go back or leap, the clock
// goes with the real one, and losses of a source stay to be seen.
func TestOneStreamWhoeverSpeaks(t *testing.T) {
	s := NewStream(1, 65530, math.MaxUint32-300)
	var last uint16 = 65530
	var lastAt uint32 = math.MaxUint32 - 300
	now := time.Second
	send := func(p Packet, wantSeq uint16, wantTicks uint32, wantFresh bool) {
		t.Helper()
		seq, at, fresh := s.Next(&p, now, 8000)
		if seq-last != wantSeq || at-lastAt != wantTicks || fresh != wantFresh {
			t.Fatalf("number +%d, time +%d, fresh %v; want +%d, +%d, %v", int16(seq-last), int32(at-lastAt), fresh, wantSeq, wantTicks, wantFresh)
		}
		last, lastAt = seq, at
	}
	p := Packet{SSRC: 5, Seq: 100, Time: 1000}
	step := func(seqs uint16, d time.Duration) {
		p.Seq += seqs
		p.Time += uint32(d / ms * 8)
		now += d
	}
	send(p, 1, 0, true)
	for range 20 { // over the edge of both
		step(1, 20*ms)
		send(p, 1, 160, false)
	}
	step(3, 60*ms) // two are lost
	send(p, 3, 480, false)

	p = Packet{SSRC: 6, Seq: 60000, Time: 77}
	now += 500 * ms // another source after half a second
	send(p, 1, 4000, true)
	step(1, 20*ms)
	send(p, 1, 160, false)

	s.Break() // hold of eleven minutes; the source counted on
	p.Seq += 33000
	p.Time += 11 * 60 * 8000
	now += 11 * time.Minute
	send(p, 1, 11*60*8000, true)

	step(1, 20*ms) // left out
	s.Skip(&p)
	step(1, 20*ms)
	send(p, 1, 320, false)

	p.Seq++ // the source's clock leaps, its numbers do not
	p.Time -= 1 << 30
	now += 20 * ms
	send(p, 1, 160, true)

	p.Seq += 5000 // numbers leap under the same source
	p.Time += 160
	now += 20 * ms
	send(p, 1, 160, true)

	for i, ticks := range []uint32{160, 0, 0} { // a key of the gateway's own
		now += 20 * ms
		seq, at := s.Own(now, 8000, i > 0)
		if seq-last != 1 || at-lastAt != ticks {
			t.Fatalf("own packet: number +%d, time +%d", seq-last, at-lastAt)
		}
		last, lastAt = seq, at
	}
	step(1, 20*ms)
	send(p, 1, 480, true)
}

// TestLateOnesKeepTheirPlace: disorder is passed on, not mended.
func TestLateOnesKeepTheirPlace(t *testing.T) {
	s := NewStream(1, 0, 0)
	var got []uint16
	for i, seq := range []uint16{10, 11, 13, 12, 14} {
		n, _, _ := s.Next(&Packet{SSRC: 5, Seq: seq, Time: uint32(seq) * 160}, time.Second+time.Duration(i)*20*ms, 8000)
		got = append(got, n)
	}
	for i, want := range []uint16{1, 2, 4, 3, 5} {
		if got[i] != want {
			t.Fatalf("numbers %v", got)
		}
	}
}

func TestReceptionCountsWhatIsLost(t *testing.T) {
	var r Reception
	now := time.Second
	feed := func(ssrc uint32, seqs ...uint16) (passed int) {
		for _, seq := range seqs {
			now += 20 * ms
			if r.Note(&Packet{SSRC: ssrc, Seq: seq, Time: uint32(now / ms * 8)}, now, 8000) {
				passed++
			}
		}
		return passed
	}
	if n := feed(1, 65534, 65535, 0, 1, 1, 4, 3); n != 6 {
		t.Errorf("%d passed on, of six that came for the first time", n)
	}
	if got, lost := r.Packets(); got != 6 || lost != 1 || r.Doubled != 1 {
		t.Errorf("%d came, %d lost, %d doubled", got, lost, r.Doubled)
	}
	if f, lost, highest, _ := r.block(); f != 36 || lost != 1 || highest != 1<<16+65534+6 {
		t.Errorf("reported %d/256, %d lost, highest %d", f, lost, highest)
	}
	feed(1, 5, 6)
	if f, lost, _, _ := r.block(); f != 0 || lost != 1 {
		t.Errorf("the next interval: %d/256, %d lost", f, lost)
	}
	feed(2, 9, 10)      // another source
	feed(2, 30000)      // which begins anew
	r.Break()           // a hold
	feed(2, 30500, 501) // whose gap is no loss
	if got, lost := r.Packets(); got != 13 || lost != 1 {
		t.Errorf("in all %d came, %d lost", got, lost)
	}
	feed(3, 100, 200)
	if feed(3, 101) != 0 || r.Late != 1 {
		t.Error("one that comes long after its turn is passed on")
	}
}

func TestJitterIsThatOfTheSpacing(t *testing.T) {
	even, odd := Reception{}, Reception{}
	for i := range 500 {
		p := Packet{SSRC: 1, Seq: uint16(i), Time: uint32(i * 160)}
		at := time.Second + time.Duration(i)*20*ms
		even.Note(&p, at, 8000)
		odd.Note(&p, at+time.Duration(i%2)*10*ms, 8000)
	}
	if j := even.Jitter(); j > ms/10 {
		t.Errorf("even spacing has a jitter of %v", j)
	}
	if j := odd.Jitter(); j < 9*ms || j > 11*ms {
		t.Errorf("ten milliseconds to and fro have a jitter of %v", j)
	}
}

// TestReportsMeet: what each side writes the other reads, and both know the time
// there and back and what was lost.
func TestReportsMeet(t *testing.T) {
	a, b := Reporter{CNAME: "a"}, Reporter{CNAME: "a-name-that-is-longer-than-is-allowed"}
	sa, sb := NewStream(1, 0, 0), NewStream(2, 0, 0)
	var fromA, fromB Reception
	for i := range 100 {
		now := time.Second + time.Duration(i)*20*ms
		p := Packet{SSRC: 1, Seq: uint16(i), Time: uint32(i * 160)}
		sa.Next(&p, now, 8000)
		if i%4 != 0 {
			fromA.Note(&p, now, 8000)
		}
		p.SSRC = 2
		fromB.Note(&p, now, 8000)
	}
	wall, now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC), 5*time.Second
	const there, kept = 30 * ms, 400 * ms
	m := a.Append(nil, &sa, 8000, Sent{Packets: 100, Octets: 16000}, &fromB, wall, now, false)
	if len(m) > MaxReport || !IsReport(m) {
		t.Errorf("%d bytes", len(m))
	}
	if !b.Note(m, 2, wall.Add(there), now+there) || !b.Told || b.Lost != 0 || b.RTT != 0 {
		t.Errorf("%+v", b)
	}
	m = b.Append(nil, &sb, 8000, Sent{}, &fromA, wall.Add(there+kept), now+there+kept, true)
	if len(m) > MaxReport || !a.Note(m, 1, wall.Add(2*there+kept), now+2*there+kept) {
		t.Fatal("the answer is not known")
	}
	if d := a.RTT - 2*there; d < -ms || d > ms {
		t.Errorf("there and back in %v, want %v", a.RTT, 2*there)
	}
	if a.Lost < .22 || a.Lost > .27 || !a.Gone {
		t.Errorf("lost %v, gone %v", a.Lost, a.Gone)
	}
}

func TestKeysAreToldOnce(t *testing.T) {
	var k Keys
	var got []byte
	press := func(code uint8, at uint32) {
		var b [EventSize]byte
		for i := range 8 {
			PutEvent(b[:], code, i > 4, uint16(min(i, 5)*160))
			if d, held, done := k.Note(b[:], at, 8000); done {
				got = append(got, d)
				if held != 100*ms {
					t.Errorf("held %v", held)
				}
			}
		}
	}
	press(5, 1000)
	press(5, 3000)
	press(11, 5000)
	press(16, 7000) // flash is no key
	if string(got) != "55#" {
		t.Errorf("keys %q", got)
	}
	for _, d := range []byte(digits) {
		if code, ok := EventCode(d); !ok || Digit(code) != d {
			t.Errorf("key %c", d)
		}
	}
	if _, ok := EventCode('x'); ok || Digit(99) != 0 {
		t.Error("there is no such key")
	}
	b := []byte{1, 0, 0x12, 0xc0} // 4,800 at 48,000
	if Rescale(b, 48000, 8000); b[2] != 0x03 || b[3] != 0x20 {
		t.Errorf("duration % x", b[2:])
	}
}

// TestLaws: a tone survives the way there and back, and silence stays silence.
func TestLaws(t *testing.T) {
	l := NewLaws()
	for i := range 256 {
		c := byte(i)
		if DecodeMu(EncodeMu(DecodeMu(c))) != DecodeMu(c) || DecodeA(EncodeA(DecodeA(c))) != DecodeA(c) {
			t.Errorf("code %#x does not stand for itself", c)
		}
	}
	var noise, signal float64
	for i := range 8000 {
		v := 8000 * math.Sin(2*math.Pi*440*float64(i)/8000)
		b := []byte{EncodeMu(int(v))}
		Turn(&l.MuToA, b)
		d := float64(DecodeA(b[0])) - v
		noise, signal = noise+d*d, signal+v*v
	}
	if db := 10 * math.Log10(signal/noise); db < 30 {
		t.Errorf("a tone is %.1f dB above what was added", db)
	}
	quiet := []byte{0xff, 0x7f, 0xff}
	if !Silent(true, quiet) || Silent(false, quiet) {
		t.Error("silence of µ-law")
	}
	Turn(&l.MuToA, quiet)
	if !Silent(false, quiet) {
		t.Errorf("silence becomes % x", quiet)
	}
}

func TestScore(t *testing.T) {
	good, far, lossy, dead := Score("PCMU", 60*ms, 0), Score("PCMU", 400*ms, 0), Score("PCMU", 60*ms, .05), Score("PCMU", 60*ms, 1)
	if good < 4.2 || good > 4.5 || far >= good-.2 || lossy >= good-.3 || dead > 1.2 || dead < 1 {
		t.Errorf("good %.2f, far %.2f, with losses %.2f, dead %.2f", good, far, lossy, dead)
	}
}

// TestNothingAllocates on the way of a packet.
func TestNothingAllocates(t *testing.T) {
	in, out := bytes(1), make([]byte, 64)
	s, r, k, l := NewStream(1, 0, 0), Reception{}, Keys{}, NewLaws()
	seq, now := uint16(0), time.Second
	if n := testing.AllocsPerRun(1000, func() {
		seq, now = seq+1, now+20*ms
		p, _ := Parse(in, 1)
		p.Seq = seq
		r.Note(&p, now, 8000)
		n, at, fresh := s.Next(&p, now, 8000)
		Put(out, 0, fresh, n, at, s.SSRC)
		Turn(&l.AToMu, out[HeaderSize:])
		k.Note(p.Payload, p.Time, 8000)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
