package phones

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
)

// Lamp is what a phone shows of the one it watches.
type Lamp struct {
	// State of a lamp key: idle, ringing, calling, talking, held. Of a buddy:
	// available, busy, on-the-phone, offline.
	State string
	// Caller is who is at the other end, and CallerName how the phone names them.
	Caller, CallerName string
	// Pickup is what the phone would take the call over by; nil: nothing.
	Pickup *Pickup
}

// Pickup is an INVITE with Replaces (RFC 3891): whom it goes to, and the dialog
// as the other end knows it.
type Pickup struct{ URI, CallID, ToTag, FromTag string }

// info is application/dialog-info+xml (RFC 4235 §4).
type info struct {
	XMLName xml.Name `xml:"urn:ietf:params:xml:ns:dialog-info dialog-info"`
	Version *uint32  `xml:"version,attr"`
	State   string   `xml:"state,attr"`
	Entity  string   `xml:"entity,attr"`
	Dialogs []dialog `xml:"urn:ietf:params:xml:ns:dialog-info dialog"`
}

type dialog struct {
	ID        string `xml:"id,attr"`
	CallID    string `xml:"call-id,attr"`
	LocalTag  string `xml:"local-tag,attr"`
	RemoteTag string `xml:"remote-tag,attr"`
	Direction string `xml:"direction,attr"`
	State     string `xml:"urn:ietf:params:xml:ns:dialog-info state"`
	Local     *party `xml:"urn:ietf:params:xml:ns:dialog-info local"`
	Remote    *party `xml:"urn:ietf:params:xml:ns:dialog-info remote"`
}

type party struct {
	Identity struct {
		Display string `xml:"display,attr"`
		URI     string `xml:",chardata"`
	} `xml:"urn:ietf:params:xml:ns:dialog-info identity"`
	Target struct {
		URI    string `xml:"uri,attr"`
		Params []struct {
			Name   string `xml:"pname,attr"`
			Pval   string `xml:"pval,attr"`
			Pvalue string `xml:"pvalue,attr"`
		} `xml:"urn:ietf:params:xml:ns:dialog-info param"`
	} `xml:"urn:ietf:params:xml:ns:dialog-info target"`
}

// readInfo reads a document and holds it to the schema (RFC 4235 §4.4) and to
// what every phone asks for.
func readInfo(body []byte, entity string) (*info, error) {
	var doc info
	if err := xml.Unmarshal(body, &doc); err != nil {
		return nil, fmt.Errorf("no dialog-info: %w", err)
	}
	switch {
	case doc.Version == nil:
		return nil, errors.New("no version")
	case doc.State != "full":
		return nil, fmt.Errorf("state %q: phones that know no partial state would show nonsense", doc.State)
	case doc.Entity != entity:
		return nil, fmt.Errorf("entity %q: the phone subscribed to %q and compares them as strings", doc.Entity, entity)
	case len(doc.Dialogs) == 0:
		return nil, errors.New("no dialog element: the phone keeps its old lamp")
	}
	for _, d := range doc.Dialogs {
		switch d.State {
		case "trying", "proceeding", "early", "confirmed", "terminated":
		default:
			return nil, fmt.Errorf("state %q of a dialog is none (RFC 4235 §3.7.1)", d.State)
		}
		if d.ID == "" {
			return nil, errors.New("a dialog without id")
		}
		if d.Direction != "" && d.Direction != "initiator" && d.Direction != "recipient" {
			return nil, fmt.Errorf("direction %q", d.Direction)
		}
	}
	return &doc, nil
}

// held reads the rendering parameter in the spelling the phone knows.
func (d *dialog) held(spelling string) bool {
	if d.Local == nil {
		return false
	}
	for _, p := range d.Local.Target.Params {
		v := p.Pval
		if spelling == "pvalue" {
			v = p.Pvalue
		}
		if p.Name == "+sip.rendering" && v == "no" {
			return true
		}
	}
	return false
}

// first is how most phones read a document: the first dialog that is not over.
func (doc *info) first() *dialog {
	for i := range doc.Dialogs {
		if doc.Dialogs[i].State != "terminated" {
			return &doc.Dialogs[i]
		}
	}
	return &doc.Dialogs[0]
}

// key makes a lamp key's state of a dialog; spelling is pval or pvalue.
func (d *dialog) key(spelling string) Lamp {
	var l Lamp
	switch {
	case d.State == "terminated":
		return Lamp{State: "idle"}
	case d.State == "confirmed" && d.held(spelling):
		l.State = "held"
	case d.State == "confirmed":
		l.State = "talking"
	case d.Direction == "recipient":
		l.State = "ringing"
	default:
		l.State = "calling"
	}
	if d.Remote != nil {
		l.Caller, l.CallerName = strings.TrimSpace(d.Remote.Identity.URI), d.Remote.Identity.Display
	}
	return l
}

// pickup is the Replaces of a phone that takes the watched one's call: the tags
// are named from the caller's side, to whom the INVITE goes.
func (d *dialog) pickup() *Pickup {
	if d.Remote == nil || d.CallID == "" || d.LocalTag == "" || d.RemoteTag == "" {
		return nil
	}
	uri := d.Remote.Target.URI
	if uri == "" {
		uri = strings.TrimSpace(d.Remote.Identity.URI)
	}
	return &Pickup{URI: uri, CallID: d.CallID, ToTag: d.RemoteTag, FromTag: d.LocalTag}
}
