package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"strings"
	"time"

	"lamplight/sip/events/multipart"
	"lamplight/testbench/load/phone"
)

// list watches a list as a list key does, with one subscription for all its
// members.
func (s *scene) list(ctx context.Context, line *phone.Line) error {
	told := make(chan []byte, 64)
	p := &phone.Phone{Line: line, User: s.as, Number: s.as, Domain: s.domain, Password: "demo-" + s.as}
	w := &phone.Watch{Phone: p, Target: s.number, Event: "dialog",
		Headers: "Supported: eventlist\r\nAccept: application/dialog-info+xml, application/rlmi+xml, multipart/related\r\n",
		OnMessage: func(raw []byte) {
			select {
			case told <- bytes.Clone(raw):
			default: // a screen too slow to follow leaves some out
			}
		}}
	for {
		res, err := w.Subscribe(period)
		if err := said("SUBSCRIBE", res, err); err != nil {
			return err
		}
		refresh := time.After(period * 3 / 4 * time.Second)
		for again := false; !again; {
			select {
			case raw := <-told:
				if err := printList(raw); err != nil {
					return err
				}
			case <-refresh:
				again = true
			case <-ctx.Done():
				res, err := w.Subscribe(0)
				return said("un-SUBSCRIBE", res, err)
			}
		}
	}
}

// printList prints what a NOTIFY says of the members it names.
func printList(raw []byte) error {
	head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	_, typ, _ := strings.Cut(string(head), "\r\nContent-Type: ")
	typ, _, _ = strings.Cut(typ, "\r\n")
	parts, err := multipart.Parse(typ, body)
	if err != nil {
		return err
	}
	var list struct {
		Version   uint32 `xml:"version,attr"`
		Full      bool   `xml:"fullState,attr"`
		Resources []struct {
			URI      string `xml:"uri,attr"`
			Name     string `xml:"name"`
			Instance struct {
				State string `xml:"state,attr"`
				CID   string `xml:"cid,attr"`
			} `xml:"instance"`
		} `xml:"resource"`
	}
	if err := xml.Unmarshal(parts[0].Body, &list); err != nil {
		return fmt.Errorf("the list of a NOTIFY: %w", err)
	}
	for _, r := range list.Resources {
		lamp := r.Instance.State // where it has no document
		for _, p := range parts[1:] {
			if p.ID == r.Instance.CID {
				_, state, _ := strings.Cut(string(p.Body), "<state>")
				lamp, _, _ = strings.Cut(state, "</state>")
			}
		}
		fmt.Printf("%s  lamp of %s %s: %-10s  (version %d, full %v)\n", time.Now().Format(time.TimeOnly), r.URI, r.Name, lamp, list.Version, list.Full)
	}
	return nil
}
