package reginfo

import (
	"encoding/xml"
	"strings"
	"testing"
	"time"
)

var now = time.Unix(1_800_000_000, 0)

func render(v View, contacts ...Contact) string {
	v.Now = now
	doc, at := Append(nil, contacts, v)
	return string(doc[:at]) + "7" + string(doc[at:])
}

func desk() Contact {
	return Contact{ID: "b1", AOR: "101@ex.test", URI: "sip:101@192.0.2.10", Event: "registered", CallID: "c@h", Q: 700,
		Since: now.Add(-90 * time.Second), Expires: now.Add(30 * time.Minute)}
}

func TestRender(t *testing.T) {
	const (
		head   = `<?xml version="1.0"?>` + "\n" + `<reginfo xmlns="urn:ietf:params:xml:ns:reginfo" version="7" state="full">` + "\n"
		first  = `<registration aor="sip:101@ex.test" id="rcca49a7cf71e93a" state=`
		second = `<registration aor="sip:ann@ex.test" id="r7ee30edc800cd141" state=`
		active = `<contact id="b1" state="active" event="registered" duration-registered="90" expires="1800" q="0.700" callid="c@h"><uri>sip:101@192.0.2.10</uri></contact>`
	)
	web := Contact{ID: "b2", AOR: "ann@ex.test", URI: "sip:x@y.invalid;transport=ws", Event: "refreshed", Q: 1000, Since: now, Expires: now,
		Instance: "urn:uuid:f8", RegID: "1", PubGRUU: "sip:ann@ex.test;gr=urn:uuid:f8"}
	ended := desk()
	ended.Event, ended.Ended, ended.Q = "expired", true, 0
	one, two := []string{"101@ex.test"}, []string{"101@ex.test", "ann@ex.test"}
	for name, c := range map[string]struct {
		v        View
		contacts []Contact
		want     []string
	}{
		"nothing bound is init":         {View{Entity: "sip:101@ex.test", AORs: one}, nil, []string{first + `"init">` + "\n</registration>"}},
		"one contact":                   {View{Entity: "sip:101@ex.test", AORs: one}, []Contact{desk()}, []string{head, first + `"active">` + "\n" + active + "\n</registration>\n</reginfo>\n"}},
		"an ended one is terminated":    {View{Entity: "sip:101@ex.test", AORs: one}, []Contact{ended}, []string{first + `"terminated">`, `<contact id="b1" state="terminated" event="expired" duration-registered="90" callid="c@h"><uri>`}},
		"active beside an ended one":    {View{Entity: "sip:101@ex.test", AORs: one}, []Contact{ended, desk()}, []string{first + `"active">`, `state="terminated"`, active}},
		"the entity as subscribed to":   {View{Entity: "sips:101@EX.test", AORs: two}, nil, []string{`aor="sips:101@EX.test" id="rcca49a7cf71e93a"`, second}},
		"the second address watched":    {View{Entity: "sip:ann@ex.test", AORs: two}, nil, []string{first, second}},
		"known by the number only":      {View{Entity: "sip:101@192.0.2.1", AORs: two}, []Contact{desk()}, []string{`aor="sip:101@192.0.2.1" id="rcca49a7cf71e93a" state="active"`, second + `"init"`}},
		"an agent without addresses":    {View{Entity: "sip:101@ex.test"}, []Contact{desk()}, []string{`aor="sip:101@ex.test"`, `state="init"`}},
		"instance, reg-id and GRUU":     {View{Entity: "sip:101@ex.test", AORs: two}, []Contact{web}, []string{` xmlns:gr="urn:ietf:params:xml:ns:gruuinfo" version="7"`, `q="1.0"><uri>sip:x@y.invalid;transport=ws</uri><unknown-param name="+sip.instance">&quot;&lt;urn:uuid:f8&gt;&quot;</unknown-param><unknown-param name="reg-id">1</unknown-param><gr:pub-gruu uri="sip:ann@ex.test;gr=urn:uuid:f8"/></contact>`}},
		"a small packet keeps contacts": {View{Entity: "sip:101@ex.test", AORs: two, Limit: 700}, []Contact{desk(), web}, []string{`q="0.700"><uri>sip:101@192.0.2.10</uri></contact>`, `q="1.0"><uri>sip:x@y.invalid;transport=ws</uri><gr:pub-gruu`}},
	} {
		t.Run(name, func(t *testing.T) {
			got := render(c.v, c.contacts...)
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("want\n%s\nin\n%s", want, got)
				}
			}
		})
	}
}

func TestRenderHostileTextStaysWellFormed(t *testing.T) {
	bad := "\"><x>&\x00\xff]]>"
	var v struct {
		Registration struct {
			AOR     string `xml:"aor,attr"`
			Contact struct {
				URI   string `xml:"uri"`
				Param string `xml:"unknown-param"`
			} `xml:"contact"`
		} `xml:"registration"`
	}
	doc := render(View{Entity: bad, AORs: []string{bad}}, Contact{ID: bad, AOR: bad, URI: bad, CallID: bad, Instance: bad, PubGRUU: bad})
	if err := xml.Unmarshal([]byte(doc), &v); err != nil {
		t.Fatalf("%v:\n%s", err, doc)
	}
	clean := "\"><x>&\uFFFD\uFFFD]]>"
	if r := v.Registration; r.AOR != clean || r.Contact.URI != clean || r.Contact.Param != "\"<"+clean+">\"" {
		t.Errorf("read %+v", r)
	}
}

func TestRenderAllocatesNothing(t *testing.T) {
	contacts := []Contact{desk(), desk()}
	v := View{Entity: "sip:101@ex.test", AORs: []string{"101@ex.test"}, Now: now}
	buf := make([]byte, 0, 2048)
	if n := testing.AllocsPerRun(200, func() { buf, _ = Append(buf[:0], contacts, v) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
