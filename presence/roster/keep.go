package roster

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"

	"lamplight/presence"
	"lamplight/store"
)

// spaceState has one record for every agent something is to be remembered of.
const spaceState = "agent-state"

const stateCodec = 1

// kept is what outlives a restart.
type kept struct {
	selected presence.Selection
	options  *presence.Settings // nil: those of the directory
	base     uint64
	wrapUp   *presence.WrapUp
	team     presence.View
	own      presence.View
	webphone bool // a usable webphone, grace included
}

// want is what is to be kept of the agent now. Until the time to resume is over
// the views of before the restart are.
func (a *actor) want() kept {
	s := a.snap.Load()
	k := kept{
		selected: a.facts.Selected, options: a.options, base: a.base, wrapUp: a.facts.WrapUp,
		team: s.Team, own: s.Own, webphone: a.hasWebphone(),
	}
	if a.hold != nil {
		k.team, k.own, k.webphone = a.hold.team, a.hold.own, a.hold.webphone
	}
	return k
}

func (a *actor) hasWebphone() bool {
	for i := range a.facts.Sessions {
		if a.facts.Sessions[i].Usable() {
			return true
		}
	}
	return false
}

func (k *kept) same(o *kept) bool {
	return k.options == o.options && k.base == o.base && k.webphone == o.webphone &&
		sameSelection(k.selected, o.selected) && sameWrapUp(k.wrapUp, o.wrapUp) &&
		sameView(k.team, o.team) && sameView(k.own, o.own)
}

func sameSelection(a, b presence.Selection) bool {
	return a.Status == b.Status && a.At.Equal(b.At) && a.Cause == b.Cause && a.Actor == b.Actor && a.Reason == b.Reason
}

func sameWrapUp(a, b *presence.WrapUp) bool {
	return a == b || a != nil && b != nil && a.Call == b.Call && a.Since.Equal(b.Since) && a.Until.Equal(b.Until)
}

// stored is kept on disk.
type stored struct {
	Selected jsonSelection      `json:"selected"`
	Options  *presence.Settings `json:"options,omitempty"`
	Base     uint64             `json:"base,omitempty"`
	WrapUp   *presence.WrapUp   `json:"wrap_up,omitempty"`
	Team     presence.View      `json:"team"`
	Own      presence.View      `json:"own"`
	Webphone bool               `json:"webphone,omitempty"`
}

type jsonSelection struct {
	Status presence.Selectable `json:"status"`
	At     time.Time           `json:"at,omitzero"`
	Cause  presence.Cause      `json:"cause,omitempty"`
	Actor  string              `json:"actor,omitempty"`
	Reason string              `json:"reason,omitempty"`
}

func storedSelection(s presence.Selection) jsonSelection { return jsonSelection(s) }

func (k *kept) record(a *actor) store.Record {
	return store.Record{Key: a.stateKey(), Codec: stateCodec, Data: encode(stored{
		Selected: jsonSelection(k.selected), Options: k.options, Base: k.base, WrapUp: k.wrapUp,
		Team: k.team, Own: k.own, Webphone: k.webphone,
	})}
}

// stateKey names the agent's record, and so the domain and agent of its log
// entries. The texts are made once.
func (a *actor) stateKey() store.Key {
	if a.key == nil {
		k := stateKey(a.domain, a.id)
		a.key = &k
	}
	return *a.key
}

func stateKey(dom presence.DomainID, id presence.AgentID) store.Key {
	return store.Key{Domain: dom.String(), Space: spaceState, Key: id.String()}
}

func readState(r store.Record) (*kept, error) {
	if r.Codec != stateCodec {
		return nil, fmt.Errorf("encoding %d is not known to this version", r.Codec)
	}
	var v stored
	if err := json.Unmarshal(r.Data, &v); err != nil {
		return nil, err
	}
	return &kept{
		selected: presence.Selection(v.Selected), options: v.Options, base: v.Base, wrapUp: v.WrapUp,
		team: v.Team, own: v.Own, webphone: v.Webphone,
	}, nil
}

// settingsSum tells whether the directory's settings are still those an agent's
// own were made over.
func settingsSum(s *presence.Settings) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(encode(s))
	return h.Sum64()
}

// encode cannot fail for the plain values it is given.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil || string(b) == "null" {
		return nil
	}
	return b
}
