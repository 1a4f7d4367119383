package compositor

import (
	"encoding/json"
	"fmt"
	"strconv"

	"lamplight/presence"
	"lamplight/store"
)

const (
	// space is the kind of record a publication is stored as.
	space = "publication"
	// codec is the version of the encoding below.
	codec = 1
)

// row is a publication as stored.
type row struct {
	publication
	Agent presence.AgentID `json:"agent"`
	AOR   string           `json:"aor,omitempty"` // of an address without agent
	List  []rowLeg         `json:"legs,omitempty"`
}

// rowLeg is one dialog of it.
type rowLeg struct {
	ID     string       `json:"id"`
	CallID string       `json:"call_id,omitempty"`
	Leg    presence.Leg `json:"leg"`
}

func (p *publication) key(d presence.DomainID) store.Key {
	return store.Key{Domain: d.String(), Space: space, Key: fmt.Sprintf("%016x", p.ID)}
}

// put is the write that stores p.
func (c *Compositor) put(of *presentity, p *publication) (store.Write, error) {
	r := row{publication: *p, Agent: of.agent, AOR: of.aor}
	for _, k := range sortedKeys(p.Legs) {
		r.List = append(r.List, rowLeg{k.id, k.callID, p.Legs[k]})
	}
	data, err := json.Marshal(&r)
	if err != nil {
		return store.Write{}, fmt.Errorf("compositor: encode publication: %w", err)
	}
	return store.Put(store.Record{Key: p.key(of.domain), Owner: c.node, Expires: p.Expires, Codec: codec, Data: data}), nil
}

// read is put's inverse.
func read(rec store.Record) (*row, presence.DomainID, error) {
	var r row
	id, err := presence.ParseID(rec.Domain)
	if err == nil && rec.Codec != codec {
		err = fmt.Errorf("codec %d", rec.Codec)
	}
	if err == nil {
		err = json.Unmarshal(rec.Data, &r)
	}
	if n, perr := strconv.ParseUint(rec.Key.Key, 16, 64); err == nil && (perr != nil || n != r.ID) {
		err = fmt.Errorf("key of publication %016x", r.ID)
	}
	if err != nil {
		return nil, presence.DomainID{}, fmt.Errorf("compositor: publication %q: %w", rec.Key.Key, err)
	}
	r.Legs = make(map[key]presence.Leg, len(r.List))
	for _, l := range r.List {
		r.Legs[key{l.ID, l.CallID}] = l.Leg
	}
	return &r, presence.DomainID{ID: id}, nil
}
