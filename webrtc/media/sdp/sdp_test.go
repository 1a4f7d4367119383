package sdp

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
)

const head = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"

// names spells codecs as "0:PCMU/8000".
func names(list []Codec) string {
	var out []string
	for _, c := range list {
		out = append(out, fmt.Sprintf("%d:%s/%d", c.Type, c.Name, c.Rate))
	}
	return strings.Join(out, " ")
}

func TestReadTakesWhatPhonesAndBrowsersSend(t *testing.T) {
	tests := map[string]struct {
		sdp    string
		addr   string
		port   uint16
		rtcp   string
		codecs string
		way    Direction
		keys   int
	}{
		"a plain phone": {
			sdp:  head + "c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=sendrecv\r\n",
			addr: "192.0.2.1", port: 4000, rtcp: "192.0.2.1:4001", codecs: "0:PCMU/8000 8:PCMA/8000 101:telephone-event/8000",
		},
		"its own address and reports elsewhere": {
			sdp:  head + "c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 9\r\nc=IN IP4 192.0.2.9\r\na=rtcp:5005\r\n",
			addr: "192.0.2.9", port: 4000, rtcp: "192.0.2.9:5005", codecs: "9:G722/8000",
		},
		"IPv6": {
			sdp:  head + "c=IN IP6 2001:db8::7\r\nm=audio 4000 RTP/AVP 0\r\n",
			addr: "2001:db8::7", port: 4000, rtcp: "[2001:db8::7]:4001", codecs: "0:PCMU/8000",
		},
		"held as before RFC 3264": {
			sdp:  head + "c=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 0\r\na=sendrecv\r\n",
			addr: "0.0.0.0", port: 4000, rtcp: "0.0.0.0:4001", codecs: "0:PCMU/8000", way: SendOnly,
		},
		"a browser, whose address is in its candidates": {
			sdp:  head + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\na=sendrecv\r\n",
			addr: "0.0.0.0", port: 9, rtcp: "0.0.0.0:10", codecs: "0:PCMU/8000",
		},
		"the direction above counts": {
			sdp:  head + "c=IN IP4 192.0.2.1\r\na=inactive\r\nm=audio 4000 RTP/AVP 0\r\n",
			addr: "192.0.2.1", port: 4000, rtcp: "192.0.2.1:4001", codecs: "0:PCMU/8000", way: Inactive,
		},
		"the direction of the audio counts more": {
			sdp:  head + "c=IN IP4 192.0.2.1\r\na=inactive\r\nm=audio 4000 RTP/AVP 0\r\na=recvonly\r\nm=video 0 RTP/AVP 31\r\na=inactive\r\n",
			addr: "192.0.2.1", port: 4000, rtcp: "192.0.2.1:4001", codecs: "0:PCMU/8000", way: RecvOnly,
		},
		"video and a declined audio first": {
			sdp:  head + "c=IN IP4 192.0.2.1\r\nm=video 4002 RTP/AVP 96\r\na=rtpmap:96 VP8/90000\r\nm=audio 0 RTP/AVP 0\r\nm=audio 4000 RTP/AVP 8\r\n",
			addr: "192.0.2.1", port: 4000, rtcp: "192.0.2.1:4001", codecs: "8:PCMA/8000",
		},
		"names in any case, formats that are not known, bare line feeds": {
			sdp:  strings.ReplaceAll(head, "\r", "") + "c=IN IP4 192.0.2.1\nm=audio 4000 RTP/AVP 96 97 0 0\na=rtpmap:96 OPUS/48000/2\na=rtpmap:97 x\n",
			addr: "192.0.2.1", port: 4000, rtcp: "192.0.2.1:4001", codecs: "96:opus/48000 0:PCMU/8000",
		},
		"keys, those that cannot be used passed over": {
			sdp: head + "c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/SAVP 0\r\n" +
				"a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:AAAA\r\n" +
				"a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:" + strings.Repeat("A", 40) + "|2^20\r\n" +
				"a=crypto:3 AES_CM_128_HMAC_SHA1_32 inline:" + strings.Repeat("B", 40) + "|2^20|1:4\r\n" +
				"a=crypto:4 AES_CM_128_HMAC_SHA1_32 inline:" + strings.Repeat("B", 40) + " UNENCRYPTED_SRTP\r\n" +
				"a=crypto:5 AES_CM_128_HMAC_SHA1_32 inline:short\r\n",
			addr: "192.0.2.1", port: 4000, rtcp: "192.0.2.1:4001", codecs: "0:PCMU/8000", keys: 1,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d, err := Read([]byte(tt.sdp))
			if err != nil {
				t.Fatal(err)
			}
			a := d.Audio
			if a.Addr.String() != tt.addr || a.Port != tt.port || a.RTCP.String() != tt.rtcp {
				t.Errorf("at %v port %d, reports at %v", a.Addr, a.Port, a.RTCP)
			}
			if got := names(a.Codecs); got != tt.codecs {
				t.Errorf("codecs %q, want %q", got, tt.codecs)
			}
			if a.Way != tt.way || len(a.Crypto) != tt.keys {
				t.Errorf("%v with %d keys, want %v with %d", a.Way, len(a.Crypto), tt.way, tt.keys)
			}
		})
	}
}

func TestReadRefusesWhatIsHostile(t *testing.T) {
	const c = "c=IN IP4 192.0.2.1\r\n"
	tests := map[string]struct {
		sdp  string
		want error
	}{
		"empty":                {"", ErrSyntax},
		"rubbish":              {"hello", ErrSyntax},
		"huge":                 {head + c + strings.Repeat("a=x\r\n", 20000), ErrTooLarge},
		"no media":             {head + c, ErrNoAudio},
		"only video":           {head + c + "m=video 4000 RTP/AVP 31\r\n", ErrNoAudio},
		"declined":             {head + c + "m=audio 0 RTP/AVP 0\r\n", ErrNoAudio},
		"many lines":           {head + c + strings.Repeat("m=audio 4000 RTP/AVP 0\r\n", MaxLines+1), ErrTooLarge},
		"no address":           {head + "m=audio 4000 RTP/AVP 0\r\n", ErrSyntax},
		"a name as an address": {head + "c=IN IP4 inside.example.com\r\nm=audio 4000 RTP/AVP 0\r\n", ErrSyntax},
		"multicast":            {head + "c=IN IP4 224.2.1.1/127\r\nm=audio 4000 RTP/AVP 0\r\n", ErrSyntax},
		"a wrong own address":  {head + c + "m=audio 4000 RTP/AVP 0\r\nc=IN IP4 x\r\n", ErrSyntax},
		"a port beyond all":    {head + c + "m=audio 70000 RTP/AVP 0\r\n", ErrSyntax},
		"a negative port":      {head + c + "m=audio -1 RTP/AVP 0\r\n", ErrSyntax},
		"half a media line":    {head + c + "m=audio 4000\r\n", ErrSyntax},
		"a line without =":     {head + c + "m=audio 4000 RTP/AVP 0\r\nfoo\r\n", ErrSyntax},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := Read([]byte(tt.sdp)); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

func TestFormatsAndKeysAreBounded(t *testing.T) {
	s := head + "c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/SAVP" + strings.Repeat(" 0", 5000) + "\r\n" +
		strings.Repeat("a=rtpmap:96 opus/48000/2\r\n", 500) +
		strings.Repeat("a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:"+strings.Repeat("A", 40)+"\r\n", 300)
	d, err := Read([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(d.Audio.Crypto); n != maxCrypto {
		t.Errorf("%d keys kept", n)
	}
	if n := len(d.Audio.Codecs); n != 1 {
		t.Errorf("%d codecs of one", n)
	}
}

// TestWhatIsWrittenIsRead: offers and answers come back as they were meant.
func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, addr := range []string{"192.0.2.4", "2001:db8::4"} {
		for _, way := range []Direction{SendRecv, SendOnly, RecvOnly, Inactive} {
			key := NewCrypto(3, Suite32)
			l := Local{
				ID: 7, Version: 8, Addr: netip.MustParseAddr(addr), Port: 30000, Profile: SAVP,
				Codecs: Known(), Way: way, Mux: true, Crypto: []Crypto{key},
			}
			d, err := Read(l.Offer())
			if err != nil {
				t.Fatal(err)
			}
			a := d.Audio
			if a.Addr != l.Addr || a.Port != l.Port || a.Way != way || !a.Mux || a.Profile != SAVP || a.Ptime != 20 {
				t.Errorf("%+v", a)
			}
			if names(a.Codecs) != names(l.Codecs) || a.Codecs[0].Params != l.Codecs[0].Params {
				t.Errorf("codecs %v", a.Codecs)
			}
			if len(a.Crypto) != 1 || a.Crypto[0] != key {
				t.Errorf("keys %v, want %v", a.Crypto, key)
			}
		}
	}
}

// TestAnswerDeclinesTheRest: an answer has the offer's media lines in their
// order (RFC 3264 §6), and nothing of what a stranger wrote can add a line.
func TestAnswerDeclinesTheRest(t *testing.T) {
	offer, err := Read([]byte(head + "c=IN IP4 192.0.2.1\r\nm=video 4002 RTP/AVP 96\r\na=mid:v\x0bm=1\r\n" +
		"m=audio 4000 RTP/AVP 0\r\na=mid:a\r\nm=message 9 TCP/MSRP *\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	l := Local{Addr: netip.MustParseAddr("192.0.2.4"), Port: 30000, Profile: AVP, Codecs: Known()[3:4]}
	answer, err := Read(l.Answer(offer))
	if err != nil {
		t.Fatal(err)
	}
	want := []Line{{"video", "RTP/AVP", "96", "vm=1"}, {"audio", "RTP/AVP", "0", "a"}, {"message", "TCP/MSRP", "*", ""}}
	for i, line := range want {
		if i >= len(answer.Lines) || answer.Lines[i] != line {
			t.Fatalf("lines %v, want %v", answer.Lines, want)
		}
	}
	if answer.At != 1 || strings.Count(string(l.Answer(offer)), " 0 ") < 2 {
		t.Errorf("the audio is line %d", answer.At)
	}
}

func TestDirections(t *testing.T) {
	for _, a := range []Direction{SendRecv, SendOnly, RecvOnly, Inactive} {
		if a.Reverse().Reverse() != a || a.And(a) != a || a.And(SendRecv) != a || a.And(Inactive) != Inactive {
			t.Error(a)
		}
		if a.Sends() != a.Reverse().Receives() {
			t.Error(a)
		}
	}
	if SendOnly.And(RecvOnly) != Inactive {
		t.Error("two half ways are no way")
	}
}

func TestCodecsInCommon(t *testing.T) {
	browser := Known()
	phone := []Codec{{Type: 8, Name: PCMA, Rate: 8000}, {Type: 101, Name: Event, Rate: 8000}, {Type: 3, Name: "GSM", Rate: 8000}}
	if got := names(Shared(phone, browser)); got != "8:PCMA/8000 101:telephone-event/8000" {
		t.Error(got)
	}
	mu := []Codec{{Name: PCMU, Rate: 8000}}
	if got := names(Carried(phone, mu)); got != "8:PCMA/8000" {
		t.Error("one law carries the other:", got)
	}
	if got := Carried(phone, []Codec{{Name: Opus, Rate: 48000}}); len(got) != 0 {
		t.Error("nothing is transcoded:", got)
	}
	if c, ok := EventFor(browser, browser[0]); !ok || c.Type != 110 {
		t.Error("Opus goes with events of its own clock:", c)
	}
	if c, ok := EventFor(phone, browser[0]); !ok || c.Type != 101 {
		t.Error("or with those of 8000:", c)
	}
	if _, ok := EventFor(mu, mu[0]); ok {
		t.Error("no events where there are none")
	}
}

func TestMeets(t *testing.T) {
	plain := head + "c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0 8\r\n"
	keyed := strings.Replace(plain, "RTP/AVP", "RTP/SAVP", 1)
	page := head + "c=IN IP4 0.0.0.0\r\na=fingerprint:sha-256 00\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\na=ice-ufrag:x\r\na=rtpmap:111 opus/48000/2\r\n"
	phone, browser := Capabilities{}, Capabilities{Browser: true}
	tests := map[string]struct {
		offer string
		who   Capabilities
		want  bool
	}{
		"phone to phone":               {plain, phone, true},
		"phone to browser":             {plain, browser, false},
		"browser to phone":             {page, phone, false},
		"browser to browser":           {page, browser, true},
		"keys to who takes them":       {keyed, Capabilities{SDES: true}, true},
		"keys to who does not":         {keyed, phone, false},
		"no codec in common":           {plain, Capabilities{Codecs: Known()[:1]}, false},
		"a codec in common":            {plain, Capabilities{Codecs: Known()}, true},
		"a browser's, ICE taken out":   {strings.Replace(page, "a=ice-ufrag:x\r\n", "", 1), browser, false},
		"a transport nobody has named": {strings.Replace(plain, "RTP/AVP", "RTP/XYZ", 1), phone, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			offer, err := Read([]byte(tt.offer))
			if err != nil {
				t.Fatal(err)
			}
			got, why := Meets(offer, tt.who)
			if got != tt.want || got == (why != "") {
				t.Errorf("%v because %q, want %v", got, why, tt.want)
			}
		})
	}
}

// FuzzRead: nothing a stranger sends panics, and what is read can be answered
// by something that is read again.
func FuzzRead(f *testing.F) {
	f.Add([]byte(head + "c=IN IP4 192.0.2.1\r\nm=audio 4000 RTP/AVP 0 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"))
	f.Add([]byte(head + "c=IN IP6 ::1\r\nm=video 1 x 9\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=rtcp:9 IN IP4 0.0.0.0\r\na=mid:0\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Read(b)
		if err != nil {
			return
		}
		l := Local{Addr: netip.MustParseAddr("192.0.2.4"), Port: 4, Profile: AVP, Codecs: Known()}
		again, err := Read(l.Answer(d))
		if err != nil {
			t.Fatalf("%v in the answer to %q", err, b)
		}
		if len(again.Lines) != len(d.Lines) || again.At != d.At {
			t.Fatalf("lines %v, answered %v", d.Lines, again.Lines)
		}
	})
}
