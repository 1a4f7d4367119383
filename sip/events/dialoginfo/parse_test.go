package dialoginfo

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"lamplight/presence"
)

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		in   string
		want Document
	}{
		"capitalised states and no namespace": {
			`<dialog-info version="0" state="Full" entity="sip:101@ex.test"><dialog id="x" call-id="x" direction="RECIPIENT"><state>Trying</state></dialog></dialog-info>`,
			Document{Entity: "sip:101@ex.test", Dialogs: []Dialog{{ID: "x", CallID: "x", HasDirection: true}}},
		},
		"prefixed elements and everything said": {
			`<?xml version="1.0" encoding="US-ASCII"?><d:dialog-info xmlns:d="urn:ietf:params:xml:ns:dialog-info" version="12" state="partial" entity="sip:101@ex.test">
			<d:dialog id="d1" call-id="c@h" local-tag="a" remote-tag="b" direction="initiator"><d:state event="replaced" code="200"> confirmed </d:state><d:duration>61</d:duration>
			<d:local><d:identity>sip:101@ex.test</d:identity><d:target uri="sip:101@10.0.0.1"><d:param pname="+sip.rendering" pval="no"/></d:target></d:local>
			<d:remote><d:identity display="Bob &amp; Co">sip:200@ex.test</d:identity><d:target uri="sip:200@10.0.0.2"/></d:remote></d:dialog></d:dialog-info>`,
			Document{Entity: "sip:101@ex.test", Version: 12, Partial: true, Dialogs: []Dialog{{ID: "d1", CallID: "c@h", LocalTag: "a", RemoteTag: "b", Initiator: true, HasDirection: true,
				State: Confirmed, Held: true, Remote: "sip:200@ex.test", RemoteDisplay: "Bob & Co", Duration: 61}}},
		},
		"held in the other spelling": {
			`<dialog-info version="1" entity="e"><dialog id="x"><state>confirmed</state><local><target uri="u"><param pname="+sip.rendering" pvalue="no"/></target></local></dialog></dialog-info>`,
			Document{Entity: "e", Version: 1, Dialogs: []Dialog{{ID: "x", State: Confirmed, Held: true}}},
		},
		"remote target where no identity is": {
			`<dialog-info version="1" entity="e"><dialog id="x"><state>early</state><remote><target uri="sip:b@h"/></remote></dialog></dialog-info>`,
			Document{Entity: "e", Version: 1, Dialogs: []Dialog{{ID: "x", State: Early, Remote: "sip:b@h"}}},
		},
		"no dialogs": {`<dialog-info version="1" state="full" entity="e"/>`, Document{Entity: "e", Version: 1}},
		"unknown elements are skipped": {
			`<dialog-info version="1" entity="e"><x><dialog id="no"/><state>early</state></x><dialog id="x"><y><state>early</state></y><state>terminated</state></dialog></dialog-info>`,
			Document{Entity: "e", Version: 1, Dialogs: []Dialog{{ID: "x", State: Terminated}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Parse([]byte(c.in))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*got, c.want) {
				t.Errorf("got\n%+v\nwant\n%+v", *got, c.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	deep := `<dialog-info version="1">` + strings.Repeat("<a>", 32) + strings.Repeat("</a>", 32) + `</dialog-info>`
	many := `<dialog-info version="1">` + strings.Repeat(`<dialog id="x"/>`, 257) + `</dialog-info>`
	for name, c := range map[string]struct {
		in   string
		want error
	}{
		"nothing":            {"", ErrMalformed},
		"not XML":            {"hello", ErrMalformed},
		"another root":       {"<presence/>", ErrMalformed},
		"two roots":          {`<dialog-info version="1"/><dialog-info version="1"/>`, ErrMalformed},
		"cut off":            {`<dialog-info version="1"><dialog id="x">`, ErrMalformed},
		"a document type":    {`<!DOCTYPE x [<!ENTITY a "b">]><dialog-info version="1"/>`, ErrMalformed},
		"an entity":          {`<dialog-info version="1"><dialog id="&a;"/></dialog-info>`, ErrMalformed},
		"a bad version":      {`<dialog-info version="-1"/>`, ErrMalformed},
		"a dialog unnamed":   {`<dialog-info version="1"><dialog/></dialog-info>`, ErrMalformed},
		"a foreign encoding": {`<?xml version="1.0" encoding="UTF-16"?><dialog-info version="1"/>`, ErrMalformed},
		"too deep":           {deep, ErrTooLarge},
		"too many dialogs":   {many, ErrTooLarge},
		"a long attribute":   {`<dialog-info version="1"><dialog id="` + strings.Repeat("x", 1025) + `"/></dialog-info>`, ErrTooLarge},
		"too long":           {strings.Repeat(" ", 64<<10) + "<dialog-info/>", ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			if doc, err := Parse([]byte(c.in)); !errors.Is(err, c.want) {
				t.Errorf("got %+v, %v; want %v", doc, err, c.want)
			}
		})
	}
}

// FuzzParse holds that whatever is read can be written, and that what was
// written reads the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(render(nil, View{Entity: entity})))
	f.Add([]byte(`<d:dialog-info xmlns:d="u" version="3" state="partial" entity="e"><d:dialog id="a" call-id="b" direction="initiator"><d:state>Early</d:state><d:remote><d:identity display="&lt;">sip:x</d:identity></d:remote></d:dialog></d:dialog-info>`))
	f.Add([]byte(`<!DOCTYPE x><dialog-info/>`))
	f.Fuzz(func(t *testing.T, in []byte) {
		doc, err := Parse(in)
		if err != nil {
			if doc != nil {
				t.Fatal("both a document and an error")
			}
			return
		}
		var s presence.Snapshot
		for _, d := range doc.Dialogs {
			s.Watch.Dialogs = append(s.Watch.Dialogs, presence.DialogState{ID: d.ID, CallID: d.CallID, LocalTag: d.LocalTag, RemoteTag: d.RemoteTag, State: "early", Remote: d.Remote, Name: d.RemoteDisplay})
		}
		again, err := Parse([]byte(render(&s, View{Entity: doc.Entity})))
		if errors.Is(err, ErrTooLarge) {
			return // escapes may need more room than the original
		}
		if err != nil {
			t.Fatalf("own document refused: %v", err)
		}
		if again.Entity != doc.Entity {
			t.Fatalf("entity %q became %q", doc.Entity, again.Entity)
		}
		for i, d := range doc.Dialogs {
			if a := again.Dialogs[i]; a.ID != d.ID || a.CallID != d.CallID || a.LocalTag != d.LocalTag {
				t.Fatalf("dialog %+v became %+v", d, a)
			}
		}
	})
}
