package mailbox

import (
	"encoding/json"
	"fmt"

	"lamplight/presence"
	"lamplight/store"
)

const (
	// space is the kind of record a mailbox is stored as.
	space = "mailbox"
	// codec is the version of the encoding below.
	codec = 1
)

// row is a mailbox as stored.
type row struct {
	AOR     string          `json:"aor,omitempty"` // of an address without agent
	Pubs    []publication   `json:"publications,omitempty"`
	Told    map[string]told `json:"told,omitempty"` // by class
	Plain   *told           `json:"plain,omitempty"`
	Account string          `json:"account,omitempty"`
}

func (b *box) key() store.Key {
	return store.Key{Domain: b.domain.String(), Space: space, Key: b.agent.String()}
}

// write is what stores the mailbox in this state.
func (b *box) write(st *state) (store.Write, error) {
	if st.empty() {
		return store.Delete(b.key()), nil
	}
	r := row{AOR: b.aor, Plain: st.plain, Account: st.account, Told: make(map[string]told, len(st.told))}
	for _, p := range st.pubs {
		r.Pubs = append(r.Pubs, p)
	}
	for c, t := range st.told {
		r.Told[c.String()] = t
	}
	data, err := json.Marshal(&r)
	if err != nil {
		return store.Write{}, fmt.Errorf("mailbox: encode: %w", err)
	}
	return store.Put(store.Record{Key: b.key(), Codec: codec, Data: data}), nil
}

// read is write's inverse.
func read(rec store.Record) (*box, *state, error) {
	var r row
	dom, err := presence.ParseID(rec.Domain)
	agent, err2 := presence.ParseID(rec.Key.Key)
	switch {
	case err != nil:
	case err2 != nil:
		err = err2
	case rec.Codec != codec:
		err = fmt.Errorf("codec %d", rec.Codec)
	default:
		err = json.Unmarshal(rec.Data, &r)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("mailbox: record %q: %w", rec.Key.Key, err)
	}
	st := newState()
	st.plain, st.account = r.Plain, r.Account
	for _, p := range r.Pubs {
		st.pubs[p.ID] = p
	}
	for name, t := range r.Told {
		c, ok := ParseClass(name)
		if !ok {
			return nil, nil, fmt.Errorf("mailbox: record %q: class %q", rec.Key.Key, name)
		}
		st.told[c] = t
	}
	return &box{domain: presence.DomainID{ID: dom}, agent: presence.AgentID{ID: agent}, aor: r.AOR}, st, nil
}

func newState() *state {
	return &state{pubs: make(map[uint64]publication), told: make(map[Class]told)}
}
