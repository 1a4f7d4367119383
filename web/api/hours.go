package api

import (
	"fmt"
	"net/http"

	"lamplight/presence/schedule"
)

// hoursJSON are working hours, as lines; none of both are none.
type hoursJSON struct {
	Week []string `json:"week"`
	Days []string `json:"days"`
}

func hoursOf(s *schedule.Schedule) *hoursJSON {
	if s == nil {
		return nil
	}
	j := &hoursJSON{Week: []string{}, Days: []string{}}
	for _, w := range s.Week {
		j.Week = append(j.Week, w.String())
	}
	for _, d := range s.Days {
		j.Days = append(j.Days, d.String())
	}
	return j
}

// schedule reads the lines; of says whose they are.
func (j *hoursJSON) schedule(of string) (*schedule.Schedule, error) {
	if len(j.Week)+len(j.Days) == 0 {
		return nil, nil //nolint:nilnil // there are none
	}
	bad := func(err error) (*schedule.Schedule, error) {
		return nil, problem(http.StatusUnprocessableEntity, "%s: %s", of, err)
	}
	s := &schedule.Schedule{Week: make([]schedule.Weekly, len(j.Week)), Days: make([]schedule.Day, len(j.Days))}
	for i, line := range j.Week {
		if err := s.Week[i].UnmarshalText([]byte(line)); err != nil {
			return bad(fmt.Errorf("week[%d]: %w", i, err))
		}
	}
	for i, line := range j.Days {
		if err := s.Days[i].UnmarshalText([]byte(line)); err != nil {
			return bad(fmt.Errorf("days[%d]: %w", i, err))
		}
	}
	if err := s.Check(); err != nil {
		return bad(err)
	}
	return s, nil
}
