// Package schedule says when somebody works: hours of the week, holidays and other
// days with hours of their own, in a time zone. It is pure: the same calendar and
// moment give the same answer, whatever the machine's own zone is.
//
// # How it is written
//
//   - Week: "mon-fri 09:00-12:30 13:30-18:00", "sat,sun 10:00-14:00",
//     "daily 22:00-06:00" (over midnight), "fri closed".
//   - Days: "12-25 closed Christmas Day" (every year), "2026-12-24 09:00-13:00",
//     "2026-12-28..2026-12-31 closed Stocktaking". What follows the hours is the name.
//
// # What it means
//
//   - Hours belong to the day on which they begin: a night shift that runs into a
//     holiday ends as usual, and the holiday's own night has none.
//   - A day with the year counts before one without.
//   - A time of day that is skipped when clocks go forward is the moment at which
//     they do. One that comes twice when they go back begins with the first and ends
//     with the second.
//
// A schedule has at most MaxWeek lines and MaxDays days; Open looks Horizon ahead.
package schedule

import (
	"errors"
	"fmt"
	"slices"
	"time"
	_ "time/tzdata" // so that an answer needs no files of the machine's
)

// Bounds of one schedule, and how far ahead Open looks for a change.
const (
	MaxWeek    = 28
	MaxDays    = 200
	maxPerDay  = 8 // intervals of one day
	maxName    = 64
	Horizon    = 400 * 24 * time.Hour
	maxHorizon = int(Horizon / (24 * time.Hour))
)

// ErrSchedule says what is wrong with a schedule or a line of it.
var ErrSchedule = errors.New("schedule")

// Schedule is somebody's own part of a Calendar. It is not changed once made.
type Schedule struct {
	// Week are the hours of the week; none: those of the next layer.
	Week []Weekly `json:"week,omitempty" yaml:"week"`
	// Days are holidays and other days, instead of the week's hours.
	Days []Day `json:"days,omitempty" yaml:"days"`
}

// Equal reports whether both say the same; nil equals nil only.
func (s *Schedule) Equal(o *Schedule) bool {
	if s == nil || o == nil {
		return s == o
	}
	return slices.EqualFunc(s.Week, o.Week, func(a, b Weekly) bool { return a.On == b.On && slices.Equal(a.Hours, b.Hours) }) &&
		slices.EqualFunc(s.Days, o.Days, func(a, b Day) bool {
			return a.From == b.From && a.To == b.To && a.Name == b.Name && slices.Equal(a.Hours, b.Hours)
		})
}

// Check finds what one line alone cannot show; the errors are ErrSchedule. A nil
// schedule is none.
func (s *Schedule) Check() error {
	switch {
	case s == nil:
		return nil
	case len(s.Week) > MaxWeek:
		return fmt.Errorf("%w: more than %d lines of a week", ErrSchedule, MaxWeek)
	case len(s.Days) > MaxDays:
		return fmt.Errorf("%w: more than %d days", ErrSchedule, MaxDays)
	case len(s.Week) == 0 && len(s.Days) == 0:
		return fmt.Errorf("%w: neither hours nor days", ErrSchedule)
	}
	for day := time.Sunday; day <= time.Saturday; day++ {
		var all []Interval
		for _, w := range s.Week {
			if w.On.has(day) {
				all = append(all, w.Hours...)
			}
		}
		if err := disjoint(all); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrSchedule, day, err)
		}
	}
	for i, d := range s.Days {
		for _, other := range s.Days[:i] {
			if d.From == other.From && d.To == other.To {
				return fmt.Errorf("%w: %s is there twice", ErrSchedule, d.dates())
			}
		}
	}
	return nil
}

// Zone is a time zone of the IANA data base, by its name. The zero value is UTC.
type Zone struct{ at *time.Location }

// FindZone finds a zone by its name, as "Europe/Berlin".
func FindZone(name string) (Zone, error) {
	if name == "" || name == "UTC" {
		return Zone{}, nil
	}
	at, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return Zone{}, fmt.Errorf("%w: %q is no time zone, as Europe/Berlin is one", ErrSchedule, name)
	}
	return Zone{at}, nil
}

// IsZero reports whether it is UTC.
func (z Zone) IsZero() bool { return z.at == nil }

func (z Zone) String() string { return z.location().String() }

// In is the time as clocks there show it.
func (z Zone) In(t time.Time) time.Time { return t.In(z.location()) }

func (z Zone) location() *time.Location {
	if z.at == nil {
		return time.UTC
	}
	return z.at
}

// MarshalText is the name.
func (z Zone) MarshalText() ([]byte, error) { return []byte(z.String()), nil }

// UnmarshalText reads a name.
func (z *Zone) UnmarshalText(b []byte) (err error) {
	*z, err = FindZone(string(b))
	return err
}
