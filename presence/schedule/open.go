package schedule

import "time"

// Calendar is what somebody goes by: schedules, the most particular first, such as
// an agent's before the domain's. The hours of the week are the first ones there
// are, a day's those of the first schedule that names it. Where no schedule has
// hours of the week, every day is open that none names.
type Calendar struct {
	Zone   Zone
	Layers []*Schedule // nil ones count for nothing
}

// Of is the calendar of these schedules.
func Of(z Zone, layers ...*Schedule) Calendar {
	c := Calendar{Zone: z}
	for _, l := range layers {
		if l != nil {
			c.Layers = append(c.Layers, l)
		}
	}
	return c
}

// week is how many days ahead is looked for when it closes.
const week = 7

// span is some hours as they are in time.
type span struct{ from, to time.Time }

// Open reports whether it is open at this moment. next is when to ask again: where
// it is closed the moment it opens, the zero time if not within Horizon; where it is
// open the one it closes, or about a week ahead if that is later. why is for people
// where it is closed: "outside working hours until Mon 28 Dec 09:00 (Christmas Day)".
func (c *Calendar) Open(at time.Time) (open bool, why string, next time.Time) {
	if len(c.Layers) == 0 {
		return true, "", time.Time{}
	}
	local := at.In(c.Zone.location())
	day := Date{local.Year(), local.Month(), local.Day()}
	// Two days back: what began the day before may run over midnight, and a zone may
	// have left out a day.
	for i := -2; i <= maxHorizon; i++ {
		if open && i > week {
			break
		}
		for _, s := range c.spans(day.add(i)) {
			switch {
			case !s.to.After(s.from): // in a gap of the clocks
			case open && s.from.After(next):
				return true, "", next
			case open:
				next = later(next, s.to)
			case !s.to.After(at):
			case s.from.After(at):
				return false, c.why(day, s.from), s.from
			default:
				open, next = true, s.to
			}
		}
	}
	if open {
		return true, "", next
	}
	return false, c.why(day, time.Time{}), time.Time{}
}

// why says until when it is closed, and which day that is.
func (c *Calendar) why(day Date, until time.Time) string {
	s := "outside working hours"
	if !until.IsZero() {
		until = until.In(c.Zone.location())
		layout := "Mon 2 Jan 15:04"
		if until.Year() != day.Year {
			layout = "Mon 2 Jan 2006 15:04"
		}
		s += " until " + until.Format(layout)
	}
	if d := c.day(day); d != nil && d.Name != "" {
		s += " (" + d.Name + ")"
	}
	return s
}

// spans are the hours that begin on that day, in order.
func (c *Calendar) spans(date Date) []span {
	list := c.hours(date)
	out := make([]span, 0, len(list))
	for _, i := range list {
		end := date
		if i.overnight() {
			end = date.add(1)
		}
		s := span{c.instant(date, i.From, false), c.instant(end, i.To, true)}
		at := len(out)
		for at > 0 && out[at-1].from.After(s.from) {
			at--
		}
		out = append(out, span{})
		copy(out[at+1:], out[at:])
		out[at] = s
	}
	return out
}

// hours are what holds on that day.
func (c *Calendar) hours(date Date) []Interval {
	if d := c.day(date); d != nil {
		return d.Hours
	}
	for _, l := range c.Layers {
		if len(l.Week) == 0 {
			continue
		}
		weekday := time.Date(date.Year, date.Month, date.Day, 0, 0, 0, 0, time.UTC).Weekday()
		var out []Interval
		for _, w := range l.Week {
			if w.On.has(weekday) {
				out = append(out, w.Hours...)
			}
		}
		return out
	}
	return []Interval{{0, 24 * 60}}
}

// day is what the first layer that names the date says of it.
func (c *Calendar) day(date Date) *Day {
	for _, l := range c.Layers {
		var yearly *Day
		for i := range l.Days {
			switch d := &l.Days[i]; {
			case !d.covers(date):
			case d.From.Year != 0:
				return d
			case yearly == nil:
				yearly = d
			}
		}
		if yearly != nil {
			return yearly
		}
	}
	return nil
}

// instant is when clocks show that minute of the day. Of two moments it is the
// last or the first; of none the one at which clocks went over it.
func (c *Calendar) instant(date Date, minute int, last bool) time.Time {
	loc := c.Zone.location()
	shown := time.Date(date.Year, date.Month, date.Day, 0, minute, 0, 0, time.UTC)
	_, before := shown.Add(-26 * time.Hour).In(loc).Zone()
	_, after := shown.Add(26 * time.Hour).In(loc).Zone()
	first := shown.Add(-time.Duration(before) * time.Second)
	if before == after {
		return first
	}
	second := shown.Add(-time.Duration(after) * time.Second)
	_, is1 := first.In(loc).Zone()
	_, is2 := second.In(loc).Zone()
	switch {
	case is1 == before && (is2 != after || !last):
		return first
	case is2 == after:
		return second
	}
	turned, _ := first.In(loc).ZoneBounds()
	return turned
}

func (d Date) add(days int) Date {
	t := time.Date(d.Year, d.Month, d.Day+days, 0, 0, 0, 0, time.UTC)
	return Date{t.Year(), t.Month(), t.Day()}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
