package sqlite

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

// Migrations are numbered SQL files, applied in order, each in one transaction
// with the number it brings the database to. SQLite keeps that number in the
// file's header (user_version), so it changes together with the schema or not at
// all, and a reading tool sees it without a table that might not be there. A
// migration tool would add a table, a second connection and down-scripts; going
// back is restoring a copy of the file.
//
//go:embed migrations/*.sql
var migrations embed.FS //nolint:gochecknoglobals // go:embed needs one; it never changes

// applicationID is "LAMP" in the file's header.
const applicationID = 0x4c414d50

// Errors of opening a file that is not this version's.
var (
	// ErrForeign: the file is a database of something else.
	ErrForeign = errors.New("sqlite: not a Lamplight database")
	// ErrNewer: a newer Lamplight has migrated the database.
	ErrNewer = errors.New("sqlite: database is of a newer version")
	// ErrOlder: the database must be migrated before it can be read.
	ErrOlder = errors.New("sqlite: database is of an older version; start the server once")
)

// schemaVersion is what migrate brings a database to.
func schemaVersion() (int, []string, error) {
	names, err := fs.Glob(migrations, "migrations/*.sql")
	return len(names), names, err
}

// checkVersion reads the database's version and refuses what cannot be ours.
func checkVersion(c *conn) (int, error) {
	app, err := c.number("PRAGMA application_id")
	if err != nil {
		return 0, err
	}
	version, err := c.number("PRAGMA user_version")
	if err != nil {
		return 0, err
	}
	tables, err := c.number("SELECT count(*) FROM sqlite_schema")
	if err != nil {
		return 0, err
	}
	if app != applicationID && (app != 0 || version != 0 || tables != 0) {
		return 0, ErrForeign
	}
	newest, _, err := schemaVersion()
	if err != nil {
		return 0, err
	}
	if int(version) > newest {
		return 0, fmt.Errorf("%w: %d, this program knows %d", ErrNewer, version, newest)
	}
	return int(version), nil
}

// migrate brings the database to the newest version.
func migrate(c *conn) error {
	version, err := checkVersion(c)
	if err != nil {
		return err
	}
	newest, names, err := schemaVersion()
	if err != nil {
		return err
	}
	for n := version + 1; n <= newest; n++ {
		text, err := migrations.ReadFile(names[n-1])
		if err != nil {
			return err
		}
		script := fmt.Sprintf("BEGIN IMMEDIATE; PRAGMA application_id = %d; PRAGMA user_version = %d;\n%s\nCOMMIT;",
			applicationID, n, text)
		if err := c.exec(script); err != nil {
			return errors.Join(fmt.Errorf("migrate to version %d: %w", n, err), c.rollback())
		}
	}
	return nil
}
