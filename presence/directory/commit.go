package directory

import (
	"bytes"
	"context"
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
	spaceDevice = "device"
	// spaceEdit has a record for every large edit that was completed.
	spaceEdit = "directory-edit"
)

const (
	codecPlain   = 1 // the value in compact JSON
	codecPending = 2 // see pendingRecord
)

const (
	batchRecords = 1000 // records a batch
	batchAhead   = 4    // batches on their way to the store at one time
	// logEach is the largest edit of which every entity gets a log entry.
	logEach = 100
)

// A pending record is three lines: the name of the edit, the value that is valid
// until the edit is complete, and the one that is valid from then on; an empty
// line is no value. (Compact JSON has no line breaks of its own, and needs no
// second reading inside such a record.)
func pendingRecord(edit string, before, after []byte) []byte {
	b := make([]byte, 0, len(edit)+len(before)+len(after)+2)
	b = append(append(b, edit...), '\n')
	b = append(append(b, before...), '\n')
	return append(b, after...)
}

func readPending(data []byte) (edit string, before, after []byte, err error) {
	name, rest, ok := bytes.Cut(data, []byte{'\n'})
	before, after, ok2 := bytes.Cut(rest, []byte{'\n'})
	if !ok || !ok2 {
		return "", nil, nil, errors.New("torn record of an unfinished edit")
	}
	return string(name), before, after, nil
}

// deviceRecord is a device with what hangs on it.
type deviceRecord struct {
	presence.Device
	Credentials []credentialRecord `json:"credentials,omitempty"`
	Assignments []assignmentRecord `json:"assignments,omitempty"`
}

type credentialRecord struct {
	Username string            `json:"username"`
	HA1      map[string]string `json:"ha1"`
}

type assignmentRecord struct {
	Agent presence.AgentID `json:"agent"`
	From  time.Time        `json:"from"`
	To    time.Time        `json:"to,omitzero"`
}

func (v *device) record() deviceRecord {
	r := deviceRecord{Device: v.Device}
	for _, c := range v.credentials {
		r.Credentials = append(r.Credentials, credentialRecord{c.Username, c.HA1})
	}
	for _, a := range v.assignments {
		r.Assignments = append(r.Assignments, assignmentRecord{a.Agent, a.From, a.To})
	}
	return r
}

func (r *deviceRecord) device() *device {
	v := &device{Device: r.Device}
	for _, c := range r.Credentials {
		v.credentials = append(v.credentials,
			&presence.Credential{Domain: r.Domain, Device: r.ID, Username: c.Username, HA1: c.HA1})
	}
	for _, a := range r.Assignments {
		v.assignments = append(v.assignments, presence.Assignment{Device: r.ID, Agent: a.Agent, From: a.From, To: a.To})
	}
	return v
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
			c.before, c.key.Domain = old.record(), old.Domain.String()
		}
		if v := p.devices[id]; v != nil {
			c.after, c.key.Domain = v.record(), v.Domain.String()
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
	return nil
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
			data, err := json.Marshal(c.after)
			if err != nil {
				return err
			}
			b.Writes = append(b.Writes, store.Put(store.Record{Key: c.key, Codec: codecPlain, Data: data}))
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
		"domains": len(e.Domains), "agents": len(e.Agents), "devices": len(e.Devices),
		"credentials": len(e.Credentials), "assignments": len(e.Assignments),
		"deleted_agents": len(e.DeleteAgents), "deleted_devices": len(e.DeleteDevices),
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
	undone []store.Write // what puts everything back, in order of writing
	flying []chan error  // answers of submitted batches, oldest first
}

func (w *editWriter) write(c change) error {
	var before, after []byte
	var err error
	if c.before != nil {
		if before, err = json.Marshal(c.before); err != nil {
			return err
		}
	}
	if c.after != nil {
		if after, err = json.Marshal(c.after); err != nil {
			return err
		}
	}
	w.batch.Writes = append(w.batch.Writes,
		store.Put(store.Record{Key: c.key, Codec: codecPending, Data: pendingRecord(w.name, before, after)}))
	if before == nil {
		w.undone = append(w.undone, store.Delete(c.key))
	} else {
		w.undone = append(w.undone, store.Put(store.Record{Key: c.key, Codec: codecPlain, Data: before}))
	}
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
	complete := store.Record{Key: store.Key{Space: spaceEdit, Key: w.name}, Codec: codecPlain, Data: []byte("{}")}
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
		if err := w.store.Commit(context.Background(), store.Batch{Writes: w.undone[:n]}); err != nil {
			return
		}
		w.undone = w.undone[n:]
	}
}
