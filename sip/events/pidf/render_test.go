package pidf

import (
	"encoding/xml"
	"strings"
	"testing"

	"lamplight/presence"
)

const (
	head   = `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:101@ex.test">` + "\n"
	online = `<online xmlns="http://www.linphone.org/xsds/pidfonline.xsd"/>`
)

func tuple(status, note string) string {
	if note != "" {
		note = "<note>" + note + "</note>"
	}
	return `<tuple id="t1"><status>` + status + `</status><contact>sip:101@ex.test</contact>` + note + "</tuple>\n"
}

func person(activity, note string) string {
	return `<dm:person id="p1"><rpid:activities><rpid:` + activity + `/></rpid:activities><dm:note>` + note + "</dm:note></dm:person>\n"
}

func TestRender(t *testing.T) {
	for name, c := range map[string]struct {
		w    presence.Watch
		want string
	}{
		"available has no activity":        {presence.Watch{Open: true, Note: "Available"}, tuple("<basic>open</basic>"+online, "Available")},
		"on a call is open":                {presence.Watch{Open: true, Activity: "on-the-phone", Note: "On a Call"}, tuple("<basic>open</basic>", "On a Call") + person("on-the-phone", "On a Call")},
		"do not disturb is closed":         {presence.Watch{Activity: "busy", Note: "Do Not Disturb"}, tuple("<basic>closed</basic>", "Do Not Disturb") + person("busy", "Do Not Disturb")},
		"custom status by its own name":    {presence.Watch{Activity: "meal", Note: "Lunch & rest"}, tuple("<basic>closed</basic>", "Lunch &amp; rest") + person("meal", "Lunch &amp; rest")},
		"offline has no activity":          {presence.Watch{Note: "Offline"}, tuple("<basic>closed</basic>", "Offline")},
		"an impossible activity is other":  {presence.Watch{Activity: "x><y", Note: "Odd"}, tuple("<basic>closed</basic>", "Odd") + person("other", "Odd")},
		"no note leaves no empty elements": {presence.Watch{Open: true}, tuple("<basic>open</basic>"+online, "")},
	} {
		t.Run(name, func(t *testing.T) {
			s := &presence.Snapshot{AOR: "101@ex.test"}
			s.Watch = c.w
			want := head + c.want + "</presence>\n"
			if got := string(Append(nil, s, "sip:101@ex.test")); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestRenderHostileTextStaysWellFormed(t *testing.T) {
	bad := "\"><x>&\x00\xff]]>"
	s := &presence.Snapshot{}
	s.Watch = presence.Watch{Open: true, Activity: bad, Note: bad}
	var v struct {
		Tuple struct {
			Note string `xml:"note"`
		} `xml:"tuple"`
	}
	if err := xml.NewDecoder(strings.NewReader(string(Append(nil, s, bad)))).Decode(&v); err != nil {
		t.Fatal(err)
	}
	if want := "\"><x>&\uFFFD\uFFFD]]>"; v.Tuple.Note != want {
		t.Errorf("note %q, want %q", v.Tuple.Note, want)
	}
}

func TestRenderAllocatesNothing(t *testing.T) {
	s := &presence.Snapshot{}
	s.Watch = presence.Watch{Open: true, Activity: "on-the-phone", Note: "On a Call"}
	buf := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(200, func() { buf = Append(buf[:0], s, "sip:101@ex.test") }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkRender(b *testing.B) {
	s := &presence.Snapshot{}
	s.Watch = presence.Watch{Open: true, Activity: "on-the-phone", Note: "On a Call"}
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = Append(buf[:0], s, "sip:101@ex.test")
	}
}
