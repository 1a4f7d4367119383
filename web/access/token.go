package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"

	"lamplight/presence"
)

// ErrToken says that the configuration of a bearer token is wrong.
var ErrToken = errors.New("access: token")

// RoleAgentRead is a token's role that reads what any agent may see of the
// team, and changes nothing.
const RoleAgentRead presence.Role = "agent-read"

// Token is a bearer token as configuration has it: the token itself is not
// kept.
type Token struct {
	Name string
	// Hash is the hex of the SHA-256 of the token; see HashToken.
	Hash string
	// Role is admin, supervisor or agent-read.
	Role presence.Role
	// Domain limits the token to one domain; zero: every domain.
	Domain presence.DomainID
}

// HashToken is what Token.Hash holds for this token.
func HashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// Tokens is the table of bearer tokens. It is safe for concurrent use.
type Tokens struct {
	rows atomic.Pointer[[]row]
}

type row struct {
	hash    [sha256.Size]byte
	subject Subject
}

// NewTokens checks the tokens and makes their table.
func NewTokens(list []Token) (*Tokens, error) {
	t := &Tokens{}
	return t, t.Set(list)
}

// Set replaces the table as a whole, or leaves it as it was on an error.
func (t *Tokens) Set(list []Token) error {
	rows := make([]row, 0, len(list))
	for _, tok := range list {
		r, err := tok.row()
		if err != nil {
			return err
		}
		rows = append(rows, r)
	}
	t.rows.Store(&rows)
	return nil
}

func (tok *Token) row() (row, error) {
	if tok.Name == "" {
		return row{}, fmt.Errorf("%w without a name", ErrToken)
	}
	sum, err := hex.DecodeString(tok.Hash)
	if err != nil || len(sum) != sha256.Size {
		return row{}, fmt.Errorf("%w %q: the hash is not the hex of a SHA-256", ErrToken, tok.Name)
	}
	role := tok.Role
	switch role {
	case presence.RoleAdmin, presence.RoleSupervisor:
	case RoleAgentRead, presence.RoleAgent:
		role = presence.RoleAgent
	default:
		return row{}, fmt.Errorf("%w %q: role %q is none of admin, supervisor, agent-read", ErrToken, tok.Name, tok.Role)
	}
	return row{
		hash:    [sha256.Size]byte(sum),
		subject: Subject{Kind: KindToken, Name: tok.Name, Role: role, Domain: tok.Domain},
	}, nil
}

// Lookup finds the subject of a token. Every row is compared, in constant time,
// so that the time taken says nothing of the token or of its place.
func (t *Tokens) Lookup(token string) (*Subject, bool) {
	sum := sha256.Sum256([]byte(token))
	rows := *t.rows.Load()
	found := -1
	for i := range rows {
		if subtle.ConstantTimeCompare(sum[:], rows[i].hash[:]) == 1 {
			found = i
		}
	}
	if found < 0 {
		return nil, false
	}
	s := rows[found].subject
	return &s, true
}

// Bearer is the token of the Authorization header (RFC 6750 §2.1); ok is false
// when the header has none.
func Bearer(r *http.Request) (token string, ok bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return "", false
	}
	return strings.TrimSpace(token), true
}
