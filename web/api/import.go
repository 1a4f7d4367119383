package api

import (
	"errors"
	"net/http"
	"time"

	"lamplight/presence/directory/csvimport"
)

// importAgents brings in a CSV file of agents with their devices.
func (a *API) importAgents(r *request) error {
	dom, err := a.domain(r)
	if err != nil {
		return err
	}
	dry := r.URL.Query().Get("dry_run")
	began := time.Now()
	// An import may take longer to read than other requests are given.
	_ = http.NewResponseController(r.w).SetReadDeadline(began.Add(10 * time.Minute))
	_ = http.NewResponseController(r.w).SetWriteDeadline(began.Add(11 * time.Minute))
	a.edit.Lock()
	defer a.edit.Unlock()
	report, err := csvimport.Import(r.Context(), csvimport.Options{
		Directory: a.o.Directory, Domain: dom.ID, HA1: csvimport.HA1(a.o.HA1),
		DryRun: dry == "1" || dry == "true", Actor: r.subject.Actor(),
	}, r.Body)
	var large *http.MaxBytesError
	switch {
	case errors.Is(err, csvimport.ErrHeader):
		p := problem(http.StatusUnprocessableEntity, "%v", err)
		p.Errors = []Field{{Line: 1, Message: err.Error()}}
		return p
	case errors.As(err, &large):
		return bodyProblem(err)
	case err != nil:
		return err
	}
	return r.answer(http.StatusOK, reportView(&report, time.Since(began)))
}

type reportJSON struct {
	DryRun    bool    `json:"dry_run"`
	Lines     int     `json:"lines"`
	Created   int     `json:"created"`
	Updated   int     `json:"updated"`
	Unchanged int     `json:"unchanged"`
	Failed    int     `json:"failed"`
	Errors    []Field `json:"errors"`
	Left      int     `json:"errors_left_out,omitempty"`
	Seconds   float64 `json:"seconds"`
}

func reportView(r *csvimport.Report, took time.Duration) reportJSON {
	j := reportJSON{
		DryRun: r.DryRun, Lines: r.Lines, Created: r.Created, Updated: r.Updated, Unchanged: r.Unchanged,
		Failed: r.Failed, Errors: []Field{}, Left: r.Left, Seconds: took.Seconds(),
	}
	for _, e := range r.Errors {
		j.Errors = append(j.Errors, Field{Field: e.Field, Line: e.Line, Message: e.Message})
	}
	return j
}
