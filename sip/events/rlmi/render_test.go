package rlmi

import (
	"encoding/xml"
	"testing"
)

// document is what a phone reads.
type document struct {
	XMLName   xml.Name `xml:"urn:ietf:params:xml:ns:rlmi list"`
	URI       string   `xml:"uri,attr"`
	Version   uint32   `xml:"version,attr"`
	Full      bool     `xml:"fullState,attr"`
	Resources []struct {
		URI      string `xml:"uri,attr"`
		Name     string `xml:"name"`
		Instance struct {
			ID     string `xml:"id,attr"`
			State  string `xml:"state,attr"`
			Reason string `xml:"reason,attr"`
			CID    string `xml:"cid,attr"`
		} `xml:"instance"`
	} `xml:"resource"`
}

func TestDocument(t *testing.T) {
	b := AppendHead([]byte(Prolog), "sip:a&b@ex.test", 7, true)
	for _, r := range []Resource{
		{URI: "sip:101@ex.test", Name: `Ann "A" <x>`, CID: []byte("0.7@ex.test")},
		{URI: "sip:102@ex.test", State: Pending},
		{URI: "sip:103@ex.test", State: Terminated, Reason: "rejected"},
	} {
		b = AppendResource(b, &r)
	}
	b = AppendEnd(b)
	var d document
	if err := xml.Unmarshal(b, &d); err != nil {
		t.Fatalf("%v:\n%s", err, b)
	}
	if d.URI != "sip:a&b@ex.test" || d.Version != 7 || !d.Full || len(d.Resources) != 3 {
		t.Errorf("%+v", d)
	}
	for i, want := range [][5]string{{"sip:101@ex.test", `Ann "A" <x>`, "active", "", "0.7@ex.test"}, {"sip:102@ex.test", "", "pending", "", ""}, {"sip:103@ex.test", "", "terminated", "rejected", ""}} {
		r := d.Resources[i]
		if got := [5]string{r.URI, r.Name, r.Instance.State, r.Instance.Reason, r.Instance.CID}; got != want || r.Instance.ID == "" {
			t.Errorf("resource %d is %q, want %q", i, got, want)
		}
	}
}

func TestPartialAndEmpty(t *testing.T) {
	var d document
	if err := xml.Unmarshal(AppendEnd(AppendHead(nil, "sip:l@ex.test", 0, false)), &d); err != nil || d.Full || len(d.Resources) != 0 {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestNothingIsAllocated(t *testing.T) {
	buf := make([]byte, 0, 4096)
	r := Resource{URI: "sip:101@ex.test", Name: "Ann", CID: []byte("0.7@ex.test")}
	if n := testing.AllocsPerRun(100, func() { AppendEnd(AppendResource(AppendHead(buf, "sip:l@ex.test", 1, true), &r)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
