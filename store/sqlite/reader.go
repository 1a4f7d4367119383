package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"lamplight/store"
)

// One page of a Scan: at most so many records, and no more than one that begins
// beyond so many bytes.
const (
	pageRows  = 512
	pageBytes = 4 << 20
)

// readers is a bounded pool of reading connections, opened when first needed.
type readers struct {
	path, mode string
	free       chan *reader // holds every reader not in use, nil if not open
	closed     chan struct{}
}

// reader is a connection with the statements of Get and Scan.
type reader struct {
	c                *conn
	get, first, next *stmt
}

func newReaders(path, mode string, n int) *readers {
	rs := &readers{path: path, mode: mode, free: make(chan *reader, n), closed: make(chan struct{})}
	for range n {
		rs.free <- nil
	}
	return rs
}

// use runs f with a reader of its own. A reader that met an error is not used
// again.
func (rs *readers) use(ctx context.Context, f func(*reader) error) error {
	select {
	case <-rs.closed:
		return store.ErrClosed
	default:
	}
	var r *reader
	select {
	case r = <-rs.free:
	case <-rs.closed:
		return store.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	var err error
	if r == nil {
		r, err = rs.open()
	}
	if err == nil {
		err = f(r)
	}
	if err != nil && r != nil {
		err = errors.Join(err, r.c.close())
		r = nil
	}
	rs.free <- r
	return err
}

func (rs *readers) open() (*reader, error) {
	c, err := openConn(rs.path, rs.mode, "query_only = ON", "cache_size = -8192")
	if err != nil {
		return nil, err
	}
	return &reader{c: c}, nil
}

// close waits for the readers in use and closes all.
func (rs *readers) close() error {
	close(rs.closed)
	var err error
	for range cap(rs.free) {
		if r := <-rs.free; r != nil {
			err = errors.Join(err, r.c.close())
		}
	}
	return err
}

const (
	columns   = `domain, key, owner, rev, expires, codec, data`
	getOne    = `SELECT ` + columns + ` FROM record WHERE space = ? AND domain = ? AND key = ?`
	pageHead  = `SELECT ` + columns + ` FROM record WHERE space = ?`
	pageTail  = ` AND (expires = 0 OR expires > ?) ORDER BY domain, key LIMIT ?`
	firstPage = pageHead + pageTail
	nextPage  = pageHead + ` AND (domain, key) > (?, ?)` + pageTail
)

// prepared makes the statement on first use.
func (r *reader) prepared(st **stmt, text string) (err error) {
	if *st == nil {
		*st, err = r.c.prepare(text)
	}
	return err
}

func record(space string, row []driver.Value) store.Record {
	return store.Record{
		Key:     store.Key{Space: space, Domain: asText(row[0]), Key: asText(row[1])},
		Owner:   asText(row[2]),
		Rev:     asNumber(row[3]),
		Expires: fromNanos(row[4]),
		Codec:   uint16(asNumber(row[5])),
		Data:    asBlob(row[6]),
	}
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, k store.Key) (rec store.Record, err error) {
	found := false
	err = s.readers.use(ctx, func(r *reader) error {
		if err := r.prepared(&r.get, getOne); err != nil {
			return err
		}
		return r.get.bind().text(k.Space).text(k.Domain).text(k.Key).each(ctx, func(row []driver.Value) error {
			rec, found = record(k.Space, row), true
			return nil
		})
	})
	if err == nil && !found {
		err = store.ErrNotFound
	}
	if err != nil {
		return store.Record{}, fmt.Errorf("read %s/%s/%s: %w", k.Domain, k.Space, k.Key, err)
	}
	return rec, nil
}

// Scan implements store.Store.
func (s *Store) Scan(ctx context.Context, space string, f func(store.Record) error) error {
	var page []store.Record
	var last *store.Key
	for {
		var more bool
		err := s.readers.use(ctx, func(r *reader) (err error) {
			page, more, err = r.page(ctx, space, last, page[:0])
			return err
		})
		if err != nil {
			return fmt.Errorf("scan %s: %w", space, err)
		}
		for i := range page {
			if err := f(page[i]); err != nil {
				return err
			}
		}
		if !more {
			return nil
		}
		k := page[len(page)-1].Key
		last = &k
		clear(page)
	}
}

// page reads the records after the last one, all if it is nil. more is false
// when the space has no further ones.
func (r *reader) page(ctx context.Context, space string, last *store.Key, page []store.Record) (_ []store.Record, more bool, err error) {
	if err := errors.Join(r.prepared(&r.first, firstPage), r.prepared(&r.next, nextPage)); err != nil {
		return page, false, err
	}
	st := r.first.bind().text(space)
	if last != nil {
		st = r.next.bind().text(space).text(last.Domain).text(last.Key)
	}
	size := 0
	err = st.instant(time.Now()).integer(pageRows).each(ctx, func(row []driver.Value) error {
		page = append(page, record(space, row))
		if size += len(page[len(page)-1].Data); size > pageBytes {
			more = true
			return errEnough
		}
		return nil
	})
	return page, more || len(page) == pageRows, err
}
