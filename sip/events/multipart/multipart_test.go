package multipart

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

func compose(f Form, parts []Part) []byte {
	var b []byte
	for i, p := range parts {
		b = append(f.AppendHead(b, i == 0, []byte(p.ID), p.Type), p.Body...)
	}
	return f.AppendEnd(b)
}

var pair = []Part{
	{ID: "list@ex.test", Type: "application/rlmi+xml", Body: []byte("<list/>")},
	{ID: "1@ex.test", Type: "application/pidf+xml", Body: []byte("<presence>\r\n</presence>\r\n")},
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	for _, f := range []Form{{Boundary: "b0"}, {Boundary: "b0", Bare: true}, {Boundary: "b0", Terse: true}} {
		got, err := Parse(string(f.AppendType(nil, pair[0].Type, pair[0].ID)), compose(f, pair))
		if err != nil || fmt.Sprint(got) != fmt.Sprint(pair) {
			t.Errorf("%+v: %v, %v", f, got, err)
		}
	}
}

func TestTheTwoForms(t *testing.T) {
	for form, want := range map[Form][2]string{
		{Boundary: "b0"}: {`multipart/related;type="application/rlmi+xml";start="<r@x>";boundary="b0"`,
			"--b0\r\nContent-ID: <r@x>\r\nContent-Transfer-Encoding: binary\r\nContent-Type: application/rlmi+xml\r\n\r\nX\r\n--b0--\r\n"},
		{Boundary: "b0", Bare: true}: {`multipart/related;type="application/rlmi+xml";start="r@x";boundary=b0`,
			"--b0\r\nContent-Id: r@x\r\nContent-Transfer-Encoding: binary\r\nContent-Type: application/rlmi+xml\r\n\r\nX\r\n--b0--\r\n"},
	} {
		if got := string(form.AppendType(nil, "application/rlmi+xml", "r@x")); got != want[0] {
			t.Errorf("type %s, want %s", got, want[0])
		}
		body := form.AppendEnd(append(form.AppendHead(nil, true, []byte("r@x"), "application/rlmi+xml"), 'X'))
		if string(body) != want[1] {
			t.Errorf("body %q, want %q", body, want[1])
		}
	}
}

func TestRefused(t *testing.T) {
	const ct = `multipart/related; boundary=b`
	for name, c := range map[string]struct{ typ, body string }{
		"no boundary":      {"multipart/related", "--b\r\n\r\nx\r\n--b--"},
		"long boundary":    {"multipart/related;boundary=" + strings.Repeat("b", 71), ""},
		"another boundary": {ct, "--c\r\n\r\nx\r\n--c--"},
		"no end":           {ct, "--b\r\n\r\nx\r\n--b\r\n\r\ny"},
		"no empty line":    {ct, "--b\r\nContent-Type: x\r\n--b--"},
		"no line":          {ct, "--bx\r\n--b--"},
		"long headers":     {ct, "--b\r\nX: " + strings.Repeat("y", maxHead) + "\r\n\r\nx\r\n--b--"},
		"too many parts":   {ct, strings.Repeat("--b\r\n\r\nx\r\n", maxParts+1) + "--b--"},
	} {
		if got, err := Parse(c.typ, []byte(c.body)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestOthersForms(t *testing.T) {
	got, err := Parse(`Multipart/Related; BOUNDARY="b"; x=y`, []byte("preamble\r\n--b  \r\ncontent-id:<1@x>\r\nContent-type: Text/Plain; charset=utf-8\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\nepilogue"))
	if err != nil || len(got) != 2 || got[0].ID != "1@x" || got[0].Type != "text/plain" || string(got[0].Body) != "one" || string(got[1].Body) != "two" {
		t.Errorf("%q, %v", got, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("multipart/related;boundary=b0", compose(Form{Boundary: "b0"}, pair))
	f.Add(`multipart/related;boundary="b"`, []byte("--b\r\n\r\nx\r\n--b--"))
	f.Fuzz(func(t *testing.T, ct string, body []byte) {
		parts, err := Parse(ct, body)
		if err != nil && parts != nil {
			t.Error("parts beside an error")
		}
		for _, p := range parts {
			if !bytes.Contains(body, p.Body) {
				t.Error("a part that was not there")
			}
		}
	})
}
