package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"lamplight/store/sqlite"
)

// TestTornLog opens copies of a database whose write-ahead log was cut off or
// damaged, as a loss of power leaves it: what was complete before the damage is
// there, what comes after it is not, and no batch is there by half.
func TestTornLog(t *testing.T) {
	dir := t.TempDir()
	s := open(t, sqlite.Options{Dir: dir})
	const batches = 40
	wal := filepath.Join(dir, sqlite.FileName+"-wal")
	sizes := []int64{0} // of the log after each batch
	for n := 1; n <= batches; n++ {
		if err := s.Commit(t.Context(), lineBatch(0, n)); err != nil {
			t.Fatal(err)
		}
		fi, err := os.Stat(wal)
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, fi.Size())
	}
	db, err := os.ReadFile(filepath.Join(dir, sqlite.FileName))
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(wal)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// The migration's frames come before the first batch's; damage before them
	// leaves a database that is migrated anew.
	rng := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		at := rng.Int64N(sizes[batches])
		damaged := append([]byte(nil), log...)
		damaged[at] ^= 1 << rng.IntN(8)
		for name, torn := range map[string][]byte{"cut": log[:at], "bit flipped": damaged} {
			t.Run(fmt.Sprintf("%s at %d", name, at), func(t *testing.T) {
				checkTorn(t, db, torn, sizes, at)
			})
		}
	}
	checkTorn(t, db, log, sizes, sizes[batches])
	checkTorn(t, db, nil, sizes, 0)
}

func checkTorn(t *testing.T, db, log []byte, sizes []int64, at int64) {
	t.Helper()
	dir := t.TempDir()
	for name, b := range map[string][]byte{sqlite.FileName: db, sqlite.FileName + "-wal": log} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	complete := 0 // batches that were in the log before the damage
	for complete < len(sizes)-1 && sizes[complete+1] <= at {
		complete++
	}
	s := open(t, sqlite.Options{Dir: dir})
	defer s.Close()
	if end, _ := checkLine(t, s, 0); end != complete {
		t.Errorf("damage at byte %d: %d batches left, want %d", at, end, complete)
	}
	if err := s.Commit(t.Context(), lineBatch(0, complete+1)); err != nil {
		t.Fatal(err)
	}
	checkLine(t, s, 0)
}
