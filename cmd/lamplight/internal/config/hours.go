package config

import (
	"fmt"
	"strings"

	"lamplight/presence"
	"lamplight/presence/emergency"
	"lamplight/presence/schedule"
)

// Hours are working hours, in the domain's time zone.
type Hours struct {
	// Week are lines as "mon-fri 09:00-12:30 13:30-18:00", "sat,sun closed" and
	// "daily 22:00-06:00", which ends the next morning.
	Week []string `yaml:"week"`
	// Days are holidays and days with other hours: "12-25 closed Christmas Day" (every
	// year), "2026-12-24 09:00-12:00", "2026-12-28..2026-12-31 closed Stocktaking".
	Days []string `yaml:"days"`
}

// Schedule is the hours in the form of the rules, nil where there are none. Lines
// that are mistakes are left out.
func (h Hours) Schedule() *schedule.Schedule {
	s := &schedule.Schedule{}
	for _, line := range h.Week {
		var w schedule.Weekly
		if w.UnmarshalText([]byte(line)) == nil {
			s.Week = append(s.Week, w)
		}
	}
	for _, line := range h.Days {
		var d schedule.Day
		if d.UnmarshalText([]byte(line)) == nil {
			s.Days = append(s.Days, d)
		}
	}
	if len(s.Week) == 0 && len(s.Days) == 0 {
		return nil
	}
	return s
}

func (h Hours) check(k *check, at string) {
	found := len(k.found)
	bad := func(path string, err error) {
		if err != nil {
			k.fail(path, "%s", strings.TrimPrefix(err.Error(), "schedule "))
		}
	}
	for i, line := range h.Week {
		bad(fmt.Sprintf("%s.week[%d]", at, i), new(schedule.Weekly).UnmarshalText([]byte(line)))
	}
	for i, line := range h.Days {
		bad(fmt.Sprintf("%s.days[%d]", at, i), new(schedule.Day).UnmarshalText([]byte(line)))
	}
	if len(k.found) == found {
		bad(at, h.Schedule().Check())
	}
}

// checkCountry checks the country, and that no agent and no group is called as help is.
func (d *Domain) checkCountry(k *check, at string) {
	if _, ok := emergency.Numbers(d.Country); !ok && d.Country != "" {
		k.fail(at+".country", "no emergency numbers are known of %q, only of %s: leave it out and list them in calls.emergency", d.Country, strings.Join(emergency.Countries(), ", "))
	}
	for i, a := range d.Agents {
		if _, help := emergency.Find(d.Country, d.Calls.Emergency, a.Number); help {
			k.fail(fmt.Sprintf("%s.agents[%d].number", at, i), "%s is an emergency number", a.Number)
		}
	}
	for i := range d.Groups {
		for _, n := range append([]string{d.Groups[i].Number}, d.Groups[i].Aliases...) {
			if _, help := emergency.Find(d.Country, d.Calls.Emergency, n); help {
				k.fail(fmt.Sprintf("%s.groups[%d].number", at, i), "%s is an emergency number", n)
			}
		}
	}
}

// checkCallers checks what calls show outside.
func (d *Domain) checkCallers(k *check, at string) {
	p := d.Policy()
	if err := p.CheckCallers(); err != nil {
		k.fail(at+".calls.callers", "%s", strings.TrimPrefix(err.Error(), "caller identity: "))
	}
	for i, a := range d.Agents {
		if a.Caller == nil {
			continue
		}
		if err := presence.CallerID(*a.Caller).Check(); err != nil {
			k.fail(fmt.Sprintf("%s.agents[%d].caller", at, i), "%s", strings.TrimPrefix(err.Error(), "caller identity: "))
		}
	}
}

// checkHours checks what a domain says of hours, and its agents.
func (d *Domain) checkHours(k *check, at string) {
	if _, err := schedule.FindZone(d.TimeZone); err != nil {
		k.fail(at+".time_zone", "%s", strings.TrimPrefix(err.Error(), "schedule: "))
	}
	d.Hours.check(k, at+".hours")
	checkTarget(k, at+".after_hours", d.AfterHours)
	for i, a := range d.Agents {
		p := fmt.Sprintf("%s.agents[%d]", at, i)
		a.Hours.check(k, p+".hours")
		checkTarget(k, p+".after_hours", a.AfterHours)
	}
}

func checkTarget(k *check, path, to string) {
	if err := presence.CheckFallback(to); err != nil {
		k.fail(path, "%q: %v", to, err)
	}
}
