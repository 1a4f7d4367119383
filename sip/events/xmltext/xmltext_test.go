package xmltext

import (
	"encoding/xml"
	"strings"
	"testing"
)

func TestAppend(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"plain":          {"Ann Example", "Ann Example"},
		"markup":         {`a<b>&"c'`, "a&lt;b&gt;&amp;&quot;c&#39;"},
		"umlaut":         {"Jürgen Müller", "Jürgen Müller"},
		"emoji":          {"☎ 🙂", "☎ 🙂"},
		"control":        {"a\x00b\x1b", "a\uFFFDb\uFFFD"},
		"line break":     {"a\r\nb\t", "a&#13;&#10;b&#9;"},
		"broken utf-8":   {"a\xffb\xc3", "a\uFFFDb\uFFFD"},
		"surrogate":      {"\xed\xa0\x80", "\uFFFD\uFFFD\uFFFD"},
		"not character":  {"\uFFFE", "\uFFFD"},
		"empty":          {"", ""},
		"markup at ends": {"<>", "&lt;&gt;"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := string(Append(nil, c.in)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func FuzzAppend(f *testing.F) {
	f.Add("a<b>&\"c'\x00\xff\u2028")
	f.Fuzz(func(t *testing.T, s string) {
		doc := string(Append(append([]byte(nil), `<a b="`...), s)) + `">` + string(Append(nil, s)) + `</a>`
		var v struct {
			B string `xml:"b,attr"`
			T string `xml:",chardata"`
		}
		if err := xml.NewDecoder(strings.NewReader(doc)).Decode(&v); err != nil {
			t.Fatalf("%q: %v", doc, err)
		}
		if v.B != v.T {
			t.Fatalf("attribute %q differs from text %q", v.B, v.T)
		}
	})
}

func TestAppendAllocatesNothing(t *testing.T) {
	buf := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() { buf = Append(buf[:0], "Ann <ann@ex> & Bob\n") }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
