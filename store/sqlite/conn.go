package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"

	sqlite3 "github.com/mattn/go-sqlite3"
)

// conn is one connection, used by one goroutine at a time. It is the driver's
// own: between the pool of database/sql and one writer there is nothing to share,
// and a row costs half as much without it.
type conn struct {
	c     *sqlite3.SQLiteConn
	stmts []*stmt
}

// openConn opens the file with the URI's mode: rwc, rw or ro.
func openConn(path, mode string, pragmas ...string) (*conn, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?mode=" + mode + "&_busy_timeout=2000"
	d, err := (&sqlite3.SQLiteDriver{}).Open(dsn)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	c := &conn{c: d.(*sqlite3.SQLiteConn)}
	for _, p := range pragmas {
		if err := c.exec("PRAGMA " + p); err != nil {
			return nil, errors.Join(fmt.Errorf("open %s: set %s: %w", path, p, err), c.close())
		}
	}
	return c, nil
}

// exec runs statements that are needed once.
func (c *conn) exec(text string) error {
	_, err := c.c.ExecContext(context.Background(), text, nil)
	return err
}

// rollback ends a transaction that an error may have ended already.
func (c *conn) rollback() error {
	if c.c.AutoCommit() {
		return nil
	}
	return c.exec("ROLLBACK")
}

// value is the one value a query answers.
func (c *conn) value(text string) (v driver.Value, err error) {
	d, err := c.c.Prepare(text)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", text, err)
	}
	err = asStmt(d).each(context.Background(), func(row []driver.Value) error {
		v = row[0]
		return nil
	})
	return v, errors.Join(err, d.Close())
}

// number is the one integer a query answers.
func (c *conn) number(text string) (int64, error) {
	v, err := c.value(text)
	n, _ := v.(int64)
	return n, err
}

// prepare makes a statement that lives as long as the connection.
func (c *conn) prepare(text string) (*stmt, error) {
	d, err := c.c.Prepare(text)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", text, err)
	}
	st := asStmt(d)
	c.stmts = append(c.stmts, st)
	return st, nil
}

func (c *conn) close() error {
	var err error
	for _, st := range c.stmts {
		err = errors.Join(err, st.s.Close())
	}
	return errors.Join(err, c.c.Close())
}

// asStmt is a statement of the driver that its user closes.
func asStmt(d driver.Stmt) *stmt { return &stmt{s: d.(*sqlite3.SQLiteStmt)} }

// stmt is a prepared statement with room for its arguments and one row.
type stmt struct {
	s    *sqlite3.SQLiteStmt
	args []driver.NamedValue
	row  []driver.Value
}

// bind begins a new set of arguments.
func (st *stmt) bind() *stmt {
	st.args = st.args[:0]
	return st
}

func (st *stmt) add(v driver.Value) *stmt {
	st.args = append(st.args, driver.NamedValue{Ordinal: len(st.args) + 1, Value: v})
	return st
}

func (st *stmt) text(v string) *stmt       { return st.add(v) }
func (st *stmt) integer(v int64) *stmt     { return st.add(v) }
func (st *stmt) number(v uint64) *stmt     { return st.add(int64(v)) }
func (st *stmt) instant(v time.Time) *stmt { return st.add(toNanos(v)) }

// blob binds nil as NULL, so that it is read back as nil.
func (st *stmt) blob(v []byte) *stmt { return st.add(v) }

// run executes a statement that answers no rows. The driver's query path hands
// all arguments to SQLite in one crossing from Go to C, its exec path needs one
// for each.
func (st *stmt) run() error {
	rows, err := st.s.QueryContext(context.Background(), st.args)
	if err != nil {
		return err
	}
	return rows.Close()
}

// changed is run, and whether any row was changed.
func (st *stmt) changed() (bool, error) {
	n, err := st.count()
	return n > 0, err
}

// count is run, and how many rows were changed.
func (st *stmt) count() (int64, error) {
	res, err := st.s.ExecContext(context.Background(), st.args)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// errEnough ends each early without an error.
var errEnough = errors.New("enough")

// each calls f with every row; the slice is good until f returns, the values in
// it for ever.
func (st *stmt) each(ctx context.Context, f func(row []driver.Value) error) (err error) {
	rows, err := st.s.QueryContext(ctx, st.args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	if st.row == nil {
		st.row = make([]driver.Value, len(rows.Columns()))
	}
	for {
		switch err := rows.Next(st.row); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := f(st.row); errors.Is(err, errEnough) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// toNanos is a time as the database has it. What cannot be told in nanoseconds
// is never (0) if it lies after the year 2262, and has passed if before 1678.
func toNanos(t time.Time) int64 {
	switch {
	case t.IsZero(), t.Year() > 2261:
		return 0
	case t.Year() < 1678, t.UnixNano() == 0:
		return 1
	}
	return t.UnixNano()
}

func fromNanos(v driver.Value) time.Time {
	n, _ := v.(int64)
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

func asText(v driver.Value) string {
	s, _ := v.(string)
	return s
}

func asNumber(v driver.Value) uint64 {
	n, _ := v.(int64)
	return uint64(n)
}

func asBlob(v driver.Value) []byte {
	b, _ := v.([]byte)
	return b
}
