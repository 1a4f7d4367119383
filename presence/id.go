package presence

import (
	"fmt"

	"github.com/google/uuid"
)

// ID is a UUIDv7 (RFC 9562 §5.7): it sorts by the time it was made and never
// changes, whatever happens to the names and numbers of what it identifies.
type ID [16]byte

// NewID makes a fresh ID.
func NewID() ID { return ID(uuid.Must(uuid.NewV7())) }

// ParseID reads the canonical text form.
func ParseID(s string) (ID, error) {
	u, err := uuid.Parse(s)
	if err != nil {
		return ID{}, fmt.Errorf("presence: id %q: %w", s, err)
	}
	return ID(u), nil
}

// DeriveID makes the ID that belongs to name within space: the same name gives
// the same ID on every node and after every restart (RFC 9562 §5.8).
func DeriveID(space ID, name string) ID { return ID(uuid.NewSHA1(uuid.UUID(space), []byte(name))) }

// String is the canonical text form (RFC 9562 §4).
func (id ID) String() string { return uuid.UUID(id).String() }

// IsZero reports whether nothing was ever assigned.
func (id ID) IsZero() bool { return id == ID{} }

// MarshalText writes the canonical text form.
func (id ID) MarshalText() ([]byte, error) { return uuid.UUID(id).MarshalText() }

// UnmarshalText reads the canonical text form.
func (id *ID) UnmarshalText(b []byte) error {
	v, err := ParseID(string(b))
	*id = v
	return err
}

// The kinds of ID are types of their own, so that one is never taken for
// another.
type (
	// DomainID identifies a tenant.
	DomainID struct{ ID }
	// AgentID identifies an agent, or a bare address of record (see Bare).
	AgentID struct{ ID }
	// DeviceID identifies a webphone, desk phone, softphone, mobile or number.
	DeviceID struct{ ID }
)

// BareAgentID is the identity of an address of record that is no agent's: a
// parking slot or a queue known from publications only.
func BareAgentID(d DomainID, aor string) AgentID { return AgentID{DeriveID(d.ID, "aor:"+aor)} }
