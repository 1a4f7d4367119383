package schedule

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// made reads a schedule of lines; what begins with a digit is a day.
func made(t *testing.T, lines ...string) *Schedule {
	t.Helper()
	s := &Schedule{}
	for _, l := range lines {
		var err error
		if l[0] >= '0' && l[0] <= '9' {
			var d Day
			err = d.UnmarshalText([]byte(l))
			s.Days = append(s.Days, d)
		} else {
			var w Weekly
			err = w.UnmarshalText([]byte(l))
			s.Week = append(s.Week, w)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	return s
}

func zone(t *testing.T, name string) Zone {
	t.Helper()
	z, err := FindZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestOpenByTheHours(t *testing.T) {
	office := []string{"mon-thu 09:00-12:30 13:30-18:00", "fri 09:00-15:00", "12-25 closed Christmas Day", "12-24 09:00-12:00", "2026-12-28..2026-12-31 closed Stocktaking"}
	night := []string{"daily 22:00-06:00", "2026-11-26 closed"}
	for name, tt := range map[string]struct {
		lines    []string
		at, next string // as clocks show it in Berlin
		open     bool
		why      string
	}{
		"in the morning":            {office, "2026-11-25 10:00", "2026-11-25 12:30", true, ""},
		"as it opens":               {office, "2026-11-25 09:00", "2026-11-25 12:30", true, ""},
		"at noon":                   {office, "2026-11-25 12:30", "2026-11-25 13:30", false, "outside working hours until Wed 25 Nov 13:30"},
		"as it closes":              {office, "2026-11-25 18:00", "2026-11-26 09:00", false, "outside working hours until Thu 26 Nov 09:00"},
		"over the weekend":          {office, "2026-11-27 15:00", "2026-11-30 09:00", false, "outside working hours until Mon 30 Nov 09:00"},
		"other hours":               {office, "2026-12-24 11:59", "2026-12-24 12:00", true, ""},
		"a holiday, and its name":   {office, "2026-12-25 10:00", "2027-01-01 09:00", false, "outside working hours until Fri 1 Jan 2027 09:00 (Christmas Day)"},
		"the same day another year": {office, "2029-12-25 10:00", "2029-12-26 09:00", false, "outside working hours until Wed 26 Dec 09:00 (Christmas Day)"},
		"before midnight":           {night, "2026-11-24 23:00", "2026-11-25 06:00", true, ""},
		"after midnight":            {night, "2026-11-25 05:59", "2026-11-25 06:00", true, ""},
		"by day":                    {night, "2026-11-25 06:00", "2026-11-25 22:00", false, "outside working hours until Wed 25 Nov 22:00"},
		"into a closed day":         {night, "2026-11-26 01:00", "2026-11-26 06:00", true, ""},
		"the closed day's night":    {night, "2026-11-26 23:00", "2026-11-27 22:00", false, "outside working hours until Fri 27 Nov 22:00"},
		"back to back":              {[]string{"mon 08:00-24:00", "tue 00:00-08:00 08:00-10:00"}, "2026-11-23 12:00", "2026-11-24 10:00", true, ""},
		"always":                    {[]string{"daily 00:00-24:00"}, "2026-11-25 10:00", "2026-12-03 00:00", true, ""},
		"holidays alone":            {[]string{"12-24..12-26 closed"}, "2026-12-23 10:00", "2026-12-24 00:00", true, ""},
		"over the turn of the year": {[]string{"12-30..01-02 closed"}, "2027-01-01 10:00", "2027-01-03 00:00", false, "outside working hours until Sun 3 Jan 00:00"},
		"never":                     {[]string{"daily closed"}, "2026-11-25 10:00", "", false, "outside working hours"},
		"a year before every year":  {[]string{"12-25 closed", "2026-12-25 08:00-09:00"}, "2026-12-25 08:30", "2026-12-25 09:00", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			z := zone(t, "Europe/Berlin")
			check(t, Of(z, nil, made(t, tt.lines...)), tt.at, tt.open, tt.why, tt.next)
		})
	}
}

func check(t *testing.T, c Calendar, at string, open bool, why, next string) {
	t.Helper()
	loc := c.Zone.location()
	when, err := time.Parse(time.RFC3339, at)
	if err != nil {
		when, err = time.ParseInLocation("2006-01-02 15:04", at, loc)
	}
	if err != nil {
		t.Fatal(err)
	}
	isOpen, isWhy, until := c.Open(when.UTC())
	got := ""
	if !until.IsZero() {
		got = until.In(loc).Format("2006-01-02 15:04")
		if strings.HasSuffix(next, "Z") {
			got = until.UTC().Format(time.RFC3339)
		}
	}
	if isOpen != open || isWhy != why || got != next {
		t.Errorf("open %v, %q, next %s; want %v, %q, %s", isOpen, isWhy, got, open, why, next)
	}
}

// In Berlin clocks go forward on 29 March 2026 at 02:00 and back on 25 October at
// 03:00.
func TestOpenWhenClocksChange(t *testing.T) {
	for name, tt := range map[string]struct {
		zone, line, at string
		open           bool
		next           string
	}{
		"opens in the gap":                    {"Europe/Berlin", "sun 02:30-05:00", "2026-03-29T00:59:00Z", false, "2026-03-29T01:00:00Z"},
		"is open once clocks went over it":    {"Europe/Berlin", "sun 02:30-05:00", "2026-03-29T01:00:00Z", true, "2026-03-29T03:00:00Z"},
		"closes in the gap":                   {"Europe/Berlin", "sun 01:00-02:30", "2026-03-29T00:30:00Z", true, "2026-03-29T01:00:00Z"},
		"has gone over all of it":             {"Europe/Berlin", "sun 02:10-02:50", "2026-03-29T00:30:00Z", false, "2026-04-05T00:10:00Z"},
		"the night is an hour shorter":        {"Europe/Berlin", "sat 22:00-06:00", "2026-03-28T22:00:00Z", true, "2026-03-29T04:00:00Z"},
		"opens at the first of two":           {"Europe/Berlin", "sun 02:30-05:00", "2026-10-25T00:29:00Z", false, "2026-10-25T00:30:00Z"},
		"closes at the second of two":         {"Europe/Berlin", "sun 00:00-02:30", "2026-10-25T00:45:00Z", true, "2026-10-25T01:30:00Z"},
		"the night is an hour longer":         {"Europe/Berlin", "sat 22:00-06:00", "2026-10-24T22:00:00Z", true, "2026-10-25T05:00:00Z"},
		"half an hour, on Lord Howe":          {"Australia/Lord_Howe", "sun 01:45-03:00", "2026-04-04T14:50:00Z", true, "2026-04-04T16:30:00Z"},
		"midnight is left out in Beirut":      {"Asia/Beirut", "sun 00:00-04:00", "2026-03-28T21:59:00Z", false, "2026-03-28T22:00:00Z"},
		"a day was left out in Samoa":         {"Pacific/Apia", "fri 09:00-17:00", "2011-12-30T08:00:00Z", false, "2012-01-05T19:00:00Z"},
		"the same hours in another zone":      {"America/Los_Angeles", "mon-fri 09:00-17:00", "2026-11-25T16:59:00Z", false, "2026-11-25T17:00:00Z"},
		"a zone ahead of the machine's by 14": {"Pacific/Kiritimati", "thu 09:00-17:00", "2026-11-25T19:00:00Z", true, "2026-11-26T03:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			z := zone(t, tt.zone)
			c := Of(z, made(t, tt.line))
			at, err := time.Parse(time.RFC3339, tt.at)
			if err != nil {
				t.Fatal(err)
			}
			open, _, next := c.Open(at)
			if got := next.UTC().Format(time.RFC3339); open != tt.open || got != tt.next {
				t.Errorf("open %v until %s, want %v until %s", open, got, tt.open, tt.next)
			}
		})
	}
}

func TestOpenByTheMostParticularSchedule(t *testing.T) {
	domain := made(t, "mon-fri 09:00-17:00", "12-25 closed Christmas Day")
	late := made(t, "mon-fri 14:00-22:00")
	away := made(t, "2026-11-25 closed Holiday")
	works := made(t, "12-25 10:00-12:00")
	for name, tt := range map[string]struct {
		own      *Schedule
		at       string
		open     bool
		why, nxt string
	}{
		"none of their own":           {nil, "2026-11-24 10:00", true, "", "2026-11-24 17:00"},
		"hours of their own":          {late, "2026-11-24 10:00", false, "outside working hours until Tue 24 Nov 14:00", "2026-11-24 14:00"},
		"and longer than the others'": {late, "2026-11-24 20:00", true, "", "2026-11-24 22:00"},
		"the holiday is everybody's":  {late, "2026-12-25 15:00", false, "outside working hours until Mon 28 Dec 14:00 (Christmas Day)", "2026-12-28 14:00"},
		"a day off":                   {away, "2026-11-25 10:00", false, "outside working hours until Thu 26 Nov 09:00 (Holiday)", "2026-11-26 09:00"},
		"works on a holiday":          {works, "2026-12-25 10:00", true, "", "2026-12-25 12:00"},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, Of(zone(t, "Europe/Berlin"), tt.own, domain), tt.at, tt.open, tt.why, tt.nxt)
		})
	}
	if open, why, next := (&Calendar{}).Open(time.Now()); !open || why != "" || !next.IsZero() {
		t.Errorf("without a schedule: %v, %q, %v", open, why, next)
	}
}

// Whatever the moment, what is open stays so until next, and what is closed opens
// then and not before.
func TestNextIsWhenItChanges(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"} {
		c := Of(zone(t, name), made(t, "mon-fri 08:30-12:00 13:00-17:45", "sat 22:00-02:30", "sun 02:15-02:45", "01-01 closed", "03-29 00:00-24:00"))
		for at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() == 2026; at = at.Add(97 * time.Minute) {
			open, _, next := c.Open(at)
			if !next.After(at) {
				t.Fatalf("%s at %s: next is %s", name, at, next)
			}
			just, _, _ := c.Open(next.Add(-time.Second))
			then, _, _ := c.Open(next)
			if just != open || then == open {
				t.Fatalf("%s at %s: open %v, until %s: %v before, %v then", name, at, open, next, just, then)
			}
		}
	}
}

func TestLinesAreReadAndWritten(t *testing.T) {
	for in, want := range map[string]string{
		"mon-fri 09:00-17:30":                                   "mon-fri 09:00-17:30",
		" MON,tue,Wed  9:00-12:00 13:00-24:00":                  "mon-wed 09:00-12:00 13:00-24:00",
		"fri-mon 22:00-06:00":                                   "mon,fri-sun 22:00-06:00",
		"daily closed":                                          "daily closed",
		"sat,sun CLOSED":                                        "sat-sun closed",
		"12-25 closed Christmas Day":                            "12-25 closed Christmas Day",
		"2026-12-24 09:00-12:00":                                "2026-12-24 09:00-12:00",
		"02-29 closed":                                          "02-29 closed",
		"12-30..01-02 closed Новый год":                         "12-30..01-02 closed Новый год",
		"2026-07-20..2026-07-31 10:00-11:00 11:30-12:00 Sommer": "2026-07-20..2026-07-31 10:00-11:00 11:30-12:00 Sommer",
	} {
		s := made(t, strings.TrimSpace(in))
		b, err := json.Marshal(s)
		if err != nil || !strings.Contains(string(b), `"`+want+`"`) {
			t.Errorf("%q becomes %s, %v; want %q", in, b, err, want)
		}
		var again Schedule
		if err := json.Unmarshal(b, &again); err != nil || !reflect.DeepEqual(again, *s) || !again.Equal(s) {
			t.Errorf("%q is read back as %+v, %v", want, again, err)
		}
	}
}

func TestMistakesAreNamed(t *testing.T) {
	for in, want := range map[string]string{
		"":                              "are no days",
		"moonday 09:00-10:00":           `"moonday" are no days`,
		"mon":                           "are no hours",
		"mon 9-17":                      `"9-17" are no hours`,
		"mon 09:00-25:00":               "are no hours",
		"mon 24:00-25:00":               "are no hours",
		"mon 09:00-09:00":               "ends as it begins",
		"mon 09:00-12:00 11:00-13:00":   "09:00-12:00 runs into 11:00-13:00",
		"mon 22:00-06:00 23:00-24:00":   "22:00-06:00 runs into",
		"mon 09:00-12:00 lunch":         `"lunch" are no hours`,
		"2026-02-30 closed":             `"2026-02-30" is no date`,
		"13-01 closed":                  `"13-01" is no date`,
		"2026-12-25":                    "are no hours",
		"2026-12-25..12-26 closed":      "only one of the dates has a year",
		"2026-12-26..2026-12-25 closed": "ends before it begins",
		"12-25 closed " + strings.Repeat("x", 65): "longer than 64",
		"12-25 closed a\x00b":                     "control characters",
	} {
		var w Weekly
		var d Day
		err := w.UnmarshalText([]byte(in))
		if in != "" && in[0] >= '0' && in[0] <= '9' {
			err = d.UnmarshalText([]byte(in))
		}
		if !errors.Is(err, ErrSchedule) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", in, err, want)
		}
	}
	many := &Schedule{Week: slices.Repeat([]Weekly{{On: 1}}, MaxWeek+1)}
	days := &Schedule{Days: make([]Day, MaxDays+1)}
	for s, want := range map[*Schedule]string{
		many: "more than 28 lines", days: "more than 200 days", {}: "neither hours nor days",
		{Week: []Weekly{{On: 2, Hours: []Interval{{60, 120}}}, {On: 6, Hours: []Interval{{90, 100}}}}}: "Monday: 01:00-02:00 runs into 01:30-01:40",
		{Days: []Day{{Name: "a"}, {Name: "b"}}}:                                                        "is there twice",
	} {
		if err := s.Check(); !errors.Is(err, ErrSchedule) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := (*Schedule)(nil).Check(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"Berlin", "Local", "../etc/passwd"} {
		if _, err := FindZone(name); !errors.Is(err, ErrSchedule) {
			t.Errorf("zone %s: %v", name, err)
		}
	}
}

func FuzzLines(f *testing.F) {
	for _, s := range []string{"mon-fri 09:00-17:30", "daily closed", "12-25 closed Christmas Day", "2026-12-28..2026-12-31 22:00-06:00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var w, v Weekly
		if w.UnmarshalText([]byte(s)) == nil && (v.UnmarshalText([]byte(w.String())) != nil || !reflect.DeepEqual(v, w)) {
			t.Errorf("%q: %+v, %q, %+v", s, w, w.String(), v)
		}
		var d, e Day
		if d.UnmarshalText([]byte(s)) == nil && (e.UnmarshalText([]byte(d.String())) != nil || !reflect.DeepEqual(e, d)) {
			t.Errorf("%q: %+v, %q, %+v", s, d, d.String(), e)
		}
		Of(Zone{}, &Schedule{Week: []Weekly{w}, Days: []Day{d}}).mustEnd(t)
	})
}

func (c Calendar) mustEnd(t *testing.T) {
	at := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	if _, _, next := c.Open(at); !next.IsZero() && !next.After(at) {
		t.Errorf("at %s next is %s", at, next)
	}
}

func BenchmarkOpen(b *testing.B) {
	z, err := FindZone("Europe/Berlin")
	if err != nil {
		b.Fatal(err)
	}
	s := &Schedule{Week: []Weekly{{On: 62, Hours: []Interval{{540, 1050}}}}}
	c := Of(z, s)
	at := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		c.Open(at)
	}
}
