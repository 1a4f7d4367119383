package feature

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"

	"lamplight/sip/events/xmldoc"
)

// Bounds on what a phone may send.
const (
	maxBytes = 16 << 10
	maxDepth = 16
	maxText  = 256 // bytes of one element
)

// Errors of Parse, matched by errors.Is. ErrTooLarge is answered 413, the
// others 400.
var (
	ErrTooLarge  = xmldoc.ErrTooLarge
	ErrMalformed = xmldoc.ErrMalformed
)

// Set is what a phone wants to be so. One field is set at the most: none for a
// document that is not known here, which changes nothing.
type Set struct {
	DND        *bool
	Forwarding *Forwarding
	Agent      *Agent
}

// Parse reads one document. Names are compared without regard to case and
// namespace. A document type definition, a depth beyond 16 and more than 16 KB
// are refused.
func Parse(body []byte) (Set, error) {
	r := reader{leaves: make(map[string]string, 8)}
	if err := xmldoc.Walk(body, xmldoc.Limits{Bytes: maxBytes, Depth: maxDepth, Latin: true}, r.token); err != nil {
		return Set{}, fmt.Errorf("as-feature-event: %w", err)
	}
	return r.set()
}

// reader notes the root and the text of each kind of element below it.
type reader struct {
	root   string
	leaves map[string]string // by lower-case local name
	depth  int
	text   []byte
}

// known are the elements that are read; all others are skipped.
var known = [...]string{"donotdisturbon", "forwardingtype", "activateforward", "forwarddn", "ringcount", //nolint:gochecknoglobals // never changed
	"requestedagentstate", "agentnotreadyreasonvalue"}

func (r *reader) token(tok xml.Token) error {
	switch t := tok.(type) {
	case xml.StartElement:
		switch {
		case r.depth == 0 && r.root != "":
			return fmt.Errorf("%w: two root elements", ErrMalformed)
		case r.depth == 0:
			r.root = strings.ToLower(t.Name.Local)
		}
		r.depth++
		r.text = r.text[:0]
	case xml.EndElement:
		r.depth--
		name := strings.ToLower(t.Name.Local)
		for _, k := range known {
			if k == name {
				r.leaves[k] = strings.TrimSpace(string(r.text))
			}
		}
		r.text = r.text[:0]
	case xml.CharData:
		if len(r.text)+len(t) > maxText && len(bytes.TrimSpace(t)) > 0 {
			return fmt.Errorf("%w: more than %d bytes in one element", ErrTooLarge, maxText)
		}
		r.text = append(r.text, t...)
	}
	return nil
}

// set is what the document wants.
func (r *reader) set() (Set, error) {
	switch r.root {
	case "":
		return Set{}, fmt.Errorf("%w: no element", ErrMalformed)
	case "setdonotdisturb":
		on, err := r.boolean("donotdisturbon")
		return Set{DND: &on}, err
	case "setforwarding":
		return r.forwarding()
	case "setagentstate":
		return r.agent()
	}
	return Set{}, nil
}

func (r *reader) forwarding() (Set, error) {
	f := Forwarding{To: r.leaves["forwarddn"]}
	switch strings.ToLower(r.leaves["forwardingtype"]) {
	case "forwardimmediate":
		f.Kind = Immediate
	case "forwardnoans":
		f.Kind = NoAnswer
	case "forwardbusy":
		f.Kind = Busy
	default:
		return Set{}, fmt.Errorf("%w: forwardingType %q", ErrMalformed, r.leaves["forwardingtype"])
	}
	var err error
	if f.On, err = r.boolean("activateforward"); err != nil {
		return Set{}, err
	}
	if n := r.leaves["ringcount"]; n != "" {
		v, err := strconv.ParseUint(n, 10, 8)
		if err != nil {
			return Set{}, fmt.Errorf("%w: ringCount %q", ErrMalformed, n)
		}
		f.Rings = int(v)
	}
	return Set{Forwarding: &f}, nil
}

func (r *reader) agent() (Set, error) {
	a := Agent{Reason: r.leaves["agentnotreadyreasonvalue"]}
	asked := r.leaves["requestedagentstate"]
	for _, s := range [...]State{LoggedOn, LoggedOff, Ready, NotReady, WorkingAfterCall} {
		if strings.EqualFold(asked, string(s)) {
			a.State = s
			return Set{Agent: &a}, nil
		}
	}
	return Set{}, fmt.Errorf("%w: requestedAgentState %q", ErrMalformed, asked)
}

// boolean reads XML's two notations.
func (r *reader) boolean(name string) (bool, error) {
	switch v := strings.ToLower(r.leaves[name]); v {
	case "true", "1":
		return true, nil
	case "false", "0":
		return false, nil
	default:
		return false, fmt.Errorf("%w: %s %q", ErrMalformed, name, v)
	}
}
