package message

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// torture says what becomes of each message of RFC 4475: 0 for one that is
// sound as far as Validate goes, else the status; -1: it is dropped. What the
// RFC leaves to a method's owner (420, 415, dates, contacts) is sound here.
func torture() map[string]int {
	return map[string]int{
		// §3.1.1, valid
		"wsinv": 0, "intmeth": 0, "esc01": 0, "escnull": 0, "esc02": 0, "lwsdisp": 0, "longreq": 0,
		"dblreq": 0, "semiuri": 0, "transports": 0, "mpart01": 0, "unreason": 0, "noreason": 0,
		// §3.1.2, invalid
		"badinv01": 400, "clerr": 400, "ncl": 400, "scalar02": 400, "scalarlg": -1, "quotbal": 400,
		"ltgtruri": 400, "lwsruri": 400, "lwsstart": 400, "trws": 400, "escruri": 400, "baddate": 0,
		"regbadct": 0, "badaspec": 400, "baddn": 0, "badvers": 505, "mismatch01": 400, "mismatch02": 400,
		"bigcode": -1,
		// §3.2 to §3.4
		"badbranch": 400, "insuf": 400, "unkscm": 416, "novelsc": 416, "unksm2": 0, "bext01": 0, "invut": 0,
		"regaut01": 0, "multi01": 400, "mcl01": 400, "bcast": 0, "zeromf": 0, "cparam01": 0, "cparam02": 0,
		"regescrt": 0, "sdp01": 0, "inv2543": 0,
	}
}

// corpus reads the messages of RFC 4475 as its appendix gives them bit by bit.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	out := make(map[string][]byte)
	files, err := filepath.Glob("testdata/rfc4475/*.dat")
	if err != nil || len(files) == 0 {
		t.Fatalf("no torture messages: %v", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		out[strings.TrimSuffix(filepath.Base(f), ".dat")] = b
	}
	return out
}

func TestTorture(t *testing.T) {
	want := torture()
	got := corpus(t)
	if len(want) != len(got) {
		t.Errorf("%d messages, %d verdicts", len(got), len(want))
	}
	for name, raw := range got {
		t.Run(name, func(t *testing.T) {
			if status := verdict(raw); status != want[name] {
				m, err := Parse(raw)
				t.Errorf("verdict %d, want %d (%v)\n%+v", status, want[name], err, m)
			}
		})
	}
}

// verdict is what a server would answer to these bytes, 0 for going on.
func verdict(raw []byte) int {
	m, err := Parse(raw)
	switch {
	case m == nil:
		return -1
	case err != nil:
		return Verdict(m, err).Status
	}
	p := Validate(m)
	switch {
	case p == nil:
		return 0
	case !m.IsRequest():
		return -1
	}
	return p.Status
}

// What the valid ones say must come out as said.
func TestTortureReading(t *testing.T) {
	raw := corpus(t)
	parse := func(name string) *Message {
		m, err := Parse(raw[name])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return m
	}
	m := parse("wsinv")
	if m.FromTag() != "98asjd8" || m.ToTag() != "1918181833n" || m.CallID() != "wsinv.ndaksdj@192.0.2.1" {
		t.Errorf("wsinv: %q %q %q", m.FromTag(), m.ToTag(), m.CallID())
	}
	if seq, method := m.CSeq(); seq != 9 || method != "INVITE" {
		t.Errorf("wsinv: CSeq %d %s", seq, method)
	}
	if v := m.Values(Via); len(v) != 3 {
		t.Errorf("wsinv: Via %q", v)
	}
	if v, ok := m.TopVia(); !ok || v.Host != "192.0.2.2" || v.Branch != "390skdjuw" || v.Transport != "UDP" {
		t.Errorf("wsinv: top Via %+v", v)
	}
	if m := parse("intmeth"); m.Method != "!interesting-Method0123456789_*+`.%indeed'~" || !strings.Contains(m.To().Display, "NUL:\x00") {
		t.Errorf("intmeth: %q, To %q", m.Method, m.To().Display)
	}
	if c, err := parse("esc02").Contacts(); err != nil || len(c) != 2 {
		t.Errorf("esc02: %v %v", c, err)
	}
	if m := parse("lwsdisp"); m.From().Display != "caller" || m.From().URI != "sip:caller@example.com" {
		t.Errorf("lwsdisp: %+v", m.From())
	}
	if u, err := ParseURI(parse("semiuri").URI); err != nil || u.UserDecoded() != "user;par=u@example.net" {
		t.Errorf("semiuri: %+v %v", u, err)
	}
	if m := parse("dblreq"); m.Method != "REGISTER" || len(m.Body) != 0 {
		t.Errorf("dblreq: %s with a body of %d", m.Method, len(m.Body))
	}
	if m := parse("noreason"); m.Status != 100 || m.Phrase != "" {
		t.Errorf("noreason: %d %q", m.Status, m.Phrase)
	}
}
