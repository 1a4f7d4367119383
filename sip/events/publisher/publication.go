package publisher

import (
	"time"

	"lamplight/presence"
)

// kind is an event package by number.
type kind uint8

const (
	dialogs kind = iota
	presences
	kinds
)

func (k kind) event() string {
	if k == dialogs {
		return Dialog
	}
	return Presence
}

func kindOf(event string) kind {
	if event == Dialog {
		return dialogs
	}
	return presences
}

// pubID names a publication at one upstream.
type pubID struct {
	agent presence.AgentID
	kind  kind
}

// lane is where a publication waits for its turn.
type lane uint8

const (
	nowhere    lane = iota
	urgent          // something changed
	background      // it is due, or to be told for the first time
)

// maxAhead is how far the version of a document may be ahead of the stored one:
// after a restart they go on beyond that.
const maxAhead = 1000

// maxTold bounds the ended dialogs of one document.
const maxTold = 32

// publication is what an upstream has, or is to have, of one agent and event.
// The upstream's mutex guards it.
type publication struct {
	id     pubID
	domain presence.DomainID
	entity string // what it is published as; empty: never was

	tag     string    // newest entity tag; empty: none
	until   time.Time // when the upstream lets it go unless it is refreshed
	sum     uint64    // of the document the upstream acknowledged; 0: not known
	version uint32    // of the last document
	durable uint32    // version that is stored
	// told are the dialogs the upstream may believe to be under way.
	told []presence.DialogState

	firsts uint32 // grows with each publication begun; stored
	salt   uint32 // answers since the tag is the newest; see name

	// over: the upstream was told, or may have been, that every call ended. Some
	// take no other word under that tag (Kamailio's "already terminated state"),
	// so it is removed and the next call begins anew. Of dialogs only.
	over     bool
	gone     bool // the agent is no more, or none of the upstream's: remove it
	flying   bool // a PUBLISH is on its way
	again    bool // marked meanwhile
	refresh  bool // its turn is a refresh: send also what did not change
	shaky    bool // the last PUBLISH was not answered: the tag may be an old one
	lane     lane
	filed    [background + 1]bool // it is in that queue, perhaps in vain
	failures int                  // refusals in a row
	tries    int                  // challenges answered in a row
	since    time.Time            // of the oldest change not told yet; zero: none

	due   time.Time // when to look at it again
	place int       // in the clock, -1: not there
}

// alive reports whether the upstream should still have it.
func (p *publication) alive(now time.Time) bool { return p.tag != "" && now.Before(p.until) }

// kept reports whether it is alive and to be kept so.
func (p *publication) kept(now time.Time) bool {
	return p.alive(now) && !p.gone && (p.id.kind == presences || len(p.told) > 0)
}

// lost forgets the tag: the upstream does not have it.
func (p *publication) lost() {
	if p.tag != "" {
		p.tag, p.until, p.sum, p.over, p.salt = "", time.Time{}, 0, false, 0
	}
}

// ended are the dialogs that were told and are under way no more.
func ended(told []presence.DialogState, s *presence.Snapshot) []presence.DialogState {
	var out []presence.DialogState
	for i := range told {
		if !isLive(s, told[i].ID) {
			out = append(out, told[i])
		}
	}
	return out
}

func isLive(s *presence.Snapshot, id string) bool {
	if s == nil {
		return false
	}
	for i := range s.Watch.Dialogs {
		if s.Watch.Dialogs[i].ID == id {
			return true
		}
	}
	return false
}

// tell notes the dialogs that a document on its way names as under way.
func (p *publication) tell(s *presence.Snapshot) {
	if s == nil {
		return
	}
	for i := range s.Watch.Dialogs {
		d := s.Watch.Dialogs[i]
		known := false
		for j := range p.told {
			if p.told[j].ID == d.ID {
				p.told[j], known = named(&d), true
				break
			}
		}
		if !known {
			p.told = append(p.told, named(&d))
		}
	}
	if n := len(p.told) - maxTold; n > 0 {
		p.told = p.told[n:]
	}
}

// named is what a terminated dialog is told by.
func named(d *presence.DialogState) presence.DialogState {
	return presence.DialogState{ID: d.ID, CallID: d.CallID, LocalTag: d.LocalTag, RemoteTag: d.RemoteTag, Direction: d.Direction}
}

// clock has the publications by when they are due; it is a container/heap.
type clock []*publication

func (c clock) Len() int           { return len(c) }
func (c clock) Less(i, j int) bool { return c[i].due.Before(c[j].due) }
func (c clock) Swap(i, j int) {
	c[i], c[j] = c[j], c[i]
	c[i].place, c[j].place = i, j
}

// Push is the heap's own.
func (c *clock) Push(x any) {
	p := x.(*publication)
	p.place = len(*c)
	*c = append(*c, p)
}

// Pop is the heap's own.
func (c *clock) Pop() any {
	old := *c
	p := old[len(old)-1]
	old[len(old)-1] = nil
	*c = old[:len(old)-1]
	p.place = -1
	return p
}

// fifo is a queue; what it holds is bounded by who pushes.
type fifo struct {
	items []*publication
	head  int
}

func (f *fifo) len() int { return len(f.items) - f.head }

func (f *fifo) push(p *publication) { f.items = append(f.items, p) }

func (f *fifo) pop() *publication {
	p := f.items[f.head]
	f.items[f.head] = nil
	if f.head++; f.head == len(f.items) {
		f.items, f.head = nil, 0
	} else if f.head > 1024 && f.head > len(f.items)/2 {
		f.items, f.head = append([]*publication(nil), f.items[f.head:]...), 0
	}
	return p
}
