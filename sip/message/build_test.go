package message

import (
	"strings"
	"testing"
)

func TestNewResponse(t *testing.T) {
	req, err := Parse([]byte(request("+Via: SIP/2.0/UDP p.example;branch=z9hG4bK2", "+Record-Route: <sip:p.example;lr>")))
	if err != nil {
		t.Fatal(err)
	}
	b := NewResponse(req, 404, "")
	m, err := Parse(b.Add(UserAgent, "x").Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if m.Status != 404 || m.Phrase != "Not Found" || len(m.Values(Via)) != 2 || m.CallID() != "1@example.com" || m.ToTag() == "" || m.Has(RecordRoute) {
		t.Errorf("%s", m.Raw)
	}
	if again, _ := Parse(NewResponse(req, 180, "").Bytes()); again.ToTag() != m.ToTag() {
		t.Error("the tag differs between responses to one request")
	}
	if m, _ := Parse(NewResponse(req, 100, "").Bytes()); m.ToTag() != "" {
		t.Error("100 bears a tag")
	}
	if m, _ := Parse(NewResponse(req, 200, "").ToTag("mine").ToTag("yours").Bytes()); m.ToTag() != "yours" {
		t.Errorf("tag %q", m.ToTag())
	}
	tagged, _ := Parse([]byte(request("To: <sip:bob@example.com>;tag=there")))
	if m, _ := Parse(NewResponse(tagged, 200, "").ToTag("mine").Bytes()); m.ToTag() != "there" {
		t.Errorf("tag %q", m.ToTag())
	}
	if b.Status() != 404 || b.Method() != "OPTIONS" {
		t.Errorf("%d %s", b.Status(), b.Method())
	}
}

func TestNewRequest(t *testing.T) {
	b := NewRequest("NOTIFY", "sip:a@10.0.0.2:5062").Add(To, "<sip:a@b>").Add(From, "<sip:c@b>;tag=1").Add(CallID, "x").
		Add(CSeq, "4 NOTIFY").Set(Event, "dialog").Set(Event, "presence").Body("text/plain", []byte("hello"))
	b.Via("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx")
	want := "NOTIFY sip:a@10.0.0.2:5062 SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKx\r\nTo: <sip:a@b>\r\nFrom: <sip:c@b>;tag=1\r\n" +
		"Call-ID: x\r\nCSeq: 4 NOTIFY\r\nEvent: presence\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
	if got := string(b.Bytes()); got != want || string(b.Bytes()) != want {
		t.Errorf("%s", got)
	}
}

func TestSetDropsRepeats(t *testing.T) {
	b := NewRequest("X", "sip:a").Add(Route, "1").Add(Accept, "k").Add(Route, "2").Add(Route, "3").Set(Route, "only")
	if got := string(b.Bytes()); got != "X sip:a SIP/2.0\r\nRoute: only\r\nAccept: k\r\nContent-Length: 0\r\n\r\n" {
		t.Errorf("%q", got)
	}
}

// Nothing that is given to a builder can start a line of its own.
func TestNoInjection(t *testing.T) {
	evil := "x\r\nEvil: 1\r\n\r\nbody\x00"
	req, _ := Parse([]byte(request()))
	for name, b := range map[string]*Builder{
		"value":  NewResponse(req, 200, "").Add(Warning, evil),
		"name":   NewResponse(req, 200, "").Add(Name("W\r\nEvil: 1"), "x"),
		"set":    NewResponse(req, 200, "").Add(Warning, "a").Set(Warning, evil),
		"phrase": NewResponse(req, 200, evil),
		"tag":    NewResponse(req, 200, "").ToTag(evil),
		"via":    NewRequest("OPTIONS", "sip:a@b").Via(evil),
		"method": NewRequest(evil, "sip:a@b"),
		"URI":    NewRequest("OPTIONS", evil),
		"type":   NewRequest("OPTIONS", "sip:a@b").Body(evil, []byte("x")),
		"copied": NewResponse(&Message{Headers: []Header{{To, "<sip:a@b>" + evil}}}, 200, ""),
	} {
		head, _, _ := strings.Cut(string(b.Bytes()), "\r\n\r\n")
		if strings.Contains(head, "\r\nEvil") || strings.Contains(head, "\r\nbody") || strings.Contains(strings.ReplaceAll(head, "\r\n", ""), "\n") {
			t.Errorf("%s: %q", name, b.Bytes())
		}
	}
}

func TestIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		for _, s := range []string{NewTag(), NewBranch(), NewCallID("10.0.0.1"), NewCallID("bad host\r\n")} {
			if seen[s] || s == "" || strings.ContainsAny(s, " \r\n") {
				t.Fatalf("%q", s)
			}
			seen[s] = true
		}
	}
}

func TestPhrase(t *testing.T) {
	for status, want := range map[int]string{489: "Bad Event", 302: "Moved Temporarily", 499: "Bad Request", 555: "Server Internal Error"} {
		if Phrase(status) != want {
			t.Errorf("%d: %q", status, Phrase(status))
		}
	}
}
