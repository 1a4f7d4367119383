package schedule

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Weekly are the hours of some days of the week. Without Hours they are closed.
type Weekly struct {
	On    Weekdays
	Hours []Interval
}

// Weekdays has bit 0 for Sunday, as time.Weekday counts.
type Weekdays uint8

func (w Weekdays) has(d time.Weekday) bool { return w&(1<<d) != 0 }

// Interval is from one minute of the day to another; To not after From is on the
// next day.
type Interval struct{ From, To int }

func (i Interval) overnight() bool { return i.To <= i.From }

func (i Interval) String() string { return clock(i.From) + "-" + clock(i.To) }

func clock(m int) string { return fmt.Sprintf("%02d:%02d", m/60, m%60) }

// Day is a date, or several in a row, with hours instead of the week's; without
// Hours it is closed.
type Day struct {
	From, To Date // the same for one day
	Hours    []Interval
	Name     string
}

// Date is a day of a year, or of every year where Year is 0.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

func (d Date) String() string {
	if d.Year == 0 {
		return fmt.Sprintf("%02d-%02d", d.Month, d.Day)
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

func (d Date) compare(o Date) int {
	return cmp.Or(cmp.Compare(d.Year, o.Year), cmp.Compare(d.Month, o.Month), cmp.Compare(d.Day, o.Day))
}

// covers reports whether the date, which has its year, is among the day's.
func (d *Day) covers(date Date) bool {
	if d.From.Year == 0 {
		date.Year = 0
		if d.To.compare(d.From) < 0 { // over the turn of the year
			return date.compare(d.From) >= 0 || date.compare(d.To) <= 0
		}
	}
	return date.compare(d.From) >= 0 && date.compare(d.To) <= 0
}

func (d *Day) dates() string {
	if d.From == d.To {
		return d.From.String()
	}
	return d.From.String() + ".." + d.To.String()
}

//nolint:gochecknoglobals // never changed
var weekdays = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

const (
	daily  = "daily"
	closed = "closed"
)

// MarshalText writes the line.
func (w Weekly) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

func (w Weekly) String() string {
	if w.On == 1<<7-1 {
		return daily + hours(w.Hours)
	}
	var days []string
	for i := 1; i <= 7; i++ { // a week begins on Monday
		if !w.On.has(time.Weekday(i % 7)) {
			continue
		}
		first := i
		for i < 7 && w.On.has(time.Weekday((i+1)%7)) {
			i++
		}
		name := weekdays[first%7]
		if i > first {
			name += "-" + weekdays[i%7]
		}
		days = append(days, name)
	}
	return strings.Join(days, ",") + hours(w.Hours)
}

func hours(list []Interval) string {
	if len(list) == 0 {
		return " " + closed
	}
	var b strings.Builder
	for _, i := range list {
		b.WriteByte(' ')
		b.WriteString(i.String())
	}
	return b.String()
}

// UnmarshalText reads a line.
func (w *Weekly) UnmarshalText(text []byte) error {
	days, rest, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	on, err := readWeekdays(strings.ToLower(days))
	if err != nil {
		return err
	}
	list, name, err := readHours(rest)
	switch {
	case err != nil:
		return fmt.Errorf("%w %q: %w", ErrSchedule, text, err)
	case name != "":
		return fmt.Errorf("%w %q: %q are no hours, as 09:00-17:30 are", ErrSchedule, text, name)
	}
	*w = Weekly{On: on, Hours: list}
	return nil
}

func readWeekdays(s string) (on Weekdays, err error) {
	if s == daily {
		return 1<<7 - 1, nil
	}
	for part := range strings.SplitSeq(s, ",") {
		from, to, span := strings.Cut(part, "-")
		if !span {
			to = from
		}
		a, b := slices.Index(weekdays[:], from), slices.Index(weekdays[:], to)
		if a < 0 || b < 0 {
			return 0, fmt.Errorf("%w: %q are no days, as mon-fri, sat,sun or daily are", ErrSchedule, s)
		}
		for on |= 1 << a; a != b; on |= 1 << a {
			a = (a + 1) % 7
		}
	}
	return on, nil
}

// readHours reads hours, or "closed", and what follows them.
func readHours(s string) (list []Interval, name string, err error) {
	s = strings.TrimSpace(s)
	word, rest, _ := strings.Cut(s, " ")
	if strings.EqualFold(word, closed) {
		return nil, strings.TrimSpace(rest), nil
	}
	for s != "" && s[0] >= '0' && s[0] <= '9' {
		word, rest, _ = strings.Cut(s, " ")
		i, err := readInterval(word)
		if err != nil {
			return nil, "", err
		}
		if list = append(list, i); len(list) > maxPerDay {
			return nil, "", fmt.Errorf("more than %d times a day", maxPerDay)
		}
		s = strings.TrimSpace(rest)
	}
	if len(list) == 0 {
		return nil, "", fmt.Errorf("%q are no hours, as 09:00-17:30 or closed are", s)
	}
	return list, s, disjoint(list)
}

func readInterval(s string) (i Interval, err error) {
	from, to, ok := strings.Cut(s, "-")
	i.From, i.To = readClock(from), readClock(to)
	switch {
	case !ok || i.From < 0 || i.To < 0 || i.From == 24*60:
		return i, fmt.Errorf("%q are no hours, as 09:00-17:30 are", s)
	case i.From == i.To:
		return i, fmt.Errorf("%q ends as it begins; a whole day is 00:00-24:00", s)
	}
	return i, nil
}

// readClock gives minutes, -1 for what is no time of day.
func readClock(s string) int {
	hour, minute, ok := strings.Cut(s, ":")
	h, err1 := strconv.ParseUint(hour, 10, 8)
	m, err2 := strconv.ParseUint(minute, 10, 8)
	if !ok || err1 != nil || err2 != nil || len(hour) > 2 || len(minute) != 2 || m > 59 || h > 24 || h == 24 && m > 0 {
		return -1
	}
	return int(h*60 + m)
}

// disjoint finds hours that run into each other.
func disjoint(list []Interval) error {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b Interval) int { return cmp.Compare(a.From, b.From) })
	for i := 1; i < len(list); i++ {
		if before := list[i-1]; before.overnight() || before.To > list[i].From {
			return fmt.Errorf("%s runs into %s", before, list[i])
		}
	}
	return nil
}

// MarshalText writes the line.
func (d Day) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d Day) String() string {
	s := d.dates() + hours(d.Hours)
	if d.Name != "" {
		s += " " + d.Name
	}
	return s
}

// UnmarshalText reads a line.
func (d *Day) UnmarshalText(text []byte) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w %q: "+format, append([]any{ErrSchedule, text}, args...)...)
	}
	dates, rest, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	first, last, span := strings.Cut(dates, "..")
	if !span {
		last = first
	}
	var next Day
	for date, s := range map[*Date]string{&next.From: first, &next.To: last} {
		var ok bool
		if *date, ok = readDate(s); !ok {
			return bad("%q is no date, as 2026-12-24 or, for every year, 12-25 are", s)
		}
	}
	switch {
	case (next.From.Year == 0) != (next.To.Year == 0):
		return bad("only one of the dates has a year")
	case next.From.Year != 0 && next.To.compare(next.From) < 0:
		return bad("ends before it begins")
	}
	var err error
	if next.Hours, next.Name, err = readHours(rest); err != nil {
		return bad("%w", err)
	}
	if len(next.Name) > maxName || !utf8.ValidString(next.Name) || strings.ContainsFunc(next.Name, unicode.IsControl) {
		return bad("the name is longer than %d bytes or has control characters", maxName)
	}
	*d = next
	return nil
}

func readDate(s string) (Date, bool) {
	layout, year := time.DateOnly, true
	if len(s) == len("12-25") {
		s, year = "2000-"+s, false // a leap year
	}
	t, err := time.Parse(layout, s)
	if err != nil || t.Year() < 1970 || t.Year() > 9000 {
		return Date{}, false
	}
	d := Date{t.Year(), t.Month(), t.Day()}
	if !year {
		d.Year = 0
	}
	return d, true
}
