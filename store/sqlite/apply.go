package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"

	"lamplight/store"
)

// purgeRows is how many records, or log entries, one look for old ones reads.
const purgeRows = 512

// prepare makes the writer's statements.
func (w *writer) prepare() error {
	for _, p := range []struct {
		st   **stmt
		text string
	}{
		{&w.begin, `BEGIN IMMEDIATE`},
		{&w.commit, `COMMIT`},
		{&w.put, `INSERT INTO record (space, domain, key, rev, expires, codec, owner, data)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (space, domain, key) DO UPDATE SET rev = excluded.rev, expires = excluded.expires,
				codec = excluded.codec, owner = excluded.owner, data = excluded.data`},
		{&w.del, `DELETE FROM record WHERE space = ? AND domain = ? AND key = ?`},
		{&w.revision, `SELECT rev FROM record WHERE space = ? AND domain = ? AND key = ?`},
		{&w.entry, `INSERT INTO log (seq, domain, time, node, actor, cause, kind, entity, before, after)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`},
		{&w.count, `UPDATE counter SET rev = ?, seq = ?`},
		{&w.expired, `SELECT space, domain, key, expires FROM record
			WHERE (space, domain, key) > (?, ?, ?) ORDER BY space, domain, key LIMIT ?`},
		{&w.old, `SELECT 1 WHERE EXISTS (SELECT 1 FROM (SELECT time FROM log ORDER BY seq LIMIT ?) WHERE time < ?)`},
		{&w.trim, `DELETE FROM log WHERE seq IN (SELECT seq FROM log ORDER BY seq LIMIT ?) AND time < ?`},
	} {
		var err error
		if *p.st, err = w.c.prepare(p.text); err != nil {
			return err
		}
	}
	return nil
}

// check answers ErrConflict if a condition does not hold.
func (w *writer) check(ws []store.Write) error {
	for i := range ws {
		wr := &ws[i]
		if wr.If == store.Any {
			continue
		}
		var rev uint64
		err := w.revision.bind().text(wr.Space).text(wr.Domain).text(wr.Key.Key).
			each(context.Background(), func(row []driver.Value) error {
				rev = asNumber(row[0])
				return nil
			})
		if err != nil {
			return err
		}
		if rev != wr.If {
			return fmt.Errorf("%w: %s/%s/%s is at revision %d, not %d", store.ErrConflict,
				wr.Domain, wr.Space, wr.Key.Key, rev, wr.If)
		}
	}
	return nil
}

// apply writes a batch whose conditions hold.
func (w *writer) apply(b store.Batch) error {
	for i := range b.Writes {
		if err := w.write(&b.Writes[i]); err != nil {
			return err
		}
	}
	for i := range b.Log {
		e := &b.Log[i]
		if e.Time.IsZero() {
			e.Time = time.Now()
		}
		w.seq++
		err := w.entry.bind().number(w.seq).text(e.Domain).instant(e.Time).text(e.Node).text(e.Actor).
			text(e.Cause).text(e.Kind).text(e.Entity).blob(e.Before).blob(e.After).run()
		if err != nil {
			return err
		}
	}
	return nil
}

// write puts or deletes one record and notes the change.
func (w *writer) write(wr *store.Write) error {
	if wr.Delete {
		was, err := w.del.bind().text(wr.Space).text(wr.Domain).text(wr.Key.Key).changed()
		if err == nil && was {
			w.rev++
			w.changes = append(w.changes, store.Change{Record: store.Record{Key: wr.Key, Rev: w.rev}, Deleted: true})
		}
		return err
	}
	w.rev++
	expires := toNanos(wr.Expires)
	err := w.put.bind().text(wr.Space).text(wr.Domain).text(wr.Key.Key).number(w.rev).integer(expires).
		integer(int64(wr.Codec)).text(wr.Owner).blob(wr.Data).run()
	if err != nil {
		return err
	}
	r := wr.Record
	r.Rev, r.Expires = w.rev, fromNanos(expires)
	w.changes = append(w.changes, store.Change{Record: r})
	return nil
}

// tidy looks for a slice of what need not be kept any longer.
func (w *writer) tidy() {
	w.purgeSlice()
	w.trimSlice()
}

// trimSlice removes those of the oldest log entries that are older than the log
// is kept.
func (w *writer) trimSlice() {
	before, found := time.Now().Add(-w.s.o.KeepLog), false
	err := w.old.bind().integer(purgeRows).instant(before).each(context.Background(), func([]driver.Value) error {
		found = true
		return nil
	})
	if err == nil && !found {
		return
	}
	var n int64
	_, err = w.transact(func() (bool, error) {
		if err != nil {
			return false, fmt.Errorf("look for old log entries: %w", err)
		}
		n, err = w.trim.bind().integer(purgeRows).instant(before).count()
		return n > 0, err
	})
	if w.finish(true, err) == nil {
		w.s.metrics.trimmed.Add(float64(n))
	}
}

// purgeSlice looks at the next few records, in the order of their keys and round
// again from the first, and removes those that have expired.
func (w *writer) purgeSlice() {
	var dead []store.Key
	now, seen := time.Now().UnixNano(), 0
	cur := w.cursor
	err := w.expired.bind().text(cur.Space).text(cur.Domain).text(cur.Key).integer(purgeRows).
		each(context.Background(), func(row []driver.Value) error {
			seen++
			w.cursor = store.Key{Space: asText(row[0]), Domain: asText(row[1]), Key: asText(row[2])}
			if exp, _ := row[3].(int64); exp != 0 && exp <= now {
				dead = append(dead, w.cursor)
			}
			return nil
		})
	if seen < purgeRows {
		w.cursor = store.Key{}
	}
	if err == nil && len(dead) == 0 {
		return
	}
	_, err = w.transact(func() (bool, error) {
		if err != nil {
			return false, fmt.Errorf("look for expired records: %w", err)
		}
		for _, k := range dead {
			if err := w.del.bind().text(k.Space).text(k.Domain).text(k.Key).run(); err != nil {
				return false, err
			}
		}
		return true, nil
	})
	if w.finish(true, err) == nil {
		w.s.metrics.purged.Add(float64(len(dead)))
	}
}
