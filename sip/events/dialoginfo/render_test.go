package dialoginfo

import (
	"encoding/xml"
	"strings"
	"testing"

	"lamplight/presence"
)

const entity = "sip:101@ex.test"

func render(s *presence.Snapshot, v View) string {
	doc, at := Append(nil, s, v)
	return string(doc[:at]) + "7" + string(doc[at:])
}

func snapshot(busy bool, dialogs ...presence.DialogState) *presence.Snapshot {
	s := &presence.Snapshot{AOR: "101@ex.test", Number: "101", Name: "Ann"}
	s.Watch = presence.Watch{Dialogs: dialogs, Busy: busy}
	return s
}

func document(dialogs string) string {
	return `<?xml version="1.0"?>` + "\n" + `<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="7" state="full" entity="sip:101@ex.test">` + "\n" + dialogs + "\n</dialog-info>\n"
}

const local = `<local><identity display="Ann">sip:101@ex.test</identity><target uri="sip:101@ex.test"/></local>`

func TestRender(t *testing.T) {
	ringing := presence.DialogState{ID: "d1", State: "early", Direction: "recipient", CallID: "c@h", LocalTag: "a", RemoteTag: "b", Remote: "sip:200@ex.test", Name: "Bob"}
	held := presence.DialogState{ID: "d2", State: "confirmed", Direction: "initiator", Held: true}
	wantRinging := `<dialog id="d1" call-id="c@h" local-tag="a" remote-tag="b" direction="recipient"><state>early</state>` + local +
		`<remote><identity display="Bob">sip:200@ex.test</identity><target uri="sip:200@ex.test"/></remote></dialog>`
	wantHeld := `<dialog id="d2" direction="initiator"><state>confirmed</state><local><identity display="Ann">sip:101@ex.test</identity><target uri="sip:101@ex.test"><param pname="+sip.rendering" pval="no" pvalue="no"/></target></local></dialog>`
	idle := `<dialog id="idle"><state>terminated</state></dialog>`
	for name, c := range map[string]struct {
		s    *presence.Snapshot
		v    View
		want string
	}{
		"idle still has a dialog element":          {snapshot(false), View{Entity: entity}, idle},
		"nothing known is idle":                    {nil, View{Entity: entity}, idle},
		"ringing names both parties":               {snapshot(false, ringing), View{Entity: entity}, wantRinging},
		"held is told by the rendering parameter":  {snapshot(false, held), View{Entity: entity}, wantHeld},
		"two dialogs keep the snapshot's order":    {snapshot(false, held, ringing), View{Entity: entity}, wantHeld + "\n" + wantRinging},
		"a datagram's limit keeps the first":       {snapshot(false, held, ringing), View{Entity: entity, Limit: 300}, wantHeld},
		"busy is idle unless the watcher asks":     {snapshot(true), View{Entity: entity}, idle},
		"busy as a confirmed dialog without peer":  {snapshot(true), View{Entity: entity, Busy: true}, `<dialog id="status"><state>confirmed</state>` + local + `</dialog>`},
		"a call is shown rather than the status":   {snapshot(true, ringing), View{Entity: entity, Busy: true}, wantRinging},
		"not busy is idle though the watcher asks": {snapshot(false), View{Entity: entity, Busy: true}, idle},
		"a phone with room for one":                {snapshot(false, held, ringing), View{Entity: entity, Single: true}, wantHeld},
		"a phone that takes pval only":             {snapshot(false, held), View{Entity: entity, NoPvalue: true}, strings.Replace(wantHeld, ` pvalue="no"`, "", 1)},
		"a phone that takes pvalue only":           {snapshot(false, held), View{Entity: entity, NoPval: true}, strings.Replace(wantHeld, ` pval="no"`, "", 1)},
		"hidden is neither named nor taken over":   {snapshot(false, ringing), View{Entity: entity, Hidden: true}, `<dialog id="h8917f07b53bf526" direction="recipient"><state>early</state>` + local + `</dialog>`},
	} {
		t.Run(name, func(t *testing.T) {
			if got, want := render(c.s, c.v), document(c.want); got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

func TestRenderHostileTextStaysWellFormed(t *testing.T) {
	bad := "\"><x>&\x00\xff]]>"
	s := snapshot(false, presence.DialogState{ID: bad, State: bad, Direction: bad, CallID: bad, LocalTag: bad, RemoteTag: bad, Remote: bad, Name: bad})
	s.Name = bad
	dec := xml.NewDecoder(strings.NewReader(render(s, View{Entity: bad})))
	n := 0
	for {
		tok, err := dec.Token()
		if tok == nil {
			if err.Error() != "EOF" {
				t.Fatal(err)
			}
			break
		}
		if _, ok := tok.(xml.StartElement); ok {
			n++
		}
	}
	if n != 9 {
		t.Errorf("%d elements, want 9: text became markup", n)
	}
}

func TestRenderAllocatesNothing(t *testing.T) {
	s := snapshot(false, presence.DialogState{ID: "d1", State: "early", Direction: "recipient", CallID: "c@h", LocalTag: "a", RemoteTag: "b", Remote: "sip:200@ex.test", Name: "Bob & Co"})
	buf := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(200, func() { buf, _ = Append(buf[:0], s, View{Entity: entity}) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func BenchmarkRender(b *testing.B) {
	s := snapshot(false, presence.DialogState{ID: "d1", State: "confirmed", Direction: "recipient", CallID: "a84b4c76e66710@pc33", LocalTag: "a6c85cf", RemoteTag: "1928301774", Remote: "sip:200@ex.test", Name: "Bob"})
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = Append(buf[:0], s, View{Entity: entity})
	}
}
