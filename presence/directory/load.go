package directory

import (
	"context"
	"encoding/json"
	"fmt"

	"lamplight/presence"
	"lamplight/store"
)

// load fills the indexes from the store.
func (d *Directory) load(ctx context.Context) error {
	l := &loader{d: d, complete: map[string]int{}}
	err := d.store.Scan(ctx, spaceEdit, func(r store.Record) error {
		l.complete[r.Key.Key] = 0
		return nil
	})
	if err != nil {
		return fmt.Errorf("directory: reading completed edits: %w", err)
	}
	read := func(space string, put func([]byte) error) {
		if err != nil {
			return
		}
		err = d.store.Scan(ctx, space, func(r store.Record) error {
			data, ok, err := l.value(r)
			if err == nil && ok {
				err = put(data)
			}
			if err != nil {
				return fmt.Errorf("directory: %s %s: %w", space, r.Key.Key, err)
			}
			return nil
		})
	}
	d.mu.Lock()
	read(spaceDomain, func(data []byte) error {
		v := new(presence.Domain)
		if err := json.Unmarshal(data, v); err != nil {
			return err
		}
		d.ix.putDomain(v)
		return nil
	})
	read(spaceAgent, func(data []byte) error {
		v := new(presence.Agent)
		if err := json.Unmarshal(data, v); err != nil {
			return err
		}
		d.ix.putAgent(v)
		return nil
	})
	read(spaceDevice, func(data []byte) error {
		var v deviceRecord
		if err := json.Unmarshal(data, &v); err != nil {
			return err
		}
		d.ix.putDevice(v.device())
		return nil
	})
	d.mu.Unlock()
	if err != nil {
		return err
	}
	return l.tidy(ctx)
}

// loader tells the records of completed edits from those of edits that were cut
// short.
type loader struct {
	d *Directory
	// complete counts, for each completed edit, the records that need its
	// completion on record.
	complete map[string]int
	fixes    []store.Write // undo what was cut short, and finish deletions
}

// value is the valid JSON of a record; ok is false if it is deleted.
func (l *loader) value(r store.Record) (data []byte, ok bool, err error) {
	switch r.Codec {
	case codecPlain:
		return r.Data, true, nil
	case codecPending:
	default:
		return nil, false, fmt.Errorf("encoding %d is not known to this version", r.Codec)
	}
	var p pending
	if err := json.Unmarshal(r.Data, &p); err != nil {
		return nil, false, err
	}
	if _, done := l.complete[p.Edit]; done && p.New != nil {
		l.complete[p.Edit]++
		return p.New, true, nil
	} else if done || p.Old == nil {
		l.fixes = append(l.fixes, store.Delete(r.Key))
		return nil, false, nil
	}
	l.fixes = append(l.fixes, store.Put(store.Record{Key: r.Key, Codec: codecPlain, Data: p.Old}))
	return p.Old, true, nil
}

// tidy writes the fixes, and only then forgets completed edits that no record
// needs any more: a deletion must not lose its edit's completion before it is
// carried out.
func (l *loader) tidy(ctx context.Context) error {
	for len(l.fixes) > 0 {
		n := min(len(l.fixes), batchRecords)
		if err := l.d.store.Commit(ctx, store.Batch{Writes: l.fixes[:n]}); err != nil {
			return fmt.Errorf("directory: clearing away an unfinished edit: %w", err)
		}
		l.fixes = l.fixes[n:]
	}
	var b store.Batch
	for name, needed := range l.complete {
		if needed == 0 {
			b.Writes = append(b.Writes, store.Delete(store.Key{Space: spaceEdit, Key: name}))
		}
	}
	if len(b.Writes) == 0 {
		return nil
	}
	if err := l.d.store.Commit(ctx, b); err != nil {
		return fmt.Errorf("directory: forgetting finished edits: %w", err)
	}
	return nil
}
