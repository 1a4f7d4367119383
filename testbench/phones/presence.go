package phones

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// pidf is application/pidf+xml (RFC 3863) with the person of RFC 4479 and the
// activities of RFC 4480.
type pidf struct {
	XMLName xml.Name `xml:"urn:ietf:params:xml:ns:pidf presence"`
	Entity  string   `xml:"entity,attr"`
	Tuples  []struct {
		ID     string `xml:"id,attr"`
		Status struct {
			Basic  string    `xml:"urn:ietf:params:xml:ns:pidf basic"`
			Online *struct{} `xml:"http://www.linphone.org/xsds/pidfonline.xsd online"`
		} `xml:"urn:ietf:params:xml:ns:pidf status"`
		Contact string   `xml:"urn:ietf:params:xml:ns:pidf contact"`
		Notes   []string `xml:"urn:ietf:params:xml:ns:pidf note"`
	} `xml:"urn:ietf:params:xml:ns:pidf tuple"`
	Persons []struct {
		ID         string     `xml:"id,attr"`
		Activities []activity `xml:"urn:ietf:params:xml:ns:pidf:rpid activities"`
		Old        []activity `xml:"urn:ietf:params:xml:ns:pidf:status:rpid activities"`
	} `xml:"urn:ietf:params:xml:ns:pidf:data-model person"`
}

type activity struct {
	All []struct{ XMLName xml.Name } `xml:",any"`
}

func readPIDF(body []byte, entity string) (*pidf, error) {
	var doc pidf
	if err := xml.Unmarshal(body, &doc); err != nil {
		return nil, fmt.Errorf("no PIDF: %w", err)
	}
	switch {
	case doc.Entity != entity:
		return nil, fmt.Errorf("entity %q of %q", doc.Entity, entity)
	case len(doc.Tuples) != 1 || doc.Tuples[0].ID == "":
		return nil, errors.New("not one tuple with an id")
	case doc.Tuples[0].Status.Basic != "open" && doc.Tuples[0].Status.Basic != "closed":
		return nil, fmt.Errorf("basic status %q", doc.Tuples[0].Status.Basic)
	}
	return &doc, nil
}

// activities are the names of the person's activities in a namespace.
func (doc *pidf) activities(space string) (names []string) {
	for _, p := range doc.Persons {
		for _, a := range slices.Concat(p.Activities, p.Old) {
			for _, e := range a.All {
				if e.XMLName.Space == space {
					names = append(names, e.XMLName.Local)
				}
			}
		}
	}
	return names
}

const (
	rpid    = "urn:ietf:params:xml:ns:pidf:rpid"
	oldRPID = "urn:ietf:params:xml:ns:pidf:status:rpid"
	cisco   = "urn:cisco:params:xml:ns:pidf:rpid"
)

// buddyOfRPID reads as softphones do that know the activities: PJSIP, Zoiper,
// Bria.
func buddyOfRPID(body []byte, entity string) (Lamp, error) {
	doc, err := readPIDF(body, entity)
	if err != nil {
		return Lamp{}, err
	}
	a := doc.activities(rpid)
	switch {
	case slices.Contains(a, "on-the-phone"):
		return Lamp{State: "on-the-phone"}, nil
	case slices.Contains(a, "busy"):
		return Lamp{State: "busy"}, nil
	case doc.Tuples[0].Status.Basic == "closed":
		return Lamp{State: "offline"}, nil
	case len(a) > 0:
		return Lamp{}, fmt.Errorf("activities %q", a)
	}
	return Lamp{State: "available"}, nil
}

// buddyOfLinphone: online needs an element of its own, an open tuple alone is
// busy, and a closed one with an activity is Do Not Disturb.
func buddyOfLinphone(body []byte, entity string) (Lamp, error) {
	doc, err := readPIDF(body, entity)
	if err != nil {
		return Lamp{}, err
	}
	s, active := doc.Tuples[0].Status, len(doc.activities(rpid)) > 0
	switch {
	case s.Basic == "open" && s.Online != nil && !active:
		return Lamp{State: "available"}, nil
	case s.Basic == "open":
		return Lamp{State: "on-the-phone"}, nil // it says "busy"
	case active:
		return Lamp{State: "busy"}, nil // it says "do not disturb"
	}
	return Lamp{State: "offline"}, nil
}

// buddyOfText searches the text, as baresip does: prefixes and empty elements
// must be literally so.
func buddyOfText(body []byte, entity string) (Lamp, error) {
	if _, err := readPIDF(body, entity); err != nil {
		return Lamp{}, err
	}
	text := string(body)
	state := "offline"
	if strings.Contains(text, "<basic>open</basic>") {
		state = "available"
	}
	for _, a := range []string{"away", "busy", "on-the-phone"} {
		if strings.Contains(text, "<rpid:"+a+"/>") {
			state = a
		}
	}
	return Lamp{State: state}, nil
}

// xpidf is application/xpidf+xml of the early drafts.
type xpidf struct {
	XMLName   xml.Name `xml:"presence"`
	Presentee struct {
		URI string `xml:"uri,attr"`
	} `xml:"presentity"`
	Atoms []struct {
		ID      string `xml:"id,attr"`
		Address struct {
			URI    string `xml:"uri,attr"`
			Status struct {
				Status string `xml:"status,attr"`
			} `xml:"status"`
			MSN struct {
				Substatus string `xml:"substatus,attr"`
			} `xml:"msnsubstatus"`
		} `xml:"address"`
	} `xml:"atom"`
}

// buddyOfPoly reads the older format where it gets it, else PIDF.
func buddyOfPoly(body []byte, entity string) (Lamp, error) {
	var doc xpidf
	if !strings.Contains(string(body), "<atom") {
		return buddyOfRPID(body, entity)
	}
	if err := xml.Unmarshal(body, &doc); err != nil || len(doc.Atoms) != 1 {
		return Lamp{}, fmt.Errorf("no XPIDF with one atom: %w", err)
	}
	a := doc.Atoms[0].Address
	switch a.MSN.Substatus {
	case "online":
		return Lamp{State: "available"}, nil
	case "onthephone":
		return Lamp{State: "on-the-phone"}, nil
	case "busy":
		return Lamp{State: "busy"}, nil
	case "away", "offline":
		return Lamp{State: "offline"}, nil
	}
	return Lamp{}, fmt.Errorf("status %q, substatus %q", a.Status.Status, a.MSN.Substatus)
}

// buddyOfCisco reads the activities of that maker: its own namespace for what
// rings and for Do Not Disturb, an early draft's for the rest.
func buddyOfCisco(body []byte, entity string) (Lamp, error) {
	doc, err := readPIDF(body, entity)
	if err != nil {
		return Lamp{}, err
	}
	own, old := doc.activities(cisco), doc.activities(oldRPID)
	switch {
	case slices.Contains(own, "dnd"):
		return Lamp{State: "busy"}, nil
	case slices.Contains(old, "on-the-phone"):
		return Lamp{State: "on-the-phone"}, nil
	case slices.Contains(own, "alerting"):
		return Lamp{State: "available"}, nil // rings: no status of its own
	case slices.Contains(old, "busy"):
		return Lamp{State: "busy"}, nil
	case doc.Tuples[0].Status.Basic == "closed":
		return Lamp{State: "offline"}, nil
	}
	return Lamp{State: "available"}, nil
}
