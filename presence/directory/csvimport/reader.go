// Package csvimport brings agents with their devices into the directory from a
// CSV file with the columns number, password, name and team.
//
// Every line is an agent, made or brought up to date by number, with a desk
// phone (user name = number), a softphone ("NUMBER-soft"), a mobile
// ("NUMBER-mobile") and a webphone. The password is for SIP alone and only its
// digests are kept; nobody can log in to pages by it.
//
// Lines with mistakes are reported by number and left out; the others are
// applied. Importing the same file again changes nothing, so a corrected file is
// simply imported again.
package csvimport

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// ErrHeader says that the first line does not name the columns.
var ErrHeader = errors.New("csvimport: header")

// Row is one line of the file.
type Row struct {
	Line     int // the first line of the file, the header, being 1
	Number   string
	Password string
	Name     string
	Teams    []string
}

// LineError is a mistake in one line; reading goes on after it.
type LineError struct {
	Line    int
	Field   string // column, where one is to blame
	Message string
}

func (e *LineError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("line %d: %s", e.Line, e.Message)
	}
	return fmt.Sprintf("line %d: %s: %s", e.Line, e.Field, e.Message)
}

// The columns. Only the first is needed.
const (
	colNumber   = "number"
	colPassword = "password"
	colName     = "name"
	colTeam     = "team"
)

// Reader reads rows one at a time, so that a file of any length takes little
// memory.
type Reader struct {
	csv     *csv.Reader
	columns map[string]int
}

// NewReader reads the header. Columns may come in any order; name, team and
// password may be missing, and are then left as they are.
func NewReader(r io.Reader) (*Reader, error) {
	b := bufio.NewReaderSize(r, 64<<10)
	if mark, err := b.Peek(3); err == nil && string(mark) == "\uFEFF" {
		_, _ = b.Discard(len(mark)) // what spreadsheets put in front of UTF-8
	}
	c := csv.NewReader(b)
	c.ReuseRecord = true
	c.TrimLeadingSpace = true
	head, err := c.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: the file is empty", ErrHeader)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrHeader, err)
	}
	rd := &Reader{csv: c, columns: make(map[string]int, len(head))}
	for i, name := range head {
		name = strings.ToLower(strings.TrimSpace(name))
		switch name {
		case colNumber, colPassword, colName, colTeam:
		case "teams":
			name = colTeam
		default:
			return nil, fmt.Errorf("%w: column %q is not known; the columns are number, password, name, team", ErrHeader, name)
		}
		if _, twice := rd.columns[name]; twice {
			return nil, fmt.Errorf("%w: column %q is there twice", ErrHeader, name)
		}
		rd.columns[name] = i
	}
	if _, ok := rd.columns[colNumber]; !ok {
		return nil, fmt.Errorf("%w: there is no column %q; the first line must name the columns number,password,name,team", ErrHeader, colNumber)
	}
	return rd, nil
}

// Has reports whether the file has the column.
func (r *Reader) Has(column string) bool { _, ok := r.columns[column]; return ok }

// Next is the next row, a *LineError for a line that cannot be used, or io.EOF.
func (r *Reader) Next() (Row, error) {
	rec, err := r.csv.Read()
	var wrong *csv.ParseError
	switch {
	case errors.As(err, &wrong):
		return Row{}, &LineError{Line: wrong.Line, Message: wrong.Err.Error()}
	case err != nil:
		return Row{}, err
	}
	line, _ := r.csv.FieldPos(0)
	row := Row{
		Line: line, Number: r.field(rec, colNumber), Password: r.field(rec, colPassword),
		Name: r.field(rec, colName),
	}
	for _, t := range strings.Split(r.field(rec, colTeam), ";") {
		if t = strings.TrimSpace(t); t != "" && !slices.Contains(row.Teams, t) {
			row.Teams = append(row.Teams, t)
		}
	}
	return row, row.check()
}

// field is a column's value, cloned out of the reader's buffer.
func (r *Reader) field(rec []string, column string) string {
	i, ok := r.columns[column]
	if !ok {
		return ""
	}
	if column == colPassword {
		return strings.Clone(rec[i]) // blanks may belong to it
	}
	return strings.Clone(strings.TrimSpace(rec[i]))
}

const (
	maxNumber   = 56 // leaves room for "-mobile" within a user name of 64
	maxName     = 200
	maxPassword = 256
	maxTeams    = 16
)

func (r *Row) check() error {
	bad := func(field, format string, args ...any) error {
		return &LineError{Line: r.Line, Field: field, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case r.Number == "":
		return bad(colNumber, "is missing")
	case len(r.Number) > maxNumber:
		return bad(colNumber, "is longer than %d characters", maxNumber)
	case strings.ContainsFunc(r.Number, func(c rune) bool { return !dialled(c) }):
		return bad(colNumber, "%q may have letters, digits and any of -_.+*# only", r.Number)
	case len(r.Password) > maxPassword:
		return bad(colPassword, "is longer than %d characters", maxPassword)
	case strings.ContainsFunc(r.Password, control):
		return bad(colPassword, "has control characters")
	case len(r.Name) > maxName:
		return bad(colName, "is longer than %d bytes", maxName)
	case strings.ContainsFunc(r.Name, control):
		return bad(colName, "has control characters")
	case len(r.Teams) > maxTeams:
		return bad(colTeam, "more than %d teams", maxTeams)
	case slices.ContainsFunc(r.Teams, func(t string) bool { return len(t) > maxName || strings.ContainsFunc(t, control) }):
		return bad(colTeam, "a team's name is too long or has control characters")
	}
	return nil
}

func dialled(c rune) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.ContainsRune("-_.+*#", c)
}

// control characters, and bytes that are no UTF-8.
func control(c rune) bool { return c < 0x20 || c == 0x7f || c == '\uFFFD' }
