package lab

import (
	"errors"
	"fmt"
	"time"
)

// Route is where a call to an agent would go now.
type Route struct {
	Allow bool   `json:"allow"`
	Code  int    `json:"code"`
	Text  string `json:"text"`
	Steps []struct {
		Targets []struct {
			Kind string `json:"kind"`
		} `json:"targets"`
	} `json:"steps"`
}

// Rings says whether a device of that kind would ring.
func (r Route) Rings(kind string) bool {
	for _, s := range r.Steps {
		for _, t := range s.Targets {
			if t.Kind == kind {
				return true
			}
		}
	}
	return false
}

// Route asks where a regular call to the agent would go.
func (s *Server) Route(number string) Route {
	s.t.Helper()
	var r Route
	s.API("POST", "/route", map[string]string{"agent": number, "kind": "regular"}, &r)
	return r
}

// NoTarget waits until a call is not offered to the agent's webphone any more.
func (s *Server) NoTarget(number string, within time.Duration) time.Duration {
	s.t.Helper()
	return Eventually(s.t, within, func() error {
		if s.Route(number).Rings("webphone") {
			return errors.New("the webphone is still a target")
		}
		return nil
	})
}

// Target waits until it is.
func (s *Server) Target(number string, within time.Duration) time.Duration {
	s.t.Helper()
	return Eventually(s.t, within, func() error {
		if r := s.Route(number); !r.Rings("webphone") {
			return fmt.Errorf("the webphone is no target: %d %s", r.Code, r.Text)
		}
		return nil
	})
}
