package message

import (
	"net/netip"
	"slices"
	"testing"
)

func TestParseNameAddr(t *testing.T) {
	for in, want := range map[string]string{ // in → out of String, "" for an error
		`<sip:a@b>`: `<sip:a@b>`,
		`"A. Bell" <sip:agb@bell-telephone.com>;tag=a48s`: `"A. Bell" <sip:agb@bell-telephone.com>;tag=a48s`,
		`sip:a@b;tag=1;x`:                   `<sip:a@b>;tag=1;x`,
		`Anonymous <sip:c8o@x>;tag=h`:       `"Anonymous" <sip:c8o@x>;tag=h`,
		`Bell, Alexander <sip:a@b>`:         `"Bell, Alexander" <sip:a@b>`,
		`"say \"hi\", \\ ; x" <sip:a@b;lr>`: `"say \"hi\", \\ ; x" <sip:a@b;lr>`,
		"<sip:a@b>\t; TAG = 7 ;;q=0.5":      `<sip:a@b>;tag=7;q=0.5`,
		`<sip:a@b>;methods="INVITE, ACK"`:   `<sip:a@b>;methods="INVITE, ACK"`,
		`*`:                                 `*`,
		`<sip:a@[::1]:5060>`:                `<sip:a@[::1]:5060>`,
		`"x<y>" <sip:a@b>`:                  `"x<y>" <sip:a@b>`,
		``:                                  ``,
		`<>`:                                ``,
		`"a <sip:a@b>`:                      ``,
		`<sip:a@b`:                          ``,
		`"a" sip:a@b`:                       ``,
		`< sip:a@b>`:                        ``,
		`<sip:a@b> junk`:                    ``,
		`<sip:a@b>;x="unbalanced`:           ``,
		`sip:a b@c`:                         ``,
	} {
		a, err := ParseNameAddr(in)
		switch {
		case want == "" && err == nil:
			t.Errorf("%q: read as %+v, want an error", in, a)
		case want != "" && err != nil:
			t.Errorf("%q: %v", in, err)
		case want != "" && a.String() != want:
			t.Errorf("%q: %s, want %s", in, a, want)
		}
	}
}

func TestContacts(t *testing.T) {
	m := &Message{Headers: []Header{
		{Contact, `"Bell, A" <sip:a@b?x=1,2>;q=0.7;expires=3600, <sip:c@d>`}, {Contact, `sip:e@f;q=1`}}}
	c, err := m.Contacts()
	if err != nil || len(c) != 3 || c[0].Display != "Bell, A" || c[0].URI != "sip:a@b?x=1,2" || c[2].URI != "sip:e@f" {
		t.Errorf("%+v %v", c, err)
	}
	star := &Message{Headers: []Header{{Contact, "*"}}}
	if c, err := star.Contacts(); err != nil || len(c) != 1 || !c[0].Star {
		t.Errorf("%+v %v", c, err)
	}
}

func TestURI(t *testing.T) {
	for in, want := range map[string]URI{
		"sip:alice@example.com":               {Scheme: "sip", User: "alice", Host: "example.com"},
		"SIPS:a:pw@h:5061;transport=tcp?x=y":  {Scheme: "sips", User: "a", Password: "pw", Host: "h", Port: 5061, Params: Params{{Key: "transport", Value: "tcp"}}, Headers: "x=y"},
		"sip:[2001:db8::1]:5060":              {Scheme: "sip", Host: "2001:db8::1", Port: 5060},
		"sip:a;day=tuesday@example.com;lr":    {Scheme: "sip", User: "a;day=tuesday", Host: "example.com", Params: Params{{Key: "lr"}}},
		"tel:+1-201-555-0123;phone-context=x": {Scheme: "tel", User: "+1-201-555-0123", Params: Params{{Key: "phone-context", Value: "x"}}},
		"urn:service:sos":                     {Scheme: "urn", Opaque: "service:sos"},
	} {
		u, err := ParseURI(in)
		if err != nil || u.Scheme != want.Scheme || u.User != want.User || u.Password != want.Password || u.Host != want.Host ||
			u.Port != want.Port || !slices.Equal(u.Params, want.Params) || u.Headers != want.Headers || u.Opaque != want.Opaque {
			t.Errorf("%q: %+v (%v)", in, u, err)
		}
		if again, err := ParseURI(u.String()); err != nil || !again.Equal(u) {
			t.Errorf("%q: written as %q (%v)", in, u, err)
		}
	}
	for _, in := range []string{"", "alice", "sip:", "sip:@h", "sip:a@", "sip:a@h:0", "sip:a@h:x", "sip:a@[::1", "sip:a@[1.2.3.4]", "sip:a@h o", ":a", "1x:a", "tel:"} {
		if u, err := ParseURI(in); err == nil {
			t.Errorf("%q: read as %+v", in, u)
		}
	}
	if u, _ := ParseURI("sip:%31001%40x@h"); u.UserDecoded() != "1001@x" {
		t.Errorf("decoded %q", u.UserDecoded())
	}
	if s := UserURI("a b@c;d"); s != "a%20b%40c;d" {
		t.Errorf("escaped %q", s)
	}
}

// The examples of RFC 3261 §19.1.4 and RFC 5954 §4.2.
func TestURIEqual(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp", true},
		{"sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5", true},
		{"sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on", true},
		{"sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com", "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com", true},
		{"sip:alice@atlanta.com?subject=project%20x&priority=urgent", "sip:alice@atlanta.com?priority=urgent&subject=project%20x", true},
		{"SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP", false},
		{"sip:alice@example.com;maddr=\xfa", "sip:alice@example.com;maddr=\xe2", false}, // no UTF-8, and not the same
		{"sip:alice@example.com;maddr=k", "sip:alice@example.com;maddr=\u212a", false},  // the sign of kelvin is no k
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:5060", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp", false},
		{"sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp", false},
		{"sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting", false},
		{"sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4", false},
		{"sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off", false},
		{"sip:a@b;maddr=1.2.3.4", "sip:a@b", false},
		{"sip:a@b", "sips:a@b", false},
		{"sip:a@[2001:db8::9:1]", "sip:a@[2001:DB8:0::9:01]", true},
		{"sip:a:x@b", "sip:a@b", false},
		{"tel:+1-201-555", "tel:+1201555", true},
		{"tel:+1201555;ext=1", "tel:+1201555", false},
	} {
		a, err := ParseURI(c.a)
		b, err2 := ParseURI(c.b)
		if err != nil || err2 != nil {
			t.Fatal(c, err, err2)
		}
		if a.Equal(b) != c.want || b.Equal(a) != c.want {
			t.Errorf("%s and %s: equal %v, want %v", c.a, c.b, a.Equal(b), c.want)
		}
	}
}

func TestIndexOutside(t *testing.T) {
	for s, want := range map[string]int{
		"": -1, "a": -1, ";": 0, "a;b": 1, `"a;b"`: -1, `"a;b";`: 5, `"a\";b"`: -1, `"a\";b";`: 7, `"a`: -1, `"a\`: -1,
		"<a;b>": -1, "<a;b>;": 5, "<a;b": -1, `<"a;b>;`: 6, `"<";`: 3, "a>;": 2, "<a<b;>;": 6, `x"y";"z;`: 4, `;"`: 0, ";<": 0,
	} {
		if got := indexOutside(s, ';'); got != want {
			t.Errorf("%q: %d, want %d", s, got, want)
		}
	}
}

func TestStampVia(t *testing.T) {
	src := netip.MustParseAddrPort("203.0.113.9:40000")
	for in, want := range map[string]string{
		"SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK1;rport":              "SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK1;rport=40000;received=203.0.113.9",
		"SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK1":                    "SIP/2.0/UDP 10.0.0.2:5060;branch=z9hG4bK1;received=203.0.113.9",
		"SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bK1":                 "SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bK1",
		"SIP/2.0/UDP 203.0.113.9;rport;branch=z9hG4bK1":                "SIP/2.0/UDP 203.0.113.9;rport=40000;branch=z9hG4bK1;received=203.0.113.9",
		"SIP/2.0/UDP phone.example;branch=z9hG4bK1, SIP/2.0/UDP a;x=y": "SIP/2.0/UDP phone.example;branch=z9hG4bK1;received=203.0.113.9, SIP/2.0/UDP a;x=y",
		// a forged received must not direct our answer
		"SIP/2.0/UDP 203.0.113.9;received=198.51.100.1;rport=9;branch=z9hG4bK1": "SIP/2.0/UDP 203.0.113.9;rport=40000;branch=z9hG4bK1;received=203.0.113.9",
	} {
		m := &Message{Method: "OPTIONS", Headers: []Header{{Via, in}}}
		m.StampVia(src)
		if got := m.Get(Via); got != want {
			t.Errorf("%q\n got %q\nwant %q", in, got, want)
		}
		// What was noted while stamping is what a reader of the header finds.
		read, err := Parse([]byte(request("Via: " + in)))
		if err != nil {
			t.Fatal(err)
		}
		read.StampVia(src)
		noted, _ := read.TopVia()
		if found, ok := read.topVia(); !ok || found != noted {
			t.Errorf("%q: noted %+v, found %+v", in, noted, found)
		}
	}
	m := &Message{Headers: []Header{{Via, "SIP / 2.0 / UDP [2001:db8::1] : 5061 ;branch=b ; rport = 7"}}}
	if v, ok := m.TopVia(); !ok || v.Host != "2001:db8::1" || v.Port != 5061 || v.RPort != 7 || v.Branch != "b" {
		t.Errorf("%+v %v", v, ok)
	}
}

func TestExpires(t *testing.T) {
	for in, want := range map[string]int{"": -1, "0": 0, "3600": 3600, "4294967296": 1<<32 - 1, "99999999999999999999999": 1<<32 - 1, "-1": -1, "1h": -1} {
		got, ok := ParseSeconds(in)
		if !ok {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %d, want %d", in, got, want)
		}
	}
}
