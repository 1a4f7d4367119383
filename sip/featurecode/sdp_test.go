package featurecode

import (
	"strings"
	"testing"
)

func TestSilenceAnswersEachMediaLine(t *testing.T) {
	for name, c := range map[string]struct{ offer, want string }{
		"one":            {"m=audio 4000 RTP/AVP 0 8\r\n", "m=audio 9 RTP/AVP 0\r\na=inactive\r\n"},
		"a dynamic one":  {"m=audio 4000 RTP/AVP 111\na=rtpmap:111 opus/48000/2\n", "m=audio 9 RTP/AVP 111\r\na=rtpmap:111 opus/48000/2\r\na=inactive\r\n"},
		"with video":     {"m=video 5000 RTP/AVP 99\r\nm=audio 4000 RTP/AVP 8\r\n", "m=video 0 RTP/AVP 99\r\nm=audio 9 RTP/AVP 8\r\na=inactive\r\n"},
		"two of audio":   {"m=audio 4000 RTP/AVP 8\r\nm=audio 4002 RTP/AVP 8\r\n", "m=audio 9 RTP/AVP 8\r\na=inactive\r\nm=audio 0 RTP/AVP 8\r\n"},
		"a browser's":    {"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n", "m=audio 0 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"},
		"one it refuses": {"m=audio 0 RTP/AVP 8\r\n", "m=audio 0 RTP/AVP 8\r\n"},
	} {
		got, ok := silence([]byte("v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nt=0 0\r\n"+c.offer), "192.0.2.1", 7)
		_, media, _ := strings.Cut(string(got), "t=0 0\r\n")
		if !ok || media != c.want || !strings.HasPrefix(string(got), "v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\n") {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
	if got, ok := silence(nil, "2001:db8::1", 7); !ok || !strings.Contains(string(got), "c=IN IP6 2001:db8::1\r\n") {
		t.Errorf("%q", got)
	}
	for _, bad := range []string{"hello", "v=0\r\n", "v=0\r\nm=audio\r\n", strings.Repeat("m=audio 1 RTP/AVP 0\r\n", 17)} {
		if got, ok := silence([]byte(bad), "192.0.2.1", 7); ok {
			t.Errorf("%q is answered %q", bad, got)
		}
	}
}

// Whatever is offered, the answer is lines of a session description, one of media
// for each offered, and nothing of the offer starts a line of its own.
func FuzzSilence(f *testing.F) {
	for _, offer := range []string{"", "m=audio 4000 RTP/AVP 0 8\r\n", "v=0\r\nm=video 5000 RTP/AVP 99\r\na=mid:1\r\nm=audio 0 RTP/AVP 8\na=rtpmap:8 PCMA/8000\r\n", "m=audio 1 RTP/AVP 0\r\na=mid:0\rm=x"} {
		f.Add([]byte(offer))
	}
	f.Fuzz(func(t *testing.T, offer []byte) {
		got, ok := silence(offer, "192.0.2.1", 7)
		if !ok {
			return
		}
		count := 0
		for line := range strings.SplitSeq(strings.TrimSuffix(string(got), "\r\n"), "\r\n") {
			if len(line) < 2 || line[1] != '=' || strings.ContainsAny(line, "\r\n\x00") {
				t.Fatalf("line %q in the answer to %q", line, offer)
			}
			if line[0] == 'm' {
				count++
			}
		}
		if want := len(readOffer(string(offer))); want > 0 && count != want {
			t.Fatalf("%d media lines answer %d:\n%s", count, want, got)
		}
	})
}
