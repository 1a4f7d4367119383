package registrar

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/sip/message"
	"lamplight/sip/transport"
	"lamplight/store"
)

// udp is the one transport whose bindings do not end with a flow.
const udp = "UDP"

// space is where rows are kept, codec the version of their encoding.
const (
	space = "binding"
	codec = 1
)

// Binding is one contact of an address of record.
type Binding struct {
	ID     string            `json:"id"`
	Domain presence.DomainID `json:"domain"`
	Agent  presence.AgentID  `json:"agent"`
	Device presence.DeviceID `json:"device"`
	AOR    string            `json:"aor"` // user@canonical-domain
	// Said is the address the device goes by, where that is not AOR: its own, or
	// one of an agent that had it before.
	Said string `json:"said,omitempty"`

	// Contact is the URI as registered, Head the Contact value without expires.
	Contact  string `json:"contact"`
	Head     string `json:"head"`
	Instance string `json:"instance,omitempty"` // +sip.instance (RFC 5626 §4.1)
	RegID    string `json:"reg_id,omitempty"`
	Q        int    `json:"q"` // thousandths
	Push     bool   `json:"push,omitempty"`
	// Path leads to the contact, first hop first (RFC 3327).
	Path []string `json:"path,omitempty"`

	CallID    string `json:"call_id"`
	CSeq      uint32 `json:"cseq"`
	UserAgent string `json:"user_agent,omitempty"`

	// Transport and Source are where the REGISTER came from: behind a NAT the
	// one place that reaches the device, whatever the contact says.
	Transport string         `json:"transport"`
	Source    netip.AddrPort `json:"source"`

	Since time.Time     `json:"since"` // first registered
	Grant time.Duration `json:"grant"` // the last period granted
	// Bound is when it was bound to the way it has now, in ms since 1970.
	Bound int64 `json:"bound,omitempty"`
	// Event is what last changed it, of those of package reg; refreshes that write
	// nothing are left out. Empty: EventRegistered.
	Event string `json:"event,omitempty"`
	// Expires is the end the device was told, Stored the one in the row.
	Expires time.Time `json:"-"`
	Stored  time.Time `json:"-"`

	// Restored after a restart, until the device is heard. Dead when it did not
	// answer OPTIONS, or its flow is gone and only push reaches it.
	Restored bool `json:"-"`
	Dead     bool `json:"-"`

	flow   *transport.Flow // nil for a restored one
	raw    rawRequest      // what the last REGISTER said, to know it again
	end    time.Time       // Expires and grace
	gone   bool            // replaced or dropped; under the shard's lock
	missed uint8           // unanswered OPTIONS in a row; under the shard's lock
	nudged bool            // asked by push to refresh; under the shard's lock
	trip   uint32          // smoothed round trip, µs; under the shard's lock
}

// rawRequest are the parts of a REGISTER that decide what it binds, as sent. A
// REGISTER with the same is a refresh, known without reading it.
type rawRequest struct {
	contact, expires, path, userAgent string
	under                             *Limits // what it was granted by
}

// uri is Contact, read: seldom needed, and too large to keep.
func (b *Binding) uri() message.URI {
	u, _ := message.ParseURI(b.Contact) // was read when it was bound
	return u
}

// Received is the URI of the place the REGISTER came from: where requests to the
// device are sent, with Contact as their Request-URI.
func (b *Binding) Received() string {
	return "sip:" + b.Source.String() + ";transport=" + strings.ToLower(b.Transport)
}

// FlowOnly reports whether nobody but us reaches the device: a WebSocket, a name
// that cannot be looked up, or a stream from an address that is not the
// contact's.
func (b *Binding) FlowOnly() bool {
	uri := b.uri()
	switch {
	case b.Transport == "WS" || b.Transport == "WSS" || strings.HasSuffix(strings.ToLower(uri.Host), ".invalid"):
		return true
	case b.Transport == udp:
		return false
	}
	host, err := netip.ParseAddr(uri.Host)
	return err == nil && host.Unmap() != b.Source.Addr().Unmap()
}

// RoundTrip is how long the device takes to answer OPTIONS, smoothed; zero if it
// was not asked yet.
func (b *Binding) RoundTrip() time.Duration { return time.Duration(b.trip) * time.Microsecond }

// registration is the fact for the roster. It ends with the row, not with what
// the device was told: the registrar ends it sooner, and a refresh need not
// tell.
func (b *Binding) registration(kind presence.DeviceKind) presence.Registration {
	return presence.Registration{
		ID: b.ID, Device: b.Device, Kind: kind, Contact: b.Bare(), Q: b.Q,
		Transport: b.Transport, Source: b.Source.String(), UserAgent: b.UserAgent,
		Alive: !b.Dead, Restored: b.Restored, FlowOnly: b.FlowOnly(), Push: b.Push, Expires: b.Stored,
	}
}

func (b *Binding) key() store.Key {
	return store.Key{Domain: b.Domain.String(), Space: space, Key: b.ID}
}

// row is the record of the binding. One over a stream lives with this node.
func (b *Binding) row(node string) (store.Write, error) {
	data, err := json.Marshal(b)
	if err != nil {
		return store.Write{}, fmt.Errorf("registrar: encode binding %s: %w", b.ID, err)
	}
	owner := node
	if b.Transport == udp {
		owner = ""
	}
	return store.Put(store.Record{Key: b.key(), Owner: owner, Expires: b.Stored, Codec: codec, Data: data}), nil
}

// decode reads a row back; what it holds besides data comes from the record.
func decode(rec store.Record) (*Binding, error) {
	if rec.Codec != codec {
		return nil, fmt.Errorf("registrar: binding %s has encoding %d, known is %d", rec.Key.Key, rec.Codec, codec)
	}
	b := &Binding{}
	if err := json.Unmarshal(rec.Data, b); err != nil {
		return nil, fmt.Errorf("registrar: decode binding %s: %w", rec.Key.Key, err)
	}
	if _, err := message.ParseURI(b.Contact); err != nil {
		return nil, fmt.Errorf("registrar: binding %s: %w", rec.Key.Key, err)
	}
	b.Stored = rec.Expires
	return b, nil
}

// left is the rest of the period the device was told, to the nearest second.
func (b *Binding) left(now time.Time) int {
	return int((b.Expires.Sub(now) + time.Second/2) / time.Second)
}
