package login

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/alexedwards/scs/v2"

	"lamplight/presence"
	"lamplight/store"
	"lamplight/web/access"
)

// ErrWrong says that there is no such agent, no login, or another password;
// which of them is not told.
var ErrWrong = errors.New("login: number or password is wrong")

// LimitedError says that there were too many failures; try again after Wait.
type LimitedError struct{ Wait time.Duration }

func (e *LimitedError) Error() string {
	return fmt.Sprintf("login: too many failed logins; try again in %s", e.Wait.Round(time.Second))
}

// Directory is what logins need to know of agents.
type Directory interface {
	Agent(presence.AgentID) (*presence.Agent, bool)
	AgentByNumber(dom presence.DomainID, number string) (*presence.Agent, bool)
}

// Options of Sessions. Store and Directory are needed; the rest has defaults.
type Options struct {
	Store     store.Store
	Directory Directory
	Life      time.Duration // of a session, default 14 h
	// UserTries and SourceTries are how many logins of one user and from one
	// address may fail at once; default 10 and 100.
	UserTries, SourceTries int
	// UserPause and SourcePause are in how long one try comes back; default ten
	// seconds and one.
	UserPause, SourcePause time.Duration
}

// Sessions is safe for concurrent use.
type Sessions struct {
	dir      Directory
	manager  *scs.SessionManager
	verifier *verifier
	users    *attempts
	sources  *attempts
}

// keysRemembered bounds how many users and addresses failures are counted for.
const keysRemembered = 20_000

// New makes the sessions over what the store holds.
func New(o Options) *Sessions {
	if o.Life <= 0 {
		o.Life = 14 * time.Hour
	}
	if o.UserTries <= 0 {
		o.UserTries = 10
	}
	if o.SourceTries <= 0 {
		o.SourceTries = 100
	}
	if o.UserPause <= 0 {
		o.UserPause = 10 * time.Second
	}
	if o.SourcePause <= 0 {
		o.SourcePause = time.Second
	}
	// Not scs.New, which begins with a store of its own and that one's clean-up.
	m := &scs.SessionManager{
		Store: kept{o.Store}, Lifetime: o.Life, Codec: scs.GobCodec{}, HashTokenInStore: true,
	}
	return &Sessions{
		dir: o.Directory, manager: m, verifier: newVerifier(),
		users:   newAttempts(o.UserPause, o.UserTries, keysRemembered),
		sources: newAttempts(o.SourcePause, o.SourceTries, keysRemembered),
	}
}

// What a session holds.
const (
	fieldAgent = "agent"
	fieldProof = "proof" // of the password it was opened with
)

// Session is an open session with the value of its cookie.
type Session struct {
	Subject access.Subject
	Token   string
	Expires time.Time
}

// Open verifies the password and opens a session: ErrWrong, ErrBusy, a
// *LimitedError, or what the store says. The session is durable when it
// returns.
func (s *Sessions) Open(ctx context.Context, dom presence.DomainID, number, password string, from netip.Addr) (*Session, error) {
	agent, err := s.verify(ctx, dom, number, password, from)
	if err != nil {
		return nil, err
	}
	ctx, err = s.manager.Load(ctx, "")
	if err != nil {
		return nil, fmt.Errorf("login: new session: %w", err)
	}
	s.manager.Put(ctx, fieldAgent, agent.ID.String())
	s.manager.Put(ctx, fieldProof, proof(agent))
	token, expires, err := s.manager.Commit(ctx)
	if err != nil {
		return nil, fmt.Errorf("login: new session: %w", err)
	}
	return &Session{Subject: subject(agent, token), Token: token, Expires: expires}, nil
}

func (s *Sessions) verify(ctx context.Context, dom presence.DomainID, number, password string, from netip.Addr) (*presence.Agent, error) {
	now := time.Now()
	user, source := dom.String()+"/"+number, sourceKey(from)
	if wait := s.sources.take(source, now); wait > 0 {
		return nil, &LimitedError{wait}
	}
	if wait := s.users.take(user, now); wait > 0 {
		s.sources.giveBack(source, now)
		return nil, &LimitedError{wait}
	}
	hash := ""
	agent, known := s.dir.AgentByNumber(dom, number)
	if known {
		hash = agent.LoginHash
	}
	right, err := s.verifier.verify(ctx, hash, password)
	if err == nil && !right {
		return nil, ErrWrong
	}
	s.sources.giveBack(source, now)
	s.users.giveBack(user, now)
	if err != nil {
		return nil, err
	}
	return agent, nil
}

// Find is the subject of an open session; ok is false when there is none.
func (s *Sessions) Find(ctx context.Context, token string) (subj *access.Subject, ok bool, err error) {
	ctx, err = s.manager.Load(ctx, token)
	if err != nil {
		return nil, false, err
	}
	id, err := presence.ParseID(s.manager.GetString(ctx, fieldAgent))
	if err != nil {
		return nil, false, nil //nolint:nilerr // a new, empty session: nobody is logged in
	}
	agent, ok := s.dir.Agent(presence.AgentID{ID: id})
	if !ok || agent.LoginHash == "" || s.manager.GetString(ctx, fieldProof) != proof(agent) {
		return nil, false, nil
	}
	found := subject(agent, token)
	return &found, true, nil
}

// Close ends a session, durably. Ending none is no error.
func (s *Sessions) Close(ctx context.Context, token string) error {
	ctx, err := s.manager.Load(ctx, token)
	if err != nil {
		return err
	}
	if !s.manager.Exists(ctx, fieldAgent) {
		return nil
	}
	return s.manager.Destroy(ctx)
}

func subject(a *presence.Agent, token string) access.Subject {
	role := a.Role
	if role == "" {
		role = presence.RoleAgent
	}
	sum := sha256.Sum256([]byte("session:" + token))
	return access.Subject{
		Kind: access.KindAgent, Name: a.Number, Role: role, Domain: a.Domain, Agent: a.ID,
		Session: hex.EncodeToString(sum[:8]),
	}
}

// proof ties a session to the password it was opened with, without telling it:
// another password ends the session.
func proof(a *presence.Agent) string {
	sum := sha256.Sum256([]byte("proof:" + a.LoginHash))
	return hex.EncodeToString(sum[:8])
}
