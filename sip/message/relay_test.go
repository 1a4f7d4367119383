package message

import (
	"strings"
	"testing"
)

const relayed = "INVITE sip:1001@example.com SIP/2.0\r\n" +
	"Via: SIP/2.0/UDP a.example.com;branch=z9hG4bKa, SIP/2.0/UDP b.example.com;branch=z9hG4bKb\r\n" +
	"v: SIP/2.0/TCP c.example.com;branch=z9hG4bKc\r\n" +
	"Route: <sip:us;lr>, <sip:next;lr>\r\nMax-Forwards: 10\r\n" +
	"f: \"A, <B>\" <sip:a@example.com>;tag=1\r\nTo: <sip:1001@example.com>\r\nCall-ID: 1\r\nCSeq: 7 INVITE\r\n" +
	"X-Own: \"as, it\"  came\r\nX-Secret: here\r\nContent-Type: application/sdp\r\nContent-Length: 3\r\n\r\nv=0"

func TestRelayRequest(t *testing.T) {
	m, err := Parse([]byte(relayed))
	if err != nil {
		t.Fatal(err)
	}
	got := string(RelayRequest(m, "sip:1001@10.0.0.2", []Header{{RecordRoute, "<sip:us;lr>"}, {Route, "<sip:path;lr>"}}, "x-secret").Bytes())
	want := "INVITE sip:1001@10.0.0.2 SIP/2.0\r\nRecord-Route: <sip:us;lr>\r\nRoute: <sip:path;lr>\r\nMax-Forwards: 9\r\n" +
		"Via: SIP/2.0/UDP a.example.com;branch=z9hG4bKa, SIP/2.0/UDP b.example.com;branch=z9hG4bKb\r\n" +
		"Via: SIP/2.0/TCP c.example.com;branch=z9hG4bKc\r\n" +
		"From: \"A, <B>\" <sip:a@example.com>;tag=1\r\nTo: <sip:1001@example.com>\r\nCall-ID: 1\r\nCSeq: 7 INVITE\r\n" +
		"X-Own: \"as, it\"  came\r\nContent-Type: application/sdp\r\nContent-Length: 3\r\n\r\nv=0"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	without := strings.Replace(relayed, "Max-Forwards: 10\r\n", "", 1)
	if m, err = Parse([]byte(without)); err != nil {
		t.Fatal(err)
	}
	if got := string(RelayRequest(m, "sip:x", nil).Bytes()); !strings.Contains(got, "\r\nMax-Forwards: 70\r\n") {
		t.Errorf("without Max-Forwards:\n%s", got)
	}
}

func TestRelayResponse(t *testing.T) {
	for name, c := range map[string]struct{ vias, want string }{
		"in lines of their own": {"Via: SIP/2.0/UDP us;branch=z9hG4bK1\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK2\r\n", "Via: SIP/2.0/UDP a;branch=z9hG4bK2\r\n"},
		"in one line":           {"Via: SIP/2.0/UDP us;branch=z9hG4bK1 , SIP/2.0/UDP a;branch=z9hG4bK2\r\n", "Via: SIP/2.0/UDP a;branch=z9hG4bK2\r\n"},
		"a comma in a name":     {"Via: SIP/2.0/UDP us;branch=z9hG4bK1;x=\"a,b\"\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK2\r\n", "Via: SIP/2.0/UDP a;branch=z9hG4bK2\r\n"},
	} {
		rest := "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: 1\r\nCSeq: 7 INVITE\r\nContact: <sip:c@10.0.0.2>\r\n"
		m, err := Parse([]byte("SIP/2.0 183 Going On\r\n" + c.vias + rest + "Content-Length: 0\r\n\r\n"))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		b := RelayResponse(m)
		if got, want := string(b.Bytes()), "SIP/2.0 183 Going On\r\n"+c.want+rest+"Content-Length: 0\r\n\r\n"; got != want || b.Status() != 183 || b.Method() != "INVITE" {
			t.Errorf("%s: got\n%s", name, got)
		}
	}
}

// What is not passed on may be named by one list for many branches at once.
func TestRelayRequestLeavesTheListAlone(t *testing.T) {
	m, err := Parse([]byte(relayed))
	if err != nil {
		t.Fatal(err)
	}
	drop := make([]Name, 1, 8)
	drop[0] = "x-secret"
	RelayRequest(m, "sip:1001@10.0.0.2", nil, drop...)
	if next := drop[:2][1]; next != "" {
		t.Errorf("%q was written behind it", next)
	}
}
