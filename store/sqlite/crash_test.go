package sqlite_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"lamplight/store"
	"lamplight/store/sqlite"
)

const (
	// crashChildEnv makes this test binary the process to be killed; its value is
	// the data directory.
	crashChildEnv = "LAMPLIGHT_STORE_CRASH_DIR"
	// crashRoundsEnv is how often to kill; the default is for every day.
	crashRoundsEnv = "LAMPLIGHT_STORE_CRASH_ROUNDS"

	lines   = 4  // goroutines that commit in the child
	kept    = 10 // batches after which a batch's own record is deleted again
	pending = 50 // batches of one line under way at once
)

func lineKey(line int, name any) store.Key {
	return store.Key{Domain: "d", Space: "crash", Key: fmt.Sprintf("%d/%v", line, name)}
}

// lineBatch is the nth batch of a line: three records that must always agree, one
// of its own, the deletion of an earlier one's, and a log entry.
func lineBatch(line, n int) store.Batch {
	data := []byte(strconv.Itoa(n))
	var b store.Batch
	for _, name := range []any{"a", "b", "c", n} {
		b.Writes = append(b.Writes, store.Put(store.Record{Key: lineKey(line, name), Data: data}))
	}
	b.Writes = append(b.Writes, store.Delete(lineKey(line, n-kept)))
	b.Log = []store.Entry{{Entity: strconv.Itoa(line), After: data}}
	return b
}

// lineEnd is the last batch of a line that is in the store.
func lineEnd(ctx context.Context, s store.Store, line int) (int, uint64, error) {
	r, err := s.Get(ctx, lineKey(line, "a"))
	if errors.Is(err, store.ErrNotFound) {
		return 0, 0, nil
	}
	if err != nil {
		return 0, 0, err
	}
	n, err := strconv.Atoi(string(r.Data))
	return n, r.Rev, err
}

// crashChild commits until it is killed, and writes a line for every batch it was
// told is durable.
func crashChild(dir string) {
	ctx := context.Background()
	die := func(err error) {
		fmt.Println("error", err)
		os.Exit(1)
	}
	s, err := sqlite.Open(ctx, sqlite.Options{Dir: dir})
	if err != nil {
		die(err)
	}
	for line := range lines {
		first, _, err := lineEnd(ctx, s, line)
		if err != nil {
			die(err)
		}
		go func() {
			slots := make(chan struct{}, pending)
			for n := first + 1; ; n++ {
				slots <- struct{}{}
				s.Submit(lineBatch(line, n), func(err error) {
					if err != nil {
						die(err)
					}
					fmt.Println(line, n) // one write, which a pipe does not tear
					<-slots
				})
			}
		}()
	}
	select {}
}

// runAndKill runs the child for d and returns the last batch of each line it said
// was durable.
func runAndKill(t *testing.T, dir string, d time.Duration) (acked [lines]int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), crashChildEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var timer *time.Timer
	for sc := bufio.NewScanner(out); sc.Scan(); {
		if timer == nil { // from the first commit on
			timer = time.AfterFunc(d, func() { _ = cmd.Process.Kill() })
		}
		var line, n int
		if strings.HasPrefix(sc.Text(), "error") {
			t.Error(sc.Text())
		} else if _, err := fmt.Sscan(sc.Text(), &line, &n); err != nil {
			t.Errorf("child said %q", sc.Text())
		} else {
			acked[line] = n
		}
	}
	_ = cmd.Wait() // it was killed
	if timer == nil {
		t.Fatal("the child committed nothing")
	}
	timer.Stop()
	return acked
}

func TestKilledProcessLosesNothingAcknowledged(t *testing.T) {
	rounds, dir := 10, t.TempDir()
	if v := os.Getenv(crashRoundsEnv); v != "" {
		var err error
		if rounds, err = strconv.Atoi(v); err != nil {
			t.Fatalf("%s: %v", crashRoundsEnv, err)
		}
	}
	var revs [lines]uint64
	var ends [lines]int
	for round := range rounds {
		acked := runAndKill(t, dir, time.Duration(rand.Int64N(int64(250*time.Millisecond))))
		s := open(t, sqlite.Options{Dir: dir})
		for line := range lines {
			end, rev := checkLine(t, s, line)
			if end < acked[line] {
				t.Errorf("round %d: line %d: batch %d was acknowledged, the store ends at %d", round, line, acked[line], end)
			}
			if end < ends[line] || rev < revs[line] || (end > ends[line]) != (rev > revs[line]) {
				t.Errorf("round %d: line %d: went from batch %d at revision %d to %d at %d", round, line, ends[line], revs[line], end, rev)
			}
			ends[line], revs[line] = end, rev
		}
		checkSeqs(t, s, ends[:])
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			return
		}
	}
	t.Logf("%d kills, batches of the lines: %v", rounds, ends)
}

// checkLine fails if the store holds anything but the result of the line's first
// n batches, and returns n.
func checkLine(t *testing.T, s store.Store, line int) (end int, rev uint64) {
	t.Helper()
	end, rev, err := lineEnd(t.Context(), s, line)
	if err != nil {
		t.Fatal(err)
	}
	want := make(map[string]int)
	for n := max(1, end-kept+1); n <= end; n++ {
		want[lineKey(line, n).Key] = n
	}
	if end > 0 {
		for _, name := range []string{"a", "b", "c"} {
			want[lineKey(line, name).Key] = end
		}
	}
	err = s.Scan(t.Context(), "crash", func(r store.Record) error {
		if !strings.HasPrefix(r.Key.Key, strconv.Itoa(line)+"/") {
			return nil
		}
		if n, ok := want[r.Key.Key]; !ok || string(r.Data) != strconv.Itoa(n) {
			t.Errorf("line %d ends at %d, but has %s = %s (want %d, %t)", line, end, r.Key.Key, r.Data, n, ok)
		}
		delete(want, r.Key.Key)
		return nil
	})
	if err != nil || len(want) > 0 {
		t.Errorf("line %d ends at %d, missing: %v, %v", line, end, want, err)
	}
	es, err := s.Log(t.Context(), store.LogQuery{Entity: strconv.Itoa(line), Limit: 1 << 30})
	if err != nil || len(es) != end {
		t.Fatalf("line %d ends at %d, with %d log entries, %v", line, end, len(es), err)
	}
	for i, e := range es {
		if string(e.After) != strconv.Itoa(i+1) {
			t.Fatalf("line %d: log entry %d is of batch %s", line, i+1, e.After)
		}
	}
	return end, rev
}

// checkSeqs fails if the log has a gap.
func checkSeqs(t *testing.T, s store.Store, ends []int) {
	t.Helper()
	total := 0
	for _, n := range ends {
		total += n
	}
	es, err := s.Log(t.Context(), store.LogQuery{Newest: true, Limit: 1})
	if err != nil {
		t.Fatal(err)
	}
	if total > 0 && (len(es) != 1 || es[0].Seq != uint64(total)) {
		t.Errorf("the log ends with %+v, %d entries were committed", es, total)
	}
}
