package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"lamplight/presence"
	"lamplight/presence/roster"
	"lamplight/presence/status"
	"lamplight/web/access"
	"lamplight/web/login"
	"lamplight/web/ticket"
)

// meJSON is who is asking.
type meJSON struct {
	Kind         access.Kind           `json:"kind"`
	Name         string                `json:"name,omitempty"`
	Role         presence.Role         `json:"role"`
	Domain       string                `json:"domain,omitempty"`
	Agent        *agentJSON            `json:"agent,omitempty"`
	KeepSelected presence.KeepSelected `json:"keep_selected,omitempty"`
}

func (a *API) me(s *access.Subject) meJSON {
	j := meJSON{Kind: s.Kind, Name: s.Name, Role: s.Role}
	if dom, ok := a.o.Directory.Domain(s.Domain); ok {
		j.Domain = dom.Name()
		j.KeepSelected = dom.Policy.WithDefaults().KeepSelected
	}
	if snap, ok := a.o.Roster.Snapshot(s.Agent); ok && !s.Agent.IsZero() {
		v := a.view(snap, true, time.Now())
		j.Agent = &v
	}
	return j
}

// getMe says who is asking.
func (a *API) getMe(r *request) error { return r.answer(http.StatusOK, a.me(r.subject)) }

// login opens a page session.
func (a *API) login(r *request) error {
	var in struct {
		Number   string `json:"number"`
		Password string `json:"password"`
		Domain   string `json:"domain"`
		Framed   bool   `json:"framed"`
	}
	if err := r.into(&in); err != nil {
		return err
	}
	from, secure := a.o.Proxies.Client(r.Request), a.o.Proxies.Secure(r.Request)
	if !secure && a.o.Proxies.Stray(r.Request) {
		return forbidden("this came by a proxy that is not trusted: name it in http.behind_proxy, and let it send X-Forwarded-Proto")
	}
	if !secure && !login.MayUsePlain(from) {
		return forbidden("log in over HTTPS: plain HTTP would show the password to the network")
	}
	dom, err := a.domainNamed(in.Domain)
	if err != nil {
		return err
	}
	s, err := a.o.Sessions.Open(r.Context(), dom.ID, in.Number, in.Password, from)
	a.meters.logins.WithLabelValues(loginOutcome(err)).Inc()
	if err != nil {
		a.o.Log.Info().Str("agent", in.Number).Str("domain", dom.Name()).Str("src", from.String()).
			Str("outcome", loginOutcome(err)).Msg("login refused")
		if errors.Is(err, login.ErrWrong) {
			return problem(http.StatusUnauthorized, "number or password is wrong").named("wrong-password")
		}
		return err
	}
	if err := a.begin(r.Context(), dom, &s.Subject); err != nil {
		return err
	}
	login.Cookie{Secure: secure, Framed: in.Framed && a.o.Framed}.Set(r.w, s.Token, s.Expires)
	return r.answer(http.StatusOK, a.me(&s.Subject))
}

// begin selects Available where the domain wants every login to begin so (rule
// 5 of presence/RULES.md).
func (a *API) begin(ctx context.Context, dom *presence.Domain, s *access.Subject) error {
	snap, ok := a.o.Roster.Snapshot(s.Agent)
	if !ok || dom.Policy.KeepSelected != presence.KeepAvailable {
		return nil
	}
	next, _ := status.AtLogin(snap.Selected, dom.Policy, time.Now())
	if next == snap.Selected.Status {
		return nil
	}
	_, err := a.o.Roster.Do(ctx, s.Agent, roster.Change{
		Cause: presence.CauseLogin, Actor: s.Actor(), Ops: []roster.Op{roster.Select{Status: next}},
	})
	return err
}

func loginOutcome(err error) string {
	var limited *login.LimitedError
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, login.ErrWrong):
		return "wrong"
	case errors.As(err, &limited):
		return "limited"
	}
	return "unavailable"
}

// logout ends the page session of this browser, and the webphone with it.
// Without a session there is nothing to end, which is no error.
func (a *API) logout(r *request) error {
	secure := a.o.Proxies.Secure(r.Request)
	token := login.Token(r.Request, secure)
	login.ClearCookie(r.w, secure)
	if token == "" {
		return r.noContent()
	}
	s, open, err := a.o.Sessions.Find(r.Context(), token)
	if err != nil {
		return err
	}
	if err := a.o.Sessions.Close(r.Context(), token); err != nil {
		return err
	}
	if !open {
		return r.noContent()
	}
	a.o.Tickets.Revoke(s.Session)
	a.endStreams(s)
	if a.o.SessionEnded != nil {
		a.o.SessionEnded(ticket.Subject{Domain: s.Domain, Agent: s.Agent, Session: s.Session})
		return r.noContent()
	}
	_, err = a.o.Roster.Do(r.Context(), s.Agent, roster.Change{
		Cause: presence.CauseLogout, Actor: s.Actor(), Ops: []roster.Op{roster.Logout{}},
	})
	if err != nil {
		return err
	}
	return r.noContent()
}

// webphoneTicket lets the page open the webphone's WebSocket.
func (a *API) webphoneTicket(r *request) error {
	if r.subject.Kind != access.KindAgent {
		return forbidden("a webphone belongs to a person who is logged in; a token has none")
	}
	t, life, err := a.o.Tickets.Issue(ticket.Subject{
		Domain: r.subject.Domain, Agent: r.subject.Agent, Session: r.subject.Session,
	})
	if err != nil {
		p := problem(http.StatusServiceUnavailable, "too many tickets are waiting; try again in a moment")
		p.retry, p.cause = life, err
		return p
	}
	return r.answer(http.StatusCreated, struct {
		Ticket  string `json:"ticket"`
		Seconds int    `json:"expires_in_seconds"`
	}{t, int(life / time.Second)})
}

// getDocument serves the contract.
func (a *API) getDocument(r *request) error {
	r.w.Header().Set("Content-Type", mediaJSON)
	_, _ = r.w.Write(Document)
	return nil
}
