package notifier

import (
	"lamplight/presence"
	"lamplight/presence/lists"
	"lamplight/sip/events/resourcelists"
)

// telling is what a list subscription was told of each member, and what it is to
// be told: some ten bytes a member. Its slots are those of the roll. The mutex of
// the list's presentity guards it.
type telling struct {
	ref lists.Ref // constant; see roll
	// brought are the entries of a list that the SUBSCRIBE brought (RFC 5367).
	brought []resourcelists.Entry
	fetch   bool // constant: a SUBSCRIBE that asked for the state once

	// told are hashes of the documents sent, 0 for none; see mark for marks.
	told  []uint64
	marks []mark
	todo  []uint16 // slots to be told, each once, in order
	// flying are the slots of the NOTIFY that awaits its answer; flyingFull is set
	// if it began full state.
	flying     []uint16
	flyingFull bool
	// full: the next NOTIFY begins full state; what does not fit in it follows.
	full bool
	// sweeping: the parts of full state are under way.
	sweeping bool
	turn     uint32 // of the roll
}

// mark is what is known of one member beside its document.
type mark uint8

const (
	wanted    mark = 1 << iota // it is in todo
	forbidden                  // the watcher may not watch it
	awaiting                   // it has not decided yet whether he may
	discreet                   // without who calls
)

const standings = forbidden | awaiting | discreet

// want notes that a member is to be told. A telling that has no such slot yet
// will tell of all there are.
func (t *telling) want(slot int) {
	if t == nil || slot >= len(t.marks) || t.marks[slot]&wanted != 0 {
		return
	}
	t.marks[slot] |= wanted
	t.todo = append(t.todo, uint16(slot))
}

// more reports whether members wait to be told.
func (t *telling) more() bool { return t != nil && len(t.todo) > 0 }

// restart tells everything anew: the answer to each SUBSCRIBE is full state (RFC
// 4662 §5.2), and so is what follows a change of slots.
func (t *telling) restart() {
	t.full, t.sweeping, t.flyingFull = true, true, false
	t.flying, t.todo = t.flying[:0], t.todo[:0]
	clear(t.told)
	for i := range t.marks {
		t.marks[i] &^= wanted
		t.want(i)
	}
}

// landed takes the end of the NOTIFY that was in flight: what did not arrive is
// told again, before everything else.
func (t *telling) landed(fine bool) {
	switch {
	case fine:
	case t.flyingFull:
		t.restart()
	default:
		later := append([]uint16(nil), t.todo...)
		t.todo = t.todo[:0]
		for _, slot := range t.flying {
			t.told[slot] = 0
			if t.marks[slot]&wanted == 0 {
				t.want(int(slot))
			}
		}
		t.todo = append(t.todo, later...)
	}
	t.flying = t.flying[:0]
}

// record is the extra a list subscription is stored with.
func (t *telling) record() (number uint32, value string) {
	if !t.ref.Brought() {
		return extraList, t.ref.String()
	}
	b := append([]byte(nil), t.ref.Domain.ID[:]...)
	for _, e := range t.brought {
		b = appendText(appendText(b, e.URI), e.Name)
	}
	return extraBrought, string(b)
}

// readTelling reads what record wrote.
func readTelling(number uint32, d *decoder) *telling {
	t := &telling{}
	if number == extraList {
		var err error
		t.ref, err = lists.ParseRef(string(d.b))
		d.failed = err != nil
		return t
	}
	copy(t.ref.Domain.ID[:], d.bytes(16))
	for len(d.b) > 0 && !d.failed {
		t.brought = append(t.brought, resourcelists.Entry{URI: string(d.text()), Name: string(d.text())})
	}
	return t
}

// fitLocked brings a subscription in line with the roll: new slots are wanted,
// and with a new turn everything is.
func (n *Notifier) fitLocked(s *subscription) {
	t, l := s.telling, s.pres.roll
	if t.turn != l.turn {
		t.turn = l.turn
		t.told, t.marks = make([]uint64, len(l.members)), make([]mark, len(l.members))
		n.weighLocked(s, 0)
		t.restart()
		n.recountSoon(s, 0) // it watches them from now on
		return
	}
	old := len(t.marks)
	if old == len(l.members) {
		return
	}
	t.told = append(t.told, make([]uint64, len(l.members)-old)...)
	t.marks = append(t.marks, make([]mark, len(l.members)-old)...)
	n.weighLocked(s, old)
	n.recountSoon(s, old)
	for i := old; i < len(t.marks); i++ {
		t.want(i)
	}
}

// weighLocked finds out which members the watcher may watch, from a slot on, and
// wants those for which that changed.
func (n *Notifier) weighLocked(s *subscription, from int) {
	t, l := s.telling, s.pres.roll
	w, ok := n.watcherOf(s)
	each := subscription{pkg: s.pkg}
	first := len(t.marks)
	for i := from; i < len(t.marks) && i < len(l.members); i++ {
		m := &l.members[i]
		now := forbidden
		if ok && !m.nobody {
			each.entity = m.uri
			st := n.judge(w, &each, m.agent)
			now = 0
			switch st.verdict {
			case presence.WatchDeny:
				now = forbidden
			case presence.WatchConfirm:
				now = awaiting
			}
			if st.hidden {
				now |= discreet
			}
		}
		if t.marks[i]&standings != now {
			t.marks[i] = t.marks[i]&^standings | now
			t.want(i)
			first = min(first, i)
		}
	}
	n.recountSoon(s, first)
}
