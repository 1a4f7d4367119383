package sqlite

import (
	"errors"
	"fmt"
	"time"

	"lamplight/store"
	"lamplight/store/internal/queue"
)

// retryEvery is how often an idle writer tries again after a failure.
const retryEvery = time.Second

// writer is the goroutine that owns the writing connection.
type writer struct {
	s *Store
	c *conn

	begin, commit             *stmt
	put, del, revision, count *stmt
	entry, expired, old, trim *stmt

	rev, seq uint64    // last given out and committed
	cursor   store.Key // last record looked at for its expiry
	retryAt  time.Time // when to try again, after a failure

	items   []queue.Item
	errs    []error
	changes []store.Change
	held    *time.Timer // while a batch that nobody waits for is held back
}

func newWriter(s *Store) (*writer, error) {
	c, err := openConn(s.o.Path, "rw",
		"journal_mode = WAL", "synchronous = FULL",
		"fullfsync = ON", "checkpoint_fullfsync = ON", // macOS; nothing elsewhere
		"cache_size = -32768", "wal_autocheckpoint = 4000", "journal_size_limit = 67108864")
	if err != nil {
		return nil, err
	}
	w := &writer{s: s, c: c}
	if err := w.start(); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", s.o.Path, err), c.close())
	}
	return w, nil
}

// start migrates, prepares the statements and reads the counters.
func (w *writer) start() error {
	// Without a word about it SQLite stays with another journal where the file
	// system cannot share memory.
	if mode, err := w.c.value("PRAGMA journal_mode"); err != nil || mode != "wal" {
		return errors.Join(fmt.Errorf("write-ahead log not possible, journal is %v", mode), err)
	}
	if level, err := w.c.number("PRAGMA synchronous"); err != nil || level != 2 {
		return errors.Join(fmt.Errorf("commits are not synced fully, level is %d", level), err)
	}
	if err := migrate(w.c); err != nil {
		return err
	}
	if n := w.s.o.hooks.pages; n > 0 {
		if err := w.c.exec(fmt.Sprintf("PRAGMA max_page_count = %d", n)); err != nil {
			return err
		}
	}
	if err := w.prepare(); err != nil {
		return err
	}
	rev, err := w.c.number("SELECT rev FROM counter")
	if err != nil {
		return err
	}
	// The log is asked too, in case somebody put rows into it by hand.
	seq, err := w.c.number("SELECT max(seq, ifnull((SELECT max(seq) FROM log), 0)) FROM counter")
	w.rev, w.seq = uint64(rev), uint64(seq)
	return err
}

// run commits what waits until the queue is closed and empty.
func (w *writer) run() {
	defer close(w.s.stopped)
	defer func() {
		if err := w.c.close(); err != nil {
			w.s.o.Log.Error().Err(err).Str("path", w.s.o.Path).Msg("store: close the writing connection")
		}
	}()
	purge := newTicker(w.s.o.PurgeEvery)
	defer purge.Stop()
	w.held = time.NewTimer(time.Hour)
	w.held.Stop()
	defer w.held.Stop()
	for {
		if d := w.s.q.Held(); d > 0 {
			w.held.Reset(d)
			w.idle(purge.C)
			continue
		}
		var end bool
		w.items, end = w.s.q.Take(w.items[:0], w.s.o.CommitRows)
		switch {
		case end:
			return
		case len(w.items) > 0:
			w.group()
		default:
			w.idle(purge.C)
			continue
		}
		select {
		case <-purge.C: // a busy writer purges too
			w.tidy()
		default:
		}
	}
}

// newTicker is a ticker, or one that never ticks.
func newTicker(d time.Duration) *time.Ticker {
	if d > 0 {
		return time.NewTicker(d)
	}
	t := time.NewTicker(time.Hour)
	t.Stop()
	return t
}

// idle waits for work, purges, and tries an unhealthy medium.
func (w *writer) idle(purge <-chan time.Time) {
	var retry <-chan time.Time
	if w.s.Healthy() != nil {
		t := time.NewTimer(time.Until(w.retryAt))
		defer t.Stop()
		retry = t.C
	}
	select {
	case <-w.s.q.Wake():
	case <-w.held.C:
	case <-purge:
		w.tidy()
	case <-retry:
		_ = w.finish(w.transact(func() (bool, error) { return true, nil })) // health keeps it
	}
}

// group commits the items in one transaction, publishes and tells.
func (w *writer) group() {
	w.errs = append(w.errs[:0], make([]error, len(w.items))...)
	w.changes = w.changes[:0]
	began, rows := time.Now(), 0
	wrote, err := w.transact(func() (bool, error) {
		for i, it := range w.items {
			if w.errs[i] = w.check(it.Writes); errors.Is(w.errs[i], store.ErrConflict) {
				continue
			} else if w.errs[i] != nil {
				return false, w.errs[i]
			}
			if err := w.apply(it.Batch); err != nil {
				return false, err
			}
			rows += len(it.Writes) + len(it.Log)
		}
		return rows > 0, nil
	})
	err = w.finish(wrote, err)
	if wrote && err == nil {
		w.s.metrics.seconds.Observe(time.Since(began).Seconds())
		w.s.metrics.rows.Observe(float64(rows))
		w.s.hub.Publish(w.changes)
	}
	w.s.q.Release(w.items)
	w.tell(err)
}

// tell answers every item: with the group's failure if it failed, for a conflict
// may have been with a batch that is undone now.
func (w *writer) tell(err error) {
	for i, it := range w.items {
		switch {
		case err != nil:
			w.errs[i] = err
		case w.errs[i] != nil:
			w.s.metrics.conflict.Inc()
		}
		it.Tell(w.errs[i])
	}
	clear(w.items)
	clear(w.changes)
}

// finish keeps the outcome of a transaction as the store's health.
func (w *writer) finish(wrote bool, err error) error {
	if err != nil {
		err = fmt.Errorf("commit to %s: %w", w.s.o.Path, err)
		w.s.metrics.failures.Inc()
		w.retryAt = time.Now().Add(retryEvery)
	}
	if wrote || err != nil {
		w.s.setHealth(err)
	}
	return err
}

// transact runs f in a transaction and commits it, with the counters, if f wrote.
// After an error nothing is written and no number is used up.
func (w *writer) transact(f func() (wrote bool, err error)) (bool, error) {
	rev, seq := w.rev, w.seq
	wrote, err := false, w.begin.bind().run()
	if err == nil {
		wrote, err = f()
	}
	if err == nil && wrote {
		err = w.count.bind().number(w.rev).number(w.seq).run()
	}
	if hook := w.s.o.hooks.beforeCommit; err == nil && wrote && hook != nil {
		err = hook()
	}
	if err == nil && wrote {
		err = w.commit.bind().run()
	}
	if err != nil || !wrote {
		w.rev, w.seq = rev, seq
		err = errors.Join(err, w.c.rollback())
	}
	return wrote, err
}
