package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"lamplight/presence/desk"
	"lamplight/presence/directory"
	"lamplight/presence/lists"
	"lamplight/presence/roster"
	"lamplight/presence/status"
	"lamplight/store"
	"lamplight/web/login"
)

// Problem is an error in the shape of RFC 9457 §3.
type Problem struct {
	Type   string  `json:"type"`
	Title  string  `json:"title"`
	Status int     `json:"status"`
	Detail string  `json:"detail,omitempty"`
	Errors []Field `json:"errors,omitempty"`

	retry time.Duration // for Retry-After; zero: none
	cause error         // for the log
}

// Field is one mistake in a request.
type Field struct {
	Field   string `json:"field,omitempty"`
	Line    int    `json:"line,omitempty"`
	Message string `json:"message"`
}

func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// Unwrap is the error behind the problem.
func (p *Problem) Unwrap() error { return p.cause }

// problem makes one; the type is told from the status alone.
func problem(code int, format string, args ...any) *Problem {
	return &Problem{
		Type: "about:blank", Title: http.StatusText(code), Status: code,
		Detail: fmt.Sprintf(format, args...),
	}
}

// named gives the problem a type of its own, for programs to tell it apart.
func (p *Problem) named(kind string) *Problem {
	p.Type = "urn:lamplight:problem:" + kind
	return p
}

// WriteProblem answers with a problem and may be used by handlers outside this
// package, so that every error has one shape.
func WriteProblem(w http.ResponseWriter, p *Problem) {
	h := w.Header()
	h.Set("Content-Type", mediaProblem)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Del("Content-Length")
	if p.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(int((p.retry+time.Second-1)/time.Second)))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", `Bearer realm="lamplight"`)
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

// NewProblem makes a problem of this status.
func NewProblem(code int, detail string) *Problem { return problem(code, "%s", detail) }

// asProblem says in HTTP's words what went wrong below. What it does not know
// is the store's word: the change is not durable and was not made.
func asProblem(err error) *Problem {
	var p *Problem
	var limited *login.LimitedError
	var mistakes *directory.Mistakes
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, context.Canceled):
		return problem(http.StatusRequestTimeout, "the request was given up")
	case errors.As(err, &limited):
		p = problem(http.StatusTooManyRequests, "too many failed logins; try again in %s", limited.Wait.Round(time.Second))
		p.retry = limited.Wait
		return p
	case errors.Is(err, login.ErrBusy):
		p = problem(http.StatusServiceUnavailable, "too many logins at once; try again in a moment")
		p.retry = 2 * time.Second
		return p
	case errors.As(err, &mistakes):
		return fromMistakes(mistakes)
	case errors.Is(err, directory.ErrTaken):
		return problem(http.StatusConflict, "%s", plain(err)).named("taken")
	case errors.Is(err, directory.ErrNotFound), errors.Is(err, roster.ErrUnknown), errors.Is(err, lists.ErrNotFound):
		return problem(http.StatusNotFound, "%s", plain(err))
	case errors.Is(err, status.ErrNotSelectable), errors.Is(err, status.ErrUnknown), errors.Is(err, directory.ErrInvalid),
		errors.Is(err, lists.ErrInvalid), errors.Is(err, lists.ErrFull):
		return problem(http.StatusUnprocessableEntity, "%s", plain(err))
	case errors.Is(err, roster.ErrRefused), errors.Is(err, desk.ErrDesk):
		return problem(http.StatusConflict, "%s", plain(err)).named("refused")
	}
	detail := "the change could not be made durable and was not made"
	if errors.Is(err, store.ErrFull) || errors.Is(err, roster.ErrBusy) {
		detail = "too much is waiting to be written; the change was not made"
	}
	p = problem(http.StatusServiceUnavailable, "%s; try again in a moment", detail).named("unavailable")
	p.retry, p.cause = 2*time.Second, err
	return p
}

// plain is the error's text without the names of packages, for a person.
func plain(err error) string {
	text := err.Error()
	for _, prefix := range [...]string{"roster: refused: ", "roster: ", "directory: invalid: ", "directory: ",
		"lists: invalid: ", "lists: not found: ", "lists: ", "desk: no hot desk: ", "desk: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}

func fromMistakes(m *directory.Mistakes) *Problem {
	code, kind := http.StatusUnprocessableEntity, "invalid"
	switch {
	case errors.Is(m, directory.ErrTaken):
		code, kind = http.StatusConflict, "taken"
	case errors.Is(m, directory.ErrNotFound):
		code, kind = http.StatusNotFound, "not-found"
	}
	p := problem(code, "%s", plain(m)).named(kind)
	for _, one := range m.List {
		p.Errors = append(p.Errors, Field{Field: one.Kind, Message: one.Error()})
	}
	return p
}
