package api

import (
	"net/http"
	"time"

	"lamplight/presence"
	"lamplight/presence/waiting"
)

type (
	// lineJSON is who waits for one group, in short.
	lineJSON struct {
		Group   string  `json:"group"` // the number
		Name    string  `json:"name"`
		Size    int     `json:"size"`
		Waiting int     `json:"waiting"`
		Longest float64 `json:"longest_seconds"`
	}
	waiterJSON struct {
		Position int       `json:"position"`
		Caller   string    `json:"caller"`
		CallID   string    `json:"call_id"`
		Since    time.Time `json:"since"`
		Waited   float64   `json:"waited_seconds"`
		Offered  string    `json:"offered_to,omitempty"`
	}
)

// line is who waits for a group now.
func (a *API) line(g *presence.Group) []waiting.Waiter {
	if a.o.Lines == nil {
		return nil
	}
	return a.o.Lines.List(g.ID)
}

// listWaiting shows how many callers wait for each group that lets callers wait.
func (a *API) listWaiting(r *request) error {
	dom, err := a.domain(r)
	if err != nil {
		return err
	}
	out, now := []lineJSON{}, time.Now()
	for _, g := range a.o.Directory.Groups(dom.ID) {
		all := a.line(g)
		if g.Queue.Size == 0 && len(all) == 0 {
			continue
		}
		j := lineJSON{Group: g.Number, Name: g.Name, Size: g.Queue.Size, Waiting: len(all)}
		for i := range all {
			j.Longest = max(j.Longest, now.Sub(all[i].Since).Seconds())
		}
		out = append(out, j)
	}
	return r.answer(http.StatusOK, struct {
		Lines []lineJSON `json:"lines"`
	}{out})
}

// listGroupWaiting shows who waits for a group, the first in front.
func (a *API) listGroupWaiting(r *request) error {
	g, err := a.group(r)
	if err != nil {
		return err
	}
	out, now := []waiterJSON{}, time.Now()
	for _, w := range a.line(g) {
		out = append(out, waiterJSON{w.Position, w.URI, w.CallID, w.Since.UTC(), now.Sub(w.Since).Seconds(), w.Offered})
	}
	return r.answer(http.StatusOK, struct {
		Waiting []waiterJSON `json:"waiting"`
	}{out})
}
