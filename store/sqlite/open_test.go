package sqlite_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"lamplight/store"
	"lamplight/store/sqlite"
)

// alter runs SQL on the file as an outside tool would.
func alter(t *testing.T, path, text string) {
	t.Helper()
	db, err := sql.Open("sqlite3", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		sql      string // done to a database of ours; empty: to none at all
		fresh    bool   // no database of ours before
		readOnly bool
		want     error
	}{
		"newer version":            {sql: "PRAGMA user_version = 9999", want: sqlite.ErrNewer},
		"newer version, reading":   {sql: "PRAGMA user_version = 9999", readOnly: true, want: sqlite.ErrNewer},
		"older version, reading":   {sql: "PRAGMA user_version = 0", readOnly: true, want: sqlite.ErrOlder},
		"another application":      {fresh: true, sql: "CREATE TABLE t (a); PRAGMA application_id = 7", want: sqlite.ErrForeign},
		"tables of something else": {fresh: true, sql: "CREATE TABLE t (a)", want: sqlite.ErrForeign},
		"nothing there, reading":   {fresh: true, readOnly: true, want: nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := sqlite.Options{Dir: t.TempDir()}
			if !c.fresh {
				if err := open(t, o).Close(); err != nil {
					t.Fatal(err)
				}
			}
			if c.sql != "" {
				alter(t, filepath.Join(o.Dir, sqlite.FileName), c.sql)
			}
			o.ReadOnly = c.readOnly
			s, err := sqlite.Open(t.Context(), o)
			if err == nil {
				_ = s.Close()
			}
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Fatalf("open: %v, want %v", err, c.want)
			}
		})
	}
}

func TestOpenRubbish(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := sqlite.Open(t.Context(), sqlite.Options{Path: path}); err == nil {
		_ = s.Close()
		t.Fatal("opened rubbish")
	} else if !strings.Contains(err.Error(), path) {
		t.Fatalf("error does not name the file: %v", err)
	}
}

func TestOptionsValidate(t *testing.T) {
	for name, o := range map[string]sqlite.Options{
		"no place":       {},
		"two places":     {Dir: "a", Path: "b"},
		"negative queue": {Dir: "a", QueueLimit: -1},
	} {
		if o.Validate() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestOddPath has every character that means something in a URI.
func TestOddPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a?b=c&d #%41é", "deep")
	o := sqlite.Options{Dir: dir}
	s := open(t, o)
	if err := s.Commit(t.Context(), store.Batch{Writes: []store.Write{store.Put(one("k"))}}); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"", "-wal", "-shm", ".lock"} {
		fi, err := os.Stat(filepath.Join(dir, sqlite.FileName+suffix))
		if err != nil {
			t.Fatal(err)
		}
		if m := fi.Mode().Perm(); m != 0o600 {
			t.Errorf("%s may be read by others: %v", fi.Name(), m)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// Reading works without a server too, and leaves the file as it was.
	o.ReadOnly = true
	r := open(t, o)
	if _, err := r.Get(t.Context(), one("k").Key); err != nil {
		t.Fatal(err)
	}
	if _, ok := <-r.Watch(t.Context(), "s"); ok {
		t.Fatal("a watch of a reader told something")
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	o.ReadOnly = false
	if err := open(t, o).Close(); err != nil {
		t.Fatal(err)
	}
}

// TestReadersUseTheIndexes asks SQLite how it would answer.
func TestReadersUseTheIndexes(t *testing.T) {
	o := sqlite.Options{Dir: t.TempDir()}
	if err := open(t, o).Close(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite3", filepath.Join(o.Dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for text, want := range map[string]string{
		sqlite.NextPageSQL:                                       "SEARCH record USING PRIMARY KEY (space=? AND (domain,key)>(?,?))",
		sqlite.LogSQL(store.LogQuery{}):                          "SEARCH log USING INTEGER PRIMARY KEY (rowid>?)",
		sqlite.LogSQL(store.LogQuery{Domain: "d", Newest: true}): "log_domain (domain=? AND rowid>?)",
		sqlite.LogSQL(store.LogQuery{Kind: "k"}):                 "log_kind (kind=? AND rowid>?)",
		sqlite.LogSQL(store.LogQuery{Domain: "d", Entity: "e"}):  "log_entity (entity=? AND rowid>?)",
		sqlite.LogSQL(store.LogQuery{Domain: "d", Kind: "k"}):    "log_kind (kind=? AND rowid>?)",
	} {
		args := make([]any, strings.Count(text, "?"))
		rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
		if err != nil {
			t.Fatal(err)
		}
		var plan []string
		for rows.Next() {
			var a, b, c int
			var detail string
			if err := rows.Scan(&a, &b, &c, &detail); err != nil {
				t.Fatal(err)
			}
			plan = append(plan, detail)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(plan, "; "); !strings.Contains(got, want) || strings.Contains(got, "TEMP B-TREE") {
			t.Errorf("%s\nis answered by: %s\nwant: %s", text, got, want)
		}
	}
}
