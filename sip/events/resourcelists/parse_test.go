package resourcelists

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	got, err := Parse([]byte(`<?xml version="1.0" encoding="UTF-8"?>
<rl:resource-lists xmlns:rl="urn:ietf:params:xml:ns:resource-lists" xmlns:cp="urn:ietf:params:xml:ns:copycontrol">
 <rl:list name="friends">
  <rl:display-name>All of them</rl:display-name>
  <rl:entry uri=" sip:101@ex.test " cp:copyControl="to"><rl:display-name> Ann &amp; Co </rl:display-name></rl:entry>
  <rl:list><rl:entry uri="sip:102@ex.test"/></rl:list>
  <rl:entry uri="sip:101@ex.test"><rl:display-name>Again</rl:display-name></rl:entry>
  <rl:entry-ref ref="somewhere"/><rl:external anchor="http://x.test/"/>
  <rl:entry uri="sip:103@ex.test"><x:other xmlns:x="urn:x"><x:display-name>No</x:display-name></x:other></rl:entry>
 </rl:list>
</rl:resource-lists>`), 10)
	want := []Entry{{"sip:101@ex.test", "Ann & Co"}, {"sip:102@ex.test", ""}, {"sip:103@ex.test", ""}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestRefused(t *testing.T) {
	entries := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `<entry uri="sip:%d@ex.test"/>`, i)
		}
		return "<resource-lists><list>" + b.String() + "</list></resource-lists>"
	}
	for name, c := range map[string]struct {
		body string
		err  error
	}{
		"empty":          {"", ErrMalformed},
		"no XML":         {"sip:101@ex.test", ErrMalformed},
		"another root":   {"<list/>", ErrMalformed},
		"cut off":        {`<resource-lists><list><entry uri="sip:1@x"/>`, ErrMalformed},
		"two roots":      {"<resource-lists/><resource-lists/>", ErrMalformed},
		"DOCTYPE":        {`<!DOCTYPE a [<!ENTITY b "c">]><resource-lists/>`, ErrMalformed},
		"no URI":         {"<resource-lists><list><entry/></list></resource-lists>", ErrMalformed},
		"odd encoding":   {`<?xml version="1.0" encoding="UTF-16"?><resource-lists/>`, ErrMalformed},
		"long URI":       {`<resource-lists><list><entry uri="sip:` + strings.Repeat("x", maxText) + `"/></list></resource-lists>`, ErrTooLarge},
		"deep":           {"<resource-lists>" + strings.Repeat("<list>", maxDepth) + strings.Repeat("</list>", maxDepth) + "</resource-lists>", ErrTooLarge},
		"many":           {entries(11), ErrTooLarge},
		"large":          {entries(1) + strings.Repeat(" ", MaxBytes), ErrTooLarge},
		"just the limit": {entries(10), nil},
		"empty list":     {"<resource-lists><list/></resource-lists>", nil},
	} {
		if got, err := Parse([]byte(c.body), 10); !errors.Is(err, c.err) || (err != nil) != (c.err != nil) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`<resource-lists><list><entry uri="sip:1@x"><display-name>A</display-name></entry></list></resource-lists>`))
	f.Add([]byte(`<resource-lists><list><list><entry uri="a"/></list></list></resource-lists>`))
	f.Add([]byte(`<!DOCTYPE x><resource-lists/>`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := Parse(body, 5)
		if err != nil && got != nil || len(got) > 5 {
			t.Errorf("%v beside %v", got, err)
		}
		for _, e := range got {
			if e.URI == "" || len(e.URI) > maxText || len(e.Name) > maxText {
				t.Errorf("%q", e)
			}
		}
	})
}
