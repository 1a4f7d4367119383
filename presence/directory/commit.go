package directory

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"lamplight/presence"
	"lamplight/store"
)

// The spaces of the directory. A device's credentials and assignments are kept
// in its record, because they live and change with it and a row is what a
// commit pays for.
const (
	spaceDomain = "domain"
	spaceAgent  = "agent"
	spaceGroup  = "group"
	spaceDevice = "device"
	// spaceEdit has a record for every large edit that was completed.
	spaceEdit = "directory-edit"
)

const (
	batchRecords = 1000 // records a batch
	batchAhead   = 4    // batches on their way to the store at one time
	// logEach is the largest edit of which every entity gets a log entry.
	logEach = 100
)

// A pending record is the name of the edit, the value that is valid until the
// edit is complete with its encoding, and the one that is valid from then on. An
// encoding of 0 is no value.
func pendingRecord(edit string, before, after value) []byte {
	w := make(writer, 0, len(edit)+len(before.data)+len(after.data)+8)
	w.text(edit)
	w.number(uint64(before.codec))
	w.number(uint64(len(before.data)))
	w = append(w, before.data...)
	w.number(uint64(after.codec))
	return append(w, after.data...)
}

// readPending takes it apart; the values share data.
func readPending(data []byte) (edit string, before, after value, err error) {
	left, torn := data, false
	number := func() uint64 {
		n, size := binary.Uvarint(left)
		if size <= 0 {
			torn, left = true, nil
			return 0
		}
		left = left[size:]
		return n
	}
	part := func() []byte {
		n := number()
		if n > uint64(len(left)) {
			torn, left = true, nil
			return nil
		}
		b := left[:n:n]
		left = left[n:]
		return b
	}
	edit = string(part())
	before.codec = uint16(number())
	before.data = part()
	after.codec = uint16(number())
	if torn {
		return "", value{}, value{}, errors.New("torn record of an unfinished edit")
	}
	after.data = left
	return edit, before, after, nil
}

// value is an encoded entity; the zero value is none.
type value struct {
	codec uint16
	data  []byte
}

func (v value) record(k store.Key) store.Record {
	return store.Record{Key: k, Codec: v.codec, Data: v.data}
}

// encodeValue is v as it is stored; nil gives no value.
func encodeValue(v any) (value, error) {
	switch v := v.(type) {
	case *presence.Agent:
		data, err := appendAgent(make([]byte, 0, 160), v)
		return value{codecCompact, data}, err
	case *device:
		return value{codecCompact, appendDevice(make([]byte, 0, 256), v)}, nil
	case nil:
		return value{}, nil
	}
	data, err := json.Marshal(v)
	return value{codecJSON, data}, err
}

// change is one record to be written: its key, and old and new value, nil if
// there is none.
type change struct {
	key           store.Key
	before, after any
}

// each calls f with every record the plan changes, in order. Values are not nil
// interfaces of nil pointers: an absent one is nil.
func (d *Directory) each(p *plan, f func(change) error) error {
	for _, id := range p.domainOrder {
		c := change{key: store.Key{Domain: id.String(), Space: spaceDomain, Key: id.String()}, after: p.domains[id]}
		if old := d.ix.domains[id]; old != nil {
			c.before = old
		}
		if err := f(c); err != nil {
			return err
		}
	}
	for _, id := range p.deviceOrder {
		c := change{key: store.Key{Space: spaceDevice, Key: id.String()}}
		if old := d.ix.devices[id]; old != nil {
			c.before, c.key.Domain = old, old.Domain.String()
		}
		if v := p.devices[id]; v != nil {
			c.after, c.key.Domain = v, v.Domain.String()
		}
		if err := f(c); err != nil {
			return err
		}
	}
	for _, id := range p.agentOrder {
		c := change{key: store.Key{Space: spaceAgent, Key: id.String()}}
		if old := d.ix.agents[id]; old != nil {
			c.before, c.key.Domain = old, old.Domain.String()
		}
		if v := p.agents[id]; v != nil {
			c.after, c.key.Domain = v, v.Domain.String()
		}
		if err := f(c); err != nil {
			return err
		}
	}
	return d.eachGroup(p, f)
}

// commit writes the plan. The caller holds d.edit.
func (d *Directory) commit(ctx context.Context, p *plan) error {
	if p.len() <= batchRecords {
		return d.commitSmall(ctx, p)
	}
	w := &editWriter{ctx: ctx, store: d.store, name: presence.NewID().String()}
	err := d.each(p, w.write)
	if err == nil {
		err = w.finish(d.summary(p))
	}
	if err != nil {
		w.undo()
	}
	return err
}

func (d *Directory) commitSmall(ctx context.Context, p *plan) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var b store.Batch
	each := p.edit.entities() < logEach
	err := d.each(p, func(c change) error {
		if c.after == nil {
			b.Writes = append(b.Writes, store.Delete(c.key))
		} else {
			v, err := encodeValue(c.after)
			if err != nil {
				return err
			}
			b.Writes = append(b.Writes, store.Put(v.record(c.key)))
		}
		if each {
			b.Log = append(b.Log, logEntry(&p.edit, c))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !each {
		b.Log = []store.Entry{d.summary(p)}
	}
	// Once queued the batch commits whatever becomes of ctx, and readers must
	// then see it: so the wait is not cut short.
	return d.store.Commit(context.WithoutCancel(ctx), b)
}

// summary is the one log entry of a large edit.
func (d *Directory) summary(p *plan) store.Entry {
	e := &p.edit
	after, _ := json.Marshal(map[string]int{ //nolint:errchkjson // a map of numbers
		"domains": len(e.Domains), "agents": len(e.Agents), "groups": len(e.Groups), "devices": len(e.Devices),
		"credentials": len(e.Credentials), "assignments": len(e.Assignments),
		"deleted_agents": len(e.DeleteAgents), "deleted_groups": len(e.DeleteGroups), "deleted_devices": len(e.DeleteDevices),
		"deleted_credentials": len(e.DeleteCredentials),
	})
	entry := store.Entry{
		Time: time.Now().UTC(), Actor: e.Actor, Cause: e.Cause, Kind: "config",
		Entity: "edit of " + strconv.Itoa(p.len()) + " records", After: after,
	}
	if dom := p.soleDomain(); !dom.IsZero() {
		entry.Domain = dom.String()
	}
	return entry
}

// soleDomain is the domain all of the edit belongs to, or zero.
func (p *plan) soleDomain() presence.DomainID {
	var dom presence.DomainID
	for i := range p.edit.Agents {
		if id := p.edit.Agents[i].Domain; dom.IsZero() {
			dom = id
		} else if dom != id {
			return presence.DomainID{}
		}
	}
	return dom
}

// editWriter writes an edit of many batches.
type editWriter struct {
	ctx    context.Context //nolint:containedctx // lives for one call of commit
	store  store.Store
	name   string
	batch  store.Batch
	undone []undone     // what puts everything back, in order of writing
	flying []chan error // answers of submitted batches, oldest first
}

// undone is a record's value before the edit.
type undone struct {
	key    store.Key
	before value
}

func (w *editWriter) write(c change) error {
	before, err := encodeValue(c.before)
	if err != nil {
		return err
	}
	after, err := encodeValue(c.after)
	if err != nil {
		return err
	}
	w.batch.Writes = append(w.batch.Writes,
		store.Put(store.Record{Key: c.key, Codec: codecPending, Data: pendingRecord(w.name, before, after)}))
	w.undone = append(w.undone, undone{c.key, before})
	if len(w.batch.Writes) < batchRecords {
		return nil
	}
	return w.flush()
}

// flush sends the batch off and waits while too many are on their way.
func (w *editWriter) flush() error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if len(w.flying) == batchAhead {
		if err := w.wait(); err != nil {
			return err
		}
	}
	answer := make(chan error, 1)
	w.flying = append(w.flying, answer)
	w.store.Submit(w.batch, func(err error) { answer <- err })
	w.batch = store.Batch{Writes: make([]store.Write, 0, batchRecords)}
	return nil
}

func (w *editWriter) wait() error {
	err := <-w.flying[0]
	w.flying = w.flying[1:]
	return err
}

// finish says that the edit is complete, once all of it is durable.
func (w *editWriter) finish(log store.Entry) error {
	if len(w.batch.Writes) > 0 {
		if err := w.flush(); err != nil {
			return err
		}
	}
	for len(w.flying) > 0 {
		if err := w.wait(); err != nil {
			return err
		}
	}
	complete := store.Record{Key: store.Key{Space: spaceEdit, Key: w.name}, Codec: codecJSON, Data: []byte("{}")}
	b := store.Batch{Writes: []store.Write{store.Put(complete)}, Log: []store.Entry{log}}
	if err := w.store.Commit(context.WithoutCancel(w.ctx), b); err != nil {
		return fmt.Errorf("completing: %w", err)
	}
	return nil
}

// undo puts back what was written of an edit that failed. It only tidies: what
// it cannot undo means nothing without the record that completes the edit, and
// is cleared away by the next Open.
func (w *editWriter) undo() {
	for len(w.flying) > 0 {
		_ = w.wait()
	}
	for len(w.undone) > 0 {
		n := min(len(w.undone), batchRecords)
		var b store.Batch
		for _, u := range w.undone[:n] {
			if u.before.codec == 0 {
				b.Writes = append(b.Writes, store.Delete(u.key))
			} else {
				b.Writes = append(b.Writes, store.Put(u.before.record(u.key)))
			}
		}
		if err := w.store.Commit(context.Background(), b); err != nil {
			return
		}
		w.undone = w.undone[n:]
	}
}
