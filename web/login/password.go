// Package login lets people in to the pages: passwords, how often one may try,
// and the sessions that a cookie names.
//
// Sessions are kept in the store, so that they outlive a restart; a cookie's
// value is stored as its hash only. A session ends by logout, by its lifetime,
// and when the agent's password changes or the agent is deleted.
package login

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
)

// Errors matched by errors.Is.
var (
	// ErrHash: a stored password hash cannot be read.
	ErrHash = errors.New("login: password hash")
	// ErrBusy: too many passwords are being verified.
	ErrBusy = errors.New("login: too many logins at once")
)

// The cost of a hash: 19 MiB and two passes, on one lane (RFC 9106 §4 leaves
// the choice to what the machine can bear in some tens of milliseconds).
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2
	argonThreads = 1
	saltLen      = 16
	keyLen       = 32
)

// Bounds of what a stored hash may ask for, so that a broken record cannot
// exhaust the machine.
const (
	maxMemory = 256 * 1024 // KiB
	maxTime   = 16
)

// HashPassword makes the argon2id hash that presence.Agent.LoginHash holds, in
// the usual text form with its own salt.
func HashPassword(password string) string {
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // never fails
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonThreads, keyLen)
	b := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version,
		argonMemory, argonTime, argonThreads, b.EncodeToString(salt), b.EncodeToString(key))
}

// VerifyPassword reports whether password is the one behind hash.
func VerifyPassword(hash, password string) (bool, error) {
	f := strings.Split(hash, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" {
		return false, fmt.Errorf("%w: not argon2id", ErrHash)
	}
	var version, memory, passes, threads int
	if _, err := fmt.Sscanf(f[2], "v=%d", &version); err != nil || version != argon2.Version {
		return false, fmt.Errorf("%w: version %q", ErrHash, f[2])
	}
	if _, err := fmt.Sscanf(f[3], "m=%d,t=%d,p=%d", &memory, &passes, &threads); err != nil {
		return false, fmt.Errorf("%w: parameters %q", ErrHash, f[3])
	}
	if memory < 8 || memory > maxMemory || passes < 1 || passes > maxTime || threads < 1 || threads > 255 {
		return false, fmt.Errorf("%w: parameters %q out of bounds", ErrHash, f[3])
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(f[4])
	want, err2 := base64.RawStdEncoding.DecodeString(f[5])
	if err := errors.Join(err1, err2); err != nil || len(want) == 0 || len(want) > 128 {
		return false, fmt.Errorf("%w: not base64 of a fit length", ErrHash)
	}
	got := argon2.IDKey([]byte(password), salt, uint32(passes), uint32(memory), uint8(threads), uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1, nil
}

// verifier bounds how many passwords are verified at once: each takes 19 MiB
// and some tens of milliseconds of a core.
type verifier struct {
	slots chan struct{}
	wait  time.Duration
	// nobody is verified where there is no such agent, so that the time taken
	// does not tell who exists.
	nobody string
}

func newVerifier() *verifier {
	return &verifier{
		slots:  make(chan struct{}, max(1, runtime.GOMAXPROCS(0))),
		wait:   5 * time.Second,
		nobody: HashPassword(rand.Text()),
	}
}

// verify answers false for an empty hash, after the same work as for another.
func (v *verifier) verify(ctx context.Context, hash, password string) (bool, error) {
	timeout := time.NewTimer(v.wait)
	defer timeout.Stop()
	select {
	case v.slots <- struct{}{}:
		defer func() { <-v.slots }()
	case <-timeout.C:
		return false, ErrBusy
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if hash == "" {
		_, err := VerifyPassword(v.nobody, password)
		return false, err
	}
	return VerifyPassword(hash, password)
}
