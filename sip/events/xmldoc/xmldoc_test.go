package xmldoc

import (
	"encoding/xml"
	"errors"
	"strings"
	"testing"
)

func TestWalk(t *testing.T) {
	limits := Limits{Bytes: 200, Depth: 3}
	latin := Limits{Bytes: 200, Depth: 3, Latin: true}
	mine := errors.New("mine")
	for name, c := range map[string]struct {
		doc  string
		l    Limits
		want error
		text string
	}{
		"plain":                 {"<a><b x='1'>t</b></a>", limits, nil, "<a><b>t</b></a>"},
		"space around":          {"\r\n <?xml version='1.0'?><a/> \n", limits, nil, "<a></a>"},
		"comments are nothing":  {"<a><!-- <b> -->t<?pi?></a>", limits, nil, "<a>t</a>"},
		"another encoding":      {"<?xml version='1.0' encoding='US-ASCII'?><a/>", limits, nil, "<a></a>"},
		"a foreign encoding":    {"<?xml version='1.0' encoding='iso-8859-1'?><a/>", limits, ErrMalformed, ""},
		"where it is taken":     {"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe4</a>", latin, nil, "<a>ä</a>"},
		"UTF-16":                {"<?xml version='1.0' encoding='utf-16'?><a/>", latin, ErrMalformed, ""},
		"too long":              {"<a>" + strings.Repeat("x", 200) + "</a>", limits, ErrTooLarge, ""},
		"as deep as may be":     {"<a><b><c/></b></a>", limits, nil, "<a><b><c></c></b></a>"},
		"too deep":              {"<a><b><c><d/></c></b></a>", limits, ErrTooLarge, ""},
		"a type definition":     {"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", limits, ErrMalformed, ""},
		"an unknown entity":     {"<a>&x;</a>", limits, ErrMalformed, ""},
		"not closed":            {"<a><b></a>", limits, ErrMalformed, ""},
		"the caller's own word": {"<a><stop/></a>", limits, mine, "<a>"},
		"nothing":               {"", limits, nil, ""},
	} {
		var got strings.Builder
		err := Walk([]byte(c.doc), c.l, func(tok xml.Token) error {
			switch tok := tok.(type) {
			case xml.StartElement:
				if tok.Name.Local == "stop" {
					return mine
				}
				got.WriteString("<" + tok.Name.Local + ">")
			case xml.EndElement:
				got.WriteString("</" + tok.Name.Local + ">")
			case xml.CharData:
				got.Write(tok)
			}
			return nil
		})
		if !errors.Is(err, c.want) || c.want == nil && err != nil || c.text != "" && got.String() != c.text {
			t.Errorf("%s: %v, %q", name, err, got.String())
		}
	}
}
