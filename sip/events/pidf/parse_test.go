package pidf_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"lamplight/presence"
	"lamplight/sip/events/pidf"
)

const open = `<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:101@ex.test">`

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want pidf.Document
	}{
		"baresip's": {`<?xml version="1.0" encoding="UTF-8" standalone="no"?>` + open + `<dm:person id="p4159"><rpid:activities/></dm:person><tuple id="t4109"><status><basic>open</basic></status><contact>sip:101@ex.test</contact></tuple></presence>`,
			pidf.Document{Entity: "sip:101@ex.test", Open: true}},
		"busy": {open + `<tuple id="t"><status><basic>open</basic></status></tuple><dm:person id="p"><rpid:activities><rpid:busy/></rpid:activities></dm:person></presence>`,
			pidf.Document{Entity: "sip:101@ex.test", Open: true, Activities: []string{"busy"}}},
		"a softphone's Do Not Disturb": {open + `<tuple id="t"><status><basic>closed</basic></status><timestamp>2026-01-01T00:00:00Z</timestamp></tuple><dm:person id="p"><rpid:activities><rpid:away/></rpid:activities></dm:person></presence>`,
			pidf.Document{Entity: "sip:101@ex.test", Closed: true, Activities: []string{"away"}}},
		"Do Not Disturb of another maker": {`<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="x"><dm:person xmlns:dm="d"><e:activities xmlns:e="urn:ietf:params:xml:ns:pidf:status:rpid"><ce:dnd xmlns:ce="urn:cisco:params:xml:ns:pidf:rpid"/></e:activities></dm:person><tuple id="t"><status><basic>OPEN</basic></status></tuple></presence>`,
			pidf.Document{Entity: "x", Open: true, Activities: []string{"dnd"}}},
		"two tuples, notes, a thing unknown": {open + `<tuple id="a"><status><basic>closed</basic></status><note> </note></tuple><tuple id="b"><status><basic>open</basic></status><note xml:lang="en"> Lunch </note></tuple><rpid:activities><rpid:note>x</rpid:note><rpid:unknown/><rpid:meal/><rpid:away/></rpid:activities></presence>`,
			pidf.Document{Entity: "sip:101@ex.test", Open: true, Activities: []string{"away", "meal"}, Note: "Lunch"}},
		"nothing": {"<presence/>", pidf.Document{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := pidf.Parse([]byte(c.body))
			if err != nil || !reflect.DeepEqual(*got, c.want) {
				t.Errorf("got %+v, %v; want %+v", got, err, c.want)
			}
		})
	}
}

func TestWhatCannotBeReadIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		body string
		want error
	}{
		"nothing":             {"", pidf.ErrMalformed},
		"cut short":           {open, pidf.ErrMalformed},
		"another root":        {"<dialog-info/>", pidf.ErrMalformed},
		"two roots":           {"<presence/><presence/>", pidf.ErrMalformed},
		"entities":            {`<!DOCTYPE a [<!ENTITY b "c">]><presence/>`, pidf.ErrMalformed},
		"too deep":            {open + strings.Repeat("<a>", 40), pidf.ErrTooLarge},
		"too many tuples":     {open + strings.Repeat("<tuple/>", 33) + "</presence>", pidf.ErrTooLarge},
		"too many activities": {open + "<activities>" + strings.Repeat("<away/>", 17) + "</activities></presence>", pidf.ErrTooLarge},
		"too much":            {open + strings.Repeat(" ", 65<<10) + "</presence>", pidf.ErrTooLarge},
	} {
		if got, err := pidf.Parse([]byte(c.body)); !errors.Is(err, c.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestOwnDocumentsAreRead: what we write is what we read.
func TestOwnDocumentsAreRead(t *testing.T) {
	var s presence.Snapshot
	s.Watch = presence.Watch{Open: false, Activity: "busy", Note: "Do <Not> Disturb"}
	got, err := pidf.Parse(pidf.Append(nil, &s, "sip:101@ex.test"))
	want := pidf.Document{Entity: "sip:101@ex.test", Closed: true, Activities: []string{"busy"}, Note: "Do <Not> Disturb"}
	if err != nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("%+v, %v", got, err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(open + `<tuple id="t"><status><basic>open</basic></status></tuple></presence>`)
	f.Fuzz(func(t *testing.T, s string) {
		d, err := pidf.Parse([]byte(s))
		if err == nil && (d.Open && d.Closed || len(d.Activities) > 16 || len(d.Note) > 256) {
			t.Errorf("%+v", d)
		}
	})
}
