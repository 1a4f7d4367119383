package ua

import (
	"testing"

	"lamplight/sip/message"
)

func TestAKeyOfAnInfoIsRead(t *testing.T) {
	for _, c := range []struct {
		kind, body string
		want       byte // 0: none
	}{
		{"application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", '5'},
		{"Application/DTMF-Relay; charset=utf-8", "Duration=100\r\nsignal = #\n", '#'},
		{"application/dtmf-relay", "Signal=11\r\n", '#'},
		{"application/dtmf-relay", "Signal=10", '*'},
		{"application/dtmf", "d\r\n", 'D'},
		{"application/dtmf", "0", '0'},
		{"application/dtmf-relay", "Signal=12\r\n", 0},
		{"application/dtmf-relay", "Signal=!\r\n", 0},
		{"application/dtmf-relay", "Signal=", 0},
		{"application/dtmf-relay", "", 0},
		{"application/dtmf", "123", 0},
		{"text/plain", "5", 0},
		{"", "5", 0},
	} {
		b := message.NewRequest("INFO", "sip:a@b").Add(message.ContentType, c.kind).Add(message.Via, "SIP/2.0/UDP a;branch=z9hG4bKx").
			Add(message.From, "<sip:a@b>;tag=1").Add(message.To, "<sip:a@b>").Add(message.CallID, "x").Add(message.CSeq, "1 INFO")
		m, err := message.Parse(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		m.Body = []byte(c.body)
		if got, ok := keyOf(m); got != c.want || ok != (c.want != 0) {
			t.Errorf("%s %q: %q, want %q", c.kind, c.body, got, c.want)
		}
	}
}
