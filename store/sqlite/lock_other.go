//go:build !unix

package sqlite

import (
	"errors"
	"io"
)

// lockFile refuses: two servers on one file would give out the same revisions.
func lockFile(string) (io.Closer, error) {
	return nil, errors.New("lock database: not supported on this operating system")
}
