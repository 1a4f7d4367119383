package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"lamplight/store"
	"lamplight/store/sqlite"
)

// TestFullDisk fills a file system of 2 MB. It needs the right to mount one;
// TestFullDatabase stands in for it where that is missing.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=2m")
	if errors.Is(err, syscall.EPERM) {
		t.Skip("no right to mount a file system")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	ballast := filepath.Join(dir, "ballast")
	if err := os.WriteFile(ballast, make([]byte, 768<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	checkFull(t, sqlite.Options{Dir: dir}, func(t *testing.T, _ store.Store) {
		if err := os.Remove(ballast); err != nil {
			t.Fatal(err)
		}
	})
}
