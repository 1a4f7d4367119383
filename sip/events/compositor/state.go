package compositor

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/sip/events/dialoginfo"
)

// state is everything published about one presentity. It is changed by copy: a
// change that does not commit is dropped.
type state struct {
	pubs map[uint64]*publication
	// ended are the dialogs that ended lately, oldest first. They are not stored:
	// what comes late comes within seconds.
	ended []ended
	// touched are the publications that lost a dialog to another one by the
	// present change: their rows are written with it.
	touched []uint64
}

// publication is one peer's document, named by the first half of its entity tag.
type publication struct {
	ID       uint64 `json:"id"`
	Change   uint32 `json:"change"` // second half of the entity tag: grows with each
	Peer     string `json:"peer"`
	Observer bool   `json:"observer,omitempty"`
	// Version is of the newest document taken.
	Version uint32    `json:"version"`
	Expires time.Time `json:"expires"`
	// Legs are those of the dialogs this publication owns.
	Legs map[key]presence.Leg `json:"-"`
}

// key names a dialog of one peer. Some PBXs give every call of an extension the
// same id, some every dialog of a call the same Call-ID.
type key struct{ id, callID string }

// ended remembers a dialog that is over.
type ended struct {
	key
	peer                string
	observer            bool
	localTag, remoteTag string
	until               time.Time
}

// maxEnded bounds the memory per presentity.
const maxEnded = 32

func (st *state) clone() *state {
	next := &state{pubs: make(map[uint64]*publication, len(st.pubs)+1), ended: slices.Clone(st.ended)}
	for id, p := range st.pubs {
		c := *p
		c.Legs = maps.Clone(p.Legs)
		next.pubs[id] = &c
	}
	return next
}

// told is one document and who tells it.
type told struct {
	doc      *dialoginfo.Document
	kind     presence.CallKind // "" if nothing was said of it
	now      time.Time
	remember time.Duration
}

// take merges a document into the publication and returns what changes for the
// roster. A document older than the newest one taken changes nothing (RFC 4235
// §4.1); an equal version does, because some peers never count.
func (st *state) take(p *publication, in told) (ops []roster.Op) {
	if in.doc.Version < p.Version {
		return nil
	}
	p.Version = in.doc.Version
	named := make(map[key]bool, len(in.doc.Dialogs))
	for i := range in.doc.Dialogs {
		d := &in.doc.Dialogs[i]
		k := key{d.ID, d.CallID}
		named[k] = true
		if d.State == dialoginfo.Terminated {
			ops = append(ops, st.end(p, d, in)...)
			continue
		}
		if st.late(p, d, in.now) || st.yields(p, d) {
			continue
		}
		ops = append(ops, st.own(p, k)...)
		prior, known := p.Legs[k]
		leg := legOf(p, d, &prior, known, in)
		p.Legs[k] = leg
		ops = append(ops, roster.PutLeg{Leg: leg})
	}
	if in.doc.Partial {
		return ops
	}
	for _, k := range sortedKeys(p.Legs) {
		if !named[k] {
			leg := p.Legs[k]
			st.bury(p, k, leg.LocalTag, leg.RemoteTag, in)
			delete(p.Legs, k)
			ops = append(ops, roster.EndLeg{ID: leg.ID})
		}
	}
	return ops
}

// end ends a dialog that was told to be terminated, known or not, whichever
// publication of the peer it was in.
func (st *state) end(p *publication, d *dialoginfo.Dialog, in told) (ops []roster.Op) {
	k := key{d.ID, d.CallID}
	st.bury(p, k, d.LocalTag, d.RemoteTag, in)
	for _, other := range st.pubs {
		for dk, leg := range other.Legs {
			same := other.Peer == p.Peer && dk == k
			overruled := other.Observer && !p.Observer && d.CallID != "" && dk.callID == d.CallID
			if same || overruled {
				st.lose(other, p, dk)
				ops = append(ops, roster.EndLeg{ID: leg.ID})
			}
		}
	}
	return ops
}

// own takes a dialog from every other publication that told of it: the same
// peer's, and an observer's that tells of the same call.
func (st *state) own(p *publication, k key) (ops []roster.Op) {
	for _, other := range st.pubs {
		if other == p {
			continue
		}
		for dk, leg := range other.Legs {
			switch {
			case other.Peer == p.Peer && dk == k:
				st.lose(other, p, dk)
				p.Legs[k] = leg // the same leg goes on
			case other.Observer && !p.Observer && k.callID != "" && dk.callID == k.callID:
				st.lose(other, p, dk)
				ops = append(ops, roster.EndLeg{ID: leg.ID})
			}
		}
	}
	return ops
}

// lose takes a dialog from a publication by a change of another.
func (st *state) lose(other, p *publication, k key) {
	delete(other.Legs, k)
	if other != p && !slices.Contains(st.touched, other.ID) {
		st.touched = append(st.touched, other.ID)
	}
}

// yields reports whether an observer tells of a call that an authoritative peer
// tells of too.
func (st *state) yields(p *publication, d *dialoginfo.Dialog) bool {
	if !p.Observer || d.CallID == "" {
		return false
	}
	for _, other := range st.pubs {
		if other.Observer {
			continue
		}
		for dk := range other.Legs {
			if dk.callID == d.CallID {
				return true
			}
		}
	}
	return false
}

// bury remembers an ended dialog. Without a Call-ID there is nothing to tell the
// next call from this one by, so such a dialog is not remembered.
func (st *state) bury(p *publication, k key, localTag, remoteTag string, in told) {
	if k.callID == "" {
		return
	}
	st.ended = slices.DeleteFunc(st.ended, func(e ended) bool { return !in.now.Before(e.until) })
	if len(st.ended) >= maxEnded {
		st.ended = slices.Delete(st.ended, 0, 1)
	}
	st.ended = append(st.ended, ended{key: k, peer: p.Peer, observer: p.Observer, localTag: localTag, remoteTag: remoteTag, until: in.now.Add(in.remember)})
}

// late reports whether a dialog has ended already: by the same peer's word, or
// for an observer by an authoritative peer's.
func (st *state) late(p *publication, d *dialoginfo.Dialog, now time.Time) bool {
	for _, e := range st.ended {
		if d.CallID == "" || e.callID != d.CallID || !now.Before(e.until) {
			continue
		}
		if e.peer == p.Peer && e.id == d.ID && compatible(e.localTag, d.LocalTag) && compatible(e.remoteTag, d.RemoteTag) {
			return true
		}
		if p.Observer && !e.observer {
			return true
		}
	}
	return false
}

// compatible: an early dialog may lack a tag that the ended one had. Two
// different ones are two dialogs of one call, such as a second attempt.
func compatible(a, b string) bool { return a == "" || b == "" || a == b }

// drop takes a publication out and ends its legs.
func (st *state) drop(p *publication) (ops []roster.Op) {
	for _, k := range sortedKeys(p.Legs) {
		ops = append(ops, roster.EndLeg{ID: p.Legs[k].ID})
	}
	delete(st.pubs, p.ID)
	return ops
}

// renew gives the legs of a refreshed publication its new end.
func (p *publication) renew() (ops []roster.Op) {
	for _, k := range sortedKeys(p.Legs) {
		leg := p.Legs[k]
		leg.Expires = p.Expires
		p.Legs[k] = leg
		ops = append(ops, roster.PutLeg{Leg: leg})
	}
	return ops
}

func sortedKeys(m map[key]presence.Leg) []key {
	return slices.SortedFunc(maps.Keys(m), func(a, b key) int {
		if a.id != b.id {
			if a.id < b.id {
				return -1
			}
			return 1
		}
		if a.callID < b.callID {
			return -1
		}
		return 1
	})
}

// legOf maps a dialog to the leg of the entity (RFC 4235 §3.7.1).
func legOf(p *publication, d *dialoginfo.Dialog, prior *presence.Leg, known bool, in told) presence.Leg {
	leg := presence.Leg{
		ID: legID(p.Peer, d), Call: d.CallID, Source: "publish:" + p.Peer,
		Direction: presence.Inbound, Kind: in.kind, State: stateOf(d),
		CallID: d.CallID, LocalTag: d.LocalTag, RemoteTag: d.RemoteTag,
		Remote: d.Remote, RemoteName: d.RemoteDisplay,
		Since:   in.now.Add(-time.Duration(d.Duration) * time.Second),
		Expires: p.Expires,
	}
	if d.Initiator {
		leg.Direction = presence.Outbound
	}
	if leg.Call == "" {
		leg.Call = leg.ID
	}
	leg.Talked = leg.State == presence.LegTalking || leg.State == presence.LegHeld
	if known {
		leg.Since = prior.Since
		leg.Talked = leg.Talked || prior.Talked
		if leg.Kind == "" {
			leg.Kind = prior.Kind
		}
		if !d.HasDirection {
			leg.Direction = prior.Direction
		}
		if leg.Remote == "" {
			leg.Remote, leg.RemoteName = prior.Remote, prior.RemoteName
		}
	}
	if leg.Kind == "" {
		leg.Kind = presence.CallRegular
	}
	if leg.State == presence.LegRinging && leg.Direction == presence.Outbound {
		leg.State = presence.LegDialling
	}
	return leg
}

// stateOf: what is not answered yet rings, or dials if the direction says so.
func stateOf(d *dialoginfo.Dialog) presence.LegState {
	switch {
	case d.State != dialoginfo.Confirmed:
		return presence.LegRinging
	case d.Held:
		return presence.LegHeld
	}
	return presence.LegTalking
}

// legID is the same for a dialog on every node and after every restart.
func legID(peer string, d *dialoginfo.Dialog) string {
	h := fnv.New64a()
	for _, s := range []string{peer, d.ID, d.CallID} {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return fmt.Sprintf("pub-%016x", h.Sum64())
}
