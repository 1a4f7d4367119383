package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"math"
	"strings"

	"lamplight/store"
)

// Log implements store.Store.
func (s *Store) Log(ctx context.Context, q store.LogQuery) ([]store.Entry, error) {
	var found []store.Entry
	err := s.readers.use(ctx, func(r *reader) error {
		st, err := r.c.c.Prepare(logSQL(q))
		if err != nil {
			return err
		}
		defer st.Close()
		return logArgs(asStmt(st), q).each(ctx, func(row []driver.Value) error {
			found = append(found, entry(row))
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read change log: %w", err)
	}
	return found, nil
}

// logSQL is the query with only the conditions that are asked for, so that
// SQLite picks the narrowest index: each of them is in the order of seq.
func logSQL(q store.LogQuery) string {
	var b strings.Builder
	b.WriteString(`SELECT seq, domain, time, node, actor, cause, kind, entity, before, after FROM log WHERE seq > ?`)
	if q.Before > 0 {
		b.WriteString(" AND seq < ?")
	}
	if !q.Until.IsZero() {
		b.WriteString(" AND time <= ?")
	}
	for _, c := range []struct{ column, value string }{{"entity", q.Entity}, {"kind", q.Kind}, {"domain", q.Domain}} {
		if c.value != "" {
			b.WriteString(" AND " + c.column + " = ?")
		}
	}
	b.WriteString(" ORDER BY seq")
	if q.Newest {
		b.WriteString(" DESC")
	}
	b.WriteString(" LIMIT ?")
	return b.String()
}

func logArgs(st *stmt, q store.LogQuery) *stmt {
	st.bind().number(min(q.After, math.MaxInt64))
	if q.Before > 0 {
		st.number(min(q.Before, math.MaxInt64))
	}
	if !q.Until.IsZero() {
		st.instant(q.Until)
	}
	for _, v := range []string{q.Entity, q.Kind, q.Domain} {
		if v != "" {
			st.text(v)
		}
	}
	if q.Limit <= 0 {
		q.Limit = store.DefaultLogLimit
	}
	return st.integer(int64(q.Limit))
}

func entry(row []driver.Value) store.Entry {
	return store.Entry{
		Seq:    asNumber(row[0]),
		Domain: asText(row[1]),
		Time:   fromNanos(row[2]),
		Node:   asText(row[3]),
		Actor:  asText(row[4]),
		Cause:  asText(row[5]),
		Kind:   asText(row[6]),
		Entity: asText(row[7]),
		Before: asBlob(row[8]),
		After:  asBlob(row[9]),
	}
}
