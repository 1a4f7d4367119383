package phonestate

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/store"
)

const (
	// space is the kind of record a publication is stored as.
	space = "presence-publication"
	// codec is the version of the encoding: JSON.
	codec = 1
)

// publication is what a phone or peer said last, named by the first half of its
// entity tag.
type publication struct {
	ID     uint64 `json:"id"`
	Change uint32 `json:"change"` // second half of the entity tag: grows with each
	// Owner is a device's id or a peer's name; Device is zero for a peer.
	Owner   string            `json:"owner"`
	Device  presence.DeviceID `json:"device,omitzero"`
	Domain  presence.DomainID `json:"domain"`
	Agent   presence.AgentID  `json:"agent"`
	Says    value             `json:"says"`
	Expires time.Time         `json:"expires"`
}

// value is what is kept of a document.
type value struct {
	Open       bool     `json:"open,omitempty"`
	Closed     bool     `json:"closed,omitempty"`
	Activities []string `json:"activities,omitempty"`
	Note       string   `json:"note,omitempty"`
}

func (p *publication) key() store.Key {
	return store.Key{Domain: p.Domain.String(), Space: space, Key: fmt.Sprintf("%016x", p.ID)}
}

// write is what stores p.
func (p *publication) write(node string) store.Write {
	data, err := json.Marshal(p)
	if err != nil { // cannot be, for plain values
		data = nil
	}
	return store.Put(store.Record{Key: p.key(), Owner: node, Expires: p.Expires, Codec: codec, Data: data})
}

func read(rec store.Record) (p publication, err error) {
	if rec.Codec != codec {
		return p, fmt.Errorf("phonestate: publication %q: encoding %d", rec.Key.Key, rec.Codec)
	}
	if err := json.Unmarshal(rec.Data, &p); err != nil {
		return p, fmt.Errorf("phonestate: publication %q: %w", rec.Key.Key, err)
	}
	if p.key() != rec.Key {
		return p, fmt.Errorf("phonestate: publication %q says it is %016x", rec.Key.Key, p.ID)
	}
	return p, nil
}

// entityTag is the value of SIP-ETag: which publication, and which of its
// changes, so that each tag is good once (RFC 3903 §6 step 6).
func (p *publication) entityTag() string { return fmt.Sprintf("%016x-%x", p.ID, p.Change) }

func parseTag(s string) (id uint64, change uint32, ok bool) {
	a, b, found := strings.Cut(strings.TrimSpace(s), "-")
	id, err := strconv.ParseUint(a, 16, 64)
	n, err2 := strconv.ParseUint(b, 16, 32)
	return id, uint32(n), found && err == nil && err2 == nil && id != 0
}
