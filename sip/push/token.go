package push

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// maxToken bounds the file of a bearer token.
const maxToken = 64 << 10

// tokenFile is a bearer token that somebody else renews.
type tokenFile struct {
	name string

	mu      sync.Mutex
	token   string    // mu
	changed time.Time // mu; of the file when it was read
	size    int64     // mu
}

// read gives the token, from the file if that has changed.
func (f *tokenFile) read() (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	st, err := os.Stat(f.name)
	if err != nil {
		return "", fmt.Errorf("push: token file: %w", err)
	}
	if f.token != "" && st.ModTime().Equal(f.changed) && st.Size() == f.size {
		return f.token, nil
	}
	r, err := os.Open(f.name)
	if err != nil {
		return "", fmt.Errorf("push: token file: %w", err)
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxToken))
	if err != nil {
		return "", fmt.Errorf("push: token file: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if token == "" || strings.ContainsAny(token, " \t\r\n") {
		return "", fmt.Errorf("push: token file %s does not hold one token", f.name)
	}
	f.token, f.changed, f.size = token, st.ModTime(), st.Size()
	return token, nil
}
