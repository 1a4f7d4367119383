package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"lamplight/presence"
	"lamplight/web/access"
	"lamplight/web/login"
	"lamplight/web/schema"
)

// Limits of a request.
const (
	maxBody   = 64 << 10
	maxImport = 64 << 20
	bodyLimit = 20 * time.Second // for the whole of a JSON body to come
)

// request is one call of an operation, by somebody who may make it.
type request struct {
	*http.Request
	w http.ResponseWriter
	// subject is nil where the operation needs none.
	subject *access.Subject
	body    []byte // checked against the schema
}

// serve makes a handler of an operation: who is asking, may they, is the
// request what the document says; then the answer or the problem.
func (a *API) serve(op *operation, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := &request{Request: r, w: w}
		out := &answered{ResponseWriter: w}
		req.w = out
		defer func() {
			if v := recover(); v != nil && v != http.ErrAbortHandler { //nolint:errorlint // a panic's value
				a.o.Log.Error().Str("operation", op.ID).Interface("panic", v).Bytes("stack", debug.Stack()).Msg("handler failed")
				a.fail(out, op, problem(http.StatusInternalServerError, "a defect of the server; it is in its log"))
			}
			a.meters.request(op.ID, out.code)
		}()
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		err := a.admit(op, req)
		if err == nil {
			err = h(req)
		}
		if err != nil {
			a.fail(out, op, asProblem(err))
		}
	})
}

// fail answers with the problem unless something was answered already.
func (a *API) fail(out *answered, op *operation, p *Problem) {
	if p.Status >= http.StatusInternalServerError {
		a.o.Log.Warn().Str("operation", op.ID).Int("status", p.Status).AnErr("cause", p.cause).Msg(p.Detail)
	}
	if out.code == 0 {
		WriteProblem(out, p)
	}
}

// admit checks the request against the operation.
func (a *API) admit(op *operation, r *request) error {
	if op.Role != "" {
		subject, err := a.who(r.Request)
		if err != nil {
			return err
		}
		if !subject.Has(op.Role) {
			return forbidden("this needs the role %s; %s has the role %s", op.Role, subject.Actor(), subject.Role)
		}
		r.subject = subject
	}
	if err := a.checkQuery(op, r); err != nil {
		return err
	}
	return a.checkBody(op, r)
}

func forbidden(format string, args ...any) *Problem {
	return problem(http.StatusForbidden, format, args...)
}

// who finds out who is asking: a token before a cookie.
func (a *API) who(r *http.Request) (*access.Subject, error) {
	if token, ok := access.Bearer(r); ok {
		if s, ok := a.o.Tokens.Lookup(token); ok {
			return s, nil
		}
		return nil, problem(http.StatusUnauthorized, "the bearer token is not known")
	}
	if token := login.Token(r, a.o.Proxies.Secure(r)); token != "" {
		s, ok, err := a.o.Sessions.Find(r.Context(), token)
		if err != nil {
			return nil, err
		}
		if ok {
			return s, nil
		}
		return nil, problem(http.StatusUnauthorized, "the session has ended; log in again")
	}
	return nil, problem(http.StatusUnauthorized, "log in, or send a bearer token")
}

func (a *API) checkQuery(op *operation, r *request) error {
	values := r.URL.Query()
	var found []Field
	for name, list := range values {
		s, ok := op.Query[name]
		switch {
		case !ok:
			found = append(found, Field{Field: name, Message: "is not known here"})
			continue
		case len(list) > 1:
			found = append(found, Field{Field: name, Message: "is given more than once"})
			continue
		}
		var v any = list[0]
		if resolved, err := a.contract.schemas.Resolve(s); err == nil && resolved.Type == "integer" {
			if _, err := strconv.ParseInt(list[0], 10, 64); err != nil {
				found = append(found, Field{Field: name, Message: "must be a whole number"})
				continue
			}
			v = json.Number(list[0])
		}
		found = append(found, fields(a.contract.schemas.Check(s, v), name)...)
	}
	if found == nil {
		return nil
	}
	slices.SortFunc(found, func(x, y Field) int { return strings.Compare(x.Field, y.Field) })
	p := problem(http.StatusBadRequest, "the query is wrong: %s", found[0].Field+" "+found[0].Message)
	p.Errors = found
	return p
}

func fields(l []schema.Mistake, at string) []Field {
	out := make([]Field, 0, len(l))
	for _, m := range l {
		f := m.Field
		if at != "" {
			f = at + f
		}
		out = append(out, Field{Field: f, Message: m.Message})
	}
	return out
}

// checkBody reads a JSON body and holds it to its schema; a body of another
// type is left to the handler.
func (a *API) checkBody(op *operation, r *request) error {
	if op.BodyType == "" {
		r.Body = http.MaxBytesReader(r.w, r.Body, maxBody)
		return nil
	}
	limit := int64(maxBody)
	if op.Body == nil {
		limit = maxImport
	}
	r.Body = http.MaxBytesReader(r.w, r.Body, limit)
	empty := r.ContentLength == 0
	media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if media != op.BodyType && (!empty || op.BodyRequired) {
		return problem(http.StatusUnsupportedMediaType, "the body must be %s", op.BodyType)
	}
	if op.Body == nil {
		return nil
	}
	// A body that drips in would hold the connection for as long as it likes.
	conn := http.NewResponseController(r.w)
	_ = conn.SetReadDeadline(time.Now().Add(bodyLimit))
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return bodyProblem(err)
	}
	_ = conn.SetReadDeadline(time.Time{})
	if len(bytes.TrimSpace(b)) == 0 {
		if op.BodyRequired {
			return problem(http.StatusBadRequest, "the body is empty")
		}
		b = []byte("{}")
	}
	return a.checkJSON(op, r, b)
}

func (a *API) checkJSON(op *operation, r *request, b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return problem(http.StatusBadRequest, "the body is not JSON: %v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return problem(http.StatusBadRequest, "the body is more than one JSON value")
	}
	if mistakes := a.contract.schemas.Check(op.Body, v); len(mistakes) > 0 {
		p := problem(http.StatusBadRequest, "the body is wrong: %s", strings.TrimSpace(mistakes[0].Field+" "+mistakes[0].Message))
		p.Errors = fields(mistakes, "")
		return p
	}
	r.body = b
	return nil
}

func bodyProblem(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return problem(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes", large.Limit)
	}
	return problem(http.StatusBadRequest, "the body could not be read: %v", err)
}

// into decodes the checked body.
func (r *request) into(v any) error {
	if err := json.Unmarshal(r.body, v); err != nil {
		return problem(http.StatusBadRequest, "the body is wrong: %v", err)
	}
	return nil
}

// intQuery is a checked whole number of the query, or def.
func (r *request) intQuery(name string, def int64) int64 {
	n, err := strconv.ParseInt(r.URL.Query().Get(name), 10, 64)
	if err != nil {
		return def
	}
	return n
}

// answer writes v as JSON.
func (r *request) answer(code int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("api: answer: %w", err)
	}
	r.w.Header().Set("Content-Type", mediaJSON)
	r.w.WriteHeader(code)
	_, _ = r.w.Write(append(b, '\n'))
	return nil
}

func (r *request) noContent() error {
	r.w.WriteHeader(http.StatusNoContent)
	return nil
}

// domain is the tenant the request is about.
func (a *API) domain(r *request) (*presence.Domain, error) {
	name := r.URL.Query().Get("domain")
	if !r.subject.Domain.IsZero() {
		dom, ok := a.o.Directory.Domain(r.subject.Domain)
		if !ok {
			return nil, forbidden("the domain of %s is no more", r.subject.Actor())
		}
		if name != "" && !slices.Contains(dom.Names, strings.ToLower(name)) {
			return nil, forbidden("%s belongs to the domain %s", r.subject.Actor(), dom.Name())
		}
		return dom, nil
	}
	return a.domainNamed(name)
}

// domainNamed finds a domain by name; no name means the only one.
func (a *API) domainNamed(name string) (*presence.Domain, error) {
	if name != "" {
		if dom, ok := a.o.Directory.DomainByName(name); ok {
			return dom, nil
		}
		return nil, problem(http.StatusNotFound, "there is no domain %q", name)
	}
	all := a.o.Directory.Domains()
	switch len(all) {
	case 1:
		return all[0], nil
	case 0:
		return nil, problem(http.StatusNotFound, "there is no domain yet")
	}
	return nil, problem(http.StatusBadRequest, "there are several domains; name one in the query parameter domain")
}

// agent is whom the path names, by id or number, within the request's domain.
func (a *API) agent(r *request) (*presence.Domain, *presence.Agent, error) {
	dom, err := a.domain(r)
	if err != nil {
		return nil, nil, err
	}
	agent, err := a.agentNamed(dom, r.PathValue("agent"))
	return dom, agent, err
}

func (a *API) agentNamed(dom *presence.Domain, name string) (*presence.Agent, error) {
	if agent, ok := a.o.Directory.AgentByNumber(dom.ID, name); ok {
		return agent, nil
	}
	if id, err := presence.ParseID(name); err == nil {
		if agent, ok := a.o.Directory.Agent(presence.AgentID{ID: id}); ok && agent.Domain == dom.ID {
			return agent, nil
		}
	}
	return nil, problem(http.StatusNotFound, "the domain %s has no agent %q", dom.Name(), name).named("unknown-agent")
}

// answered notes what was answered.
type answered struct {
	http.ResponseWriter
	code int
}

func (w *answered) WriteHeader(code int) {
	if w.code == 0 {
		w.code = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *answered) Write(b []byte) (int, error) {
	if w.code == 0 {
		w.code = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *answered) Unwrap() http.ResponseWriter { return w.ResponseWriter }
