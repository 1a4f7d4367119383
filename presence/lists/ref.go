package lists

import (
	"fmt"
	"strings"

	"lamplight/presence"
)

// ID identifies what the list is to the phones that watch it, in the place of an
// agent's: the same for the same list after every restart.
func (r Ref) ID() presence.AgentID {
	return presence.AgentID{ID: presence.DeriveID(r.Domain.ID, "list:"+r.String())}
}

// String is the reference as it is stored; ParseRef reads it.
func (r Ref) String() string {
	switch {
	case r.Team != "":
		return r.Domain.String() + "/team/" + r.Team
	case r.Owner.IsZero():
		return r.Domain.String() + "/list/" + r.Name
	}
	return r.Domain.String() + "/" + r.Owner.String() + "/" + r.Name
}

// ParseRef reads what String wrote.
func ParseRef(s string) (Ref, error) {
	dom, rest, _ := strings.Cut(s, "/")
	kind, name, _ := strings.Cut(rest, "/")
	id, err := presence.ParseID(dom)
	if err != nil || name == "" {
		return Ref{}, fmt.Errorf("%w: reference %q", ErrInvalid, s)
	}
	r := Ref{Domain: presence.DomainID{ID: id}}
	switch kind {
	case "team":
		r.Team = name
		return r, nil
	case "list":
	default:
		if id, err = presence.ParseID(kind); err != nil {
			return Ref{}, fmt.Errorf("%w: reference %q", ErrInvalid, s)
		}
		r.Owner = presence.AgentID{ID: id}
	}
	r.Name = name
	return r, nil
}

// Brought reports whether the reference is to no list kept here, but to one that
// who asks brought along.
func (r Ref) Brought() bool { return r.Team == "" && r.Name == "" }
