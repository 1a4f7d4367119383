package notifier

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"lamplight/presence"
	"lamplight/sip/quirks"
	"lamplight/store"
)

// space is the kind of record a subscription is stored as.
const space = "subscription"

// The versions of the encoding below. The first has no extras, and a flag where
// the second has quirks.
const (
	codecPlain = 1
	codec      = 2
)

// The extras of a record: what few subscriptions have. A number keeps its
// meaning for ever, and a reader skips those it does not know.
const (
	extraQuirks uint32 = 1 + iota
	extraLargest
	extraRates
	extraSince
	extraList    // the reference of a list
	extraBrought // the domain and the entries of a list that the SUBSCRIBE brought
)

var errRecord = errors.New("unreadable subscription record")

// record is the row of s as it stands, with the padded expiry.
func (n *Notifier) record(s *subscription) store.Record {
	b := make([]byte, 0, 128+len(s.head)+len(s.entity))
	b = append(b, s.pres.agent.ID[:]...)
	b = append(b, s.owner[:]...)
	b = append(b, s.transport, s.flags())
	b = appendText(b, n.packages[s.pkg].Name())
	b = appendText(b, n.packages[s.pkg].Types()[s.typ])
	b = appendText(b, s.entity)
	b = appendText(b, s.remote.String())
	for _, v := range []uint32{uint32(s.until), s.period, s.base, s.boot, s.remoteCSeq, uint32(s.line),
		uint32(s.callID.from), uint32(s.callID.to), uint32(s.remoteTag.from), uint32(s.remoteTag.to), uint32(s.eventID.from), uint32(s.eventID.to)} {
		b = binary.AppendUvarint(b, uint64(v))
	}
	b = s.appendExtras(b)
	b = append(b, s.head...)
	return store.Record{Key: n.key(s), Owner: n.node, Expires: s.stored.time(), Codec: codec, Data: b}
}

// key names the row. The tag is unique by itself, so no domain is needed to tell
// two apart.
func (n *Notifier) key(s *subscription) store.Key {
	return store.Key{Space: space, Key: tagText(s.tag)}
}

func (s *subscription) flags() (f byte) {
	for i, on := range []bool{false, s.bare, s.peer, s.strict, s.pending, s.hidden} { // the first is the busy lamp of old rows
		if on {
			f |= 1 << i
		}
	}
	return f
}

// appendExtras writes the extras: how many, then number and value of each.
func (s *subscription) appendExtras(b []byte) []byte {
	count := len(b)
	b = append(b, 0) // there are fewer than 128
	text := func(number uint32, value string) {
		b[count]++
		b = appendText(binary.AppendUvarint(b, uint64(number)), value)
	}
	extra := func(number uint32, value uint64) {
		if value != 0 {
			var room [binary.MaxVarintLen64]byte
			text(number, string(binary.AppendUvarint(room[:0], value)))
		}
	}
	extra(extraQuirks, uint64(s.quirks))
	extra(extraLargest, uint64(s.largest))
	extra(extraSince, uint64(s.since))
	if s.rates != nil {
		text(extraRates, s.rates.text)
	}
	if s.telling != nil {
		text(s.telling.record())
	}
	return b
}

func (s *subscription) readExtras(d *decoder) {
	for range d.number() {
		number, value := d.number(), decoder{b: d.text()}
		switch number {
		case extraQuirks:
			s.quirks = quirks.Set(value.number())
		case extraLargest:
			s.largest = uint16(value.number())
		case extraSince:
			s.since = stamp(value.number())
		case extraRates:
			s.rates = ratesFrom(string(value.b))
		case extraList, extraBrought:
			s.telling = readTelling(number, &value)
			d.failed = d.failed || value.failed
		}
		if d.failed {
			return
		}
	}
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// fromRecord reads a row. intern keeps one copy of texts that many rows share.
func (n *Notifier) fromRecord(r store.Record, intern func([]byte) string) (*subscription, presence.AgentID, error) {
	tag, ok := parseTag(r.Key.Key)
	if !ok || r.Codec != codec && r.Codec != codecPlain {
		return nil, presence.AgentID{}, fmt.Errorf("%w: key %q, codec %d", errRecord, r.Key.Key, r.Codec)
	}
	d := decoder{b: r.Data}
	s := &subscription{tag: tag, stored: stampOf(r.Expires)}
	var agent presence.AgentID
	copy(agent.ID[:], d.bytes(16))
	copy(s.owner[:], d.bytes(16))
	fixed := d.bytes(2)
	name, typ := d.text(), d.text()
	s.entity = intern(d.text())
	remote := d.text()
	var num [12]uint32
	for i := range num {
		num[i] = d.number()
	}
	if r.Codec >= codec {
		s.readExtras(&d)
	} else if fixed[1]&1 != 0 {
		s.quirks = quirks.BusyLamp
	}
	if d.failed || s.telling != nil && n.lists == nil || !n.kindOf(s, string(name), string(typ)) {
		return nil, agent, fmt.Errorf("%w: %q", errRecord, r.Key.Key)
	}
	s.transport = fixed[0]
	s.bare, s.peer, s.strict = fixed[1]&2 != 0, fixed[1]&4 != 0, fixed[1]&8 != 0
	s.pending, s.hidden = fixed[1]&16 != 0, fixed[1]&32 != 0
	s.remote, _ = netip.ParseAddrPort(string(remote))
	s.until, s.period, s.base, s.boot, s.remoteCSeq = stamp(num[0]), num[1], num[2], num[3], num[4]
	s.head = append(make([]byte, 0, len(d.b)), d.b...)
	s.line = uint16(num[5])
	s.callID, s.remoteTag, s.eventID = spanOf(num[6], num[7]), spanOf(num[8], num[9]), spanOf(num[10], num[11])
	if !s.sound() {
		return nil, agent, fmt.Errorf("%w: %q", errRecord, r.Key.Key)
	}
	return s, agent, nil
}

// kindOf sets package and type by their names: their numbers may change.
func (n *Notifier) kindOf(s *subscription, name, typ string) bool {
	for i, p := range n.packages {
		if p.Name() != name {
			continue
		}
		for j, t := range p.Types() {
			if t == typ {
				s.pkg, s.typ = uint8(i), uint8(j)
				return true
			}
		}
	}
	return false
}

// sound reports whether all parts lie within the head.
func (s *subscription) sound() bool {
	size := len(s.head)
	for _, p := range []span{s.callID, s.remoteTag, s.eventID} {
		if p.from > p.to || int(p.to) > size {
			return false
		}
	}
	return size <= maxHead && int(s.line) <= size && int(s.line) > len("NOTIFY  SIP/2.0\r\n")
}

func spanOf(from, to uint32) span { return span{uint16(from), uint16(to)} }

// decoder reads a row front to back; failed is set at the first lack.
type decoder struct {
	b      []byte
	failed bool
}

func (d *decoder) bytes(n int) []byte {
	if len(d.b) < n {
		d.failed, d.b = true, nil
		return make([]byte, min(n, 16))
	}
	out := d.b[:n]
	d.b = d.b[n:]
	return out
}

func (d *decoder) number() uint32 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 || v > 1<<32-1 {
		d.failed, d.b = true, nil
		return 0
	}
	d.b = d.b[n:]
	return uint32(v)
}

func (d *decoder) text() []byte {
	n := d.number()
	if d.failed || int(n) > len(d.b) {
		d.failed = true
		return nil
	}
	return d.bytes(int(n))
}

// putRow stores s as it stands and calls done with the outcome.
func (n *Notifier) putRow(s *subscription, done func(error)) {
	n.store.Submit(store.Batch{Writes: []store.Write{store.Put(n.record(s))}}, done)
}

// deleteRow drops the row of a subscription that ended by itself. Nobody waits
// for it: if it fails, the row's own expiry or the watcher's 481 ends it.
func (n *Notifier) deleteRow(s *subscription) {
	n.store.Submit(store.Batch{Writes: []store.Write{store.Delete(n.key(s))}}, func(err error) {
		if err != nil {
			n.log.Warn().Err(err).Str("aor", s.entity).Msg("ended subscription is still stored")
		}
	})
}

// rebaseLocked makes room for more numbers: with the present one stored as base,
// the next start of the server begins beyond everything sent until then. One
// row, each 8,192 NOTIFYs of a subscription.
func (n *Notifier) rebaseLocked(s *subscription) {
	if s.next >= lastNumber {
		n.endLocked(s, deactivate)
		n.deleteRow(s)
		return
	}
	if s.writing > 0 {
		return // its row would undo that of a refresh; the next NOTIFY asks again
	}
	s.base, s.boot, s.rebasing = s.next, n.boot, true
	base := s.base
	n.putRow(s, func(err error) {
		n.queue.Push(task{f: func() { n.rebased(s, base, err) }})
	})
}

func (n *Notifier) rebased(s *subscription, base uint32, err error) {
	s.pres.mu.Lock()
	defer s.pres.mu.Unlock()
	s.rebasing = false
	switch {
	case s.state != active:
	case err != nil:
		if s.next >= s.limit {
			n.postponeLocked(s, 5) // out of numbers until the store works again
		}
	default:
		s.limit = base + epoch
		if s.owed {
			n.markSubLocked(s)
		}
	}
}
