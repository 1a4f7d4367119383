package directory

import (
	"context"
	"encoding/json"
	"fmt"
	"runtime"
	"sync"

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
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := read(ctx, l, spaceDomain, decodeDomain, d.ix.putDomain); err != nil {
		return err
	}
	if err := read(ctx, l, spaceAgent, decodeAgent, d.ix.putAgent); err != nil {
		return err
	}
	if err := read(ctx, l, spaceDevice, decodeDevice, d.ix.putDevice); err != nil {
		return err
	}
	if err := read(ctx, l, spaceGroup, decodeGroup, d.ix.putGroup); err != nil {
		return err
	}
	return l.tidy(ctx)
}

// decoder reads a value. It is called on any goroutine, with a scanner of that
// goroutine's own.
type decoder[T any] func(r *scanner, v value) (*T, error)

func decodeDomain(_ *scanner, v value) (*presence.Domain, error) {
	if v.codec != codecJSON {
		return nil, errUnknown(v.codec)
	}
	d := new(presence.Domain)
	return d, json.Unmarshal(v.data, d)
}

func decodeAgent(r *scanner, v value) (*presence.Agent, error) {
	if v.codec != codecCompact {
		return nil, errUnknown(v.codec)
	}
	return r.reset(v.data).agent()
}

func decodeDevice(r *scanner, v value) (*device, error) {
	if v.codec != codecCompact {
		return nil, errUnknown(v.codec)
	}
	return r.reset(v.data).device()
}

func errUnknown(codec uint16) error {
	return fmt.Errorf("encoding %d is not known to this version", codec)
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

// readChunk is how many records a goroutine decodes at a time.
const readChunk = 256

// chunk is a piece of a space on its way to the indexes.
type chunk[T any] struct {
	keys     []string
	values   []value
	entities []*T
	err      error
}

// read goes through a space: one goroutine scans and sorts out unfinished edits,
// one for each processor decodes, one fills the indexes.
func read[T any](ctx context.Context, l *loader, space string, decode decoder[T], install func(*T)) error {
	workers := runtime.GOMAXPROCS(0)
	raw, ready := make(chan *chunk[T], workers), make(chan *chunk[T], workers)
	var decoding, installing sync.WaitGroup
	for range workers {
		decoding.Go(func() {
			r := &scanner{names: map[string]string{}}
			for c := range raw {
				c.decode(r, decode)
				ready <- c
			}
		})
	}
	var bad error
	installing.Go(func() {
		for c := range ready {
			if c.err != nil {
				bad = c.err
				continue
			}
			for _, v := range c.entities {
				install(v)
			}
		}
	})
	next := new(chunk[T])
	err := l.d.store.Scan(ctx, space, func(r store.Record) error {
		v, err := l.value(r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.Key.Key, err)
		}
		if v.codec == 0 {
			return nil
		}
		next.keys, next.values = append(next.keys, r.Key.Key), append(next.values, v)
		if len(next.values) == readChunk {
			raw <- next
			next = new(chunk[T])
		}
		return nil
	})
	raw <- next
	close(raw)
	decoding.Wait()
	close(ready)
	installing.Wait()
	if err == nil {
		err = bad
	}
	if err != nil {
		return fmt.Errorf("directory: reading the space %s: %w", space, err)
	}
	return nil
}

func (c *chunk[T]) decode(r *scanner, decode decoder[T]) {
	c.entities = make([]*T, len(c.values))
	for i, v := range c.values {
		if c.entities[i], c.err = decode(r, v); c.err != nil {
			c.err = fmt.Errorf("%s: %w", c.keys[i], c.err)
			return
		}
	}
}

// value is the valid value of a record, none if it is deleted.
func (l *loader) value(r store.Record) (value, error) {
	if r.Codec != codecPending {
		return value{r.Codec, r.Data}, nil
	}
	edit, before, after, err := readPending(r.Data)
	if err != nil {
		return value{}, err
	}
	if _, done := l.complete[edit]; done && after.codec != 0 {
		l.complete[edit]++
		return after, nil
	} else if done || before.codec == 0 {
		l.fixes = append(l.fixes, store.Delete(r.Key))
		return value{}, nil
	}
	l.fixes = append(l.fixes, store.Put(before.record(r.Key)))
	return before, nil
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
