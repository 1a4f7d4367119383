package directory

import (
	"bytes"
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
	for space, decode := range map[string]decoder{
		spaceDomain: d.decodeDomain, spaceAgent: d.decodeAgent, spaceDevice: d.decodeDevice,
	} {
		if err := l.read(ctx, space, decode); err != nil {
			return fmt.Errorf("directory: reading the space %s: %w", space, err)
		}
	}
	return l.tidy(ctx)
}

// decoder reads a record, on any goroutine, and returns what puts it into the
// indexes, on one.
type decoder func(data []byte) (install func(), err error)

func (d *Directory) decodeDomain(data []byte) (func(), error) {
	v := new(presence.Domain)
	err := json.Unmarshal(data, v)
	return func() { d.ix.putDomain(v) }, err
}

func (d *Directory) decodeAgent(data []byte) (func(), error) {
	v := new(presence.Agent)
	err := json.Unmarshal(data, v)
	return func() { d.ix.putAgent(v) }, err
}

func (d *Directory) decodeDevice(data []byte) (func(), error) {
	var r deviceRecord
	err := json.Unmarshal(data, &r)
	v := r.device()
	return func() { d.ix.putDevice(v) }, err
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
type chunk struct {
	keys    []string
	data    [][]byte
	install []func()
	err     error
}

// read goes through a space: one goroutine scans and sorts out unfinished edits,
// one for each processor decodes, one fills the indexes.
func (l *loader) read(ctx context.Context, space string, decode decoder) error {
	workers := runtime.GOMAXPROCS(0)
	raw, ready := make(chan *chunk, workers), make(chan *chunk, workers)
	var decoding, installing sync.WaitGroup
	for range workers {
		decoding.Go(func() {
			for c := range raw {
				c.decode(decode)
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
			for _, install := range c.install {
				install()
			}
		}
	})
	next := new(chunk)
	err := l.d.store.Scan(ctx, space, func(r store.Record) error {
		data, ok, err := l.value(r)
		if err != nil {
			return fmt.Errorf("%s: %w", r.Key.Key, err)
		}
		if !ok {
			return nil
		}
		next.keys, next.data = append(next.keys, r.Key.Key), append(next.data, bytes.Clone(data))
		if len(next.data) == readChunk {
			raw <- next
			next = new(chunk)
		}
		return nil
	})
	raw <- next
	close(raw)
	decoding.Wait()
	close(ready)
	installing.Wait()
	if err != nil {
		return err
	}
	return bad
}

func (c *chunk) decode(decode decoder) {
	c.install = make([]func(), len(c.data))
	for i, data := range c.data {
		if c.install[i], c.err = decode(data); c.err != nil {
			c.err = fmt.Errorf("%s: %w", c.keys[i], c.err)
			return
		}
	}
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
	edit, before, after, err := readPending(r.Data)
	if err != nil {
		return nil, false, err
	}
	if _, done := l.complete[edit]; done && len(after) > 0 {
		l.complete[edit]++
		return after, true, nil
	} else if done || len(before) == 0 {
		l.fixes = append(l.fixes, store.Delete(r.Key))
		return nil, false, nil
	}
	l.fixes = append(l.fixes, store.Put(store.Record{Key: r.Key, Codec: codecPlain, Data: bytes.Clone(before)}))
	return before, true, nil
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
