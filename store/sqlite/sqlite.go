package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"lamplight/store"
	"lamplight/store/internal/queue"
	"lamplight/store/internal/watch"
)

// Errors matched by errors.Is.
var (
	// ErrLocked: another process serves this database.
	ErrLocked = errors.New("sqlite: database is in use")
	// ErrReadOnly: the store was opened for reading.
	ErrReadOnly = errors.New("sqlite: opened read-only")
)

// Store is the engine. It is safe for concurrent use.
type Store struct {
	o       Options
	q       *queue.Queue
	hub     *watch.Hub
	readers *readers
	metrics *metrics
	lock    io.Closer // nil if read-only
	stopped chan struct{}

	closing  sync.Once
	closeErr error // guarded by closing

	mu     sync.Mutex
	health error // guarded by mu
}

var _ store.Store = (*Store)(nil)

// Open opens the database, making and migrating it as needed. It answers
// ErrLocked if another server has it.
func Open(ctx context.Context, o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s := &Store{
		o:       o,
		q:       queue.New(o.QueueLimit),
		hub:     watch.New(),
		stopped: make(chan struct{}),
	}
	s.metrics = newMetrics(func() float64 { return float64(s.q.Rows()) })
	start := s.openWriter
	if o.ReadOnly {
		start = s.openReadOnly
	}
	if err := start(); err != nil {
		return nil, err
	}
	return s, nil
}

// openWriter locks the file, migrates it and starts the writer.
func (s *Store) openWriter() (err error) {
	if err := makeFile(s.o.Path); err != nil {
		return err
	}
	if s.lock, err = lockFile(s.o.Path + ".lock"); err != nil {
		return err
	}
	w, err := newWriter(s)
	if err != nil {
		return errors.Join(err, s.lock.Close())
	}
	if err := s.metrics.register(s.o.Metrics); err != nil {
		return errors.Join(err, w.c.close(), s.lock.Close())
	}
	s.readers = newReaders(s.o.Path, "rw", s.o.Readers)
	go w.run()
	return nil
}

// openReadOnly starts no writer, and finds out at once if the file can be read.
func (s *Store) openReadOnly() error {
	close(s.stopped)
	s.hub.Close()
	s.readers = newReaders(s.o.Path, "ro", s.o.Readers)
	err := s.readers.use(context.Background(), func(r *reader) error {
		version, err := checkVersion(r.c)
		if newest, _, _ := schemaVersion(); err == nil && version < newest {
			err = ErrOlder
		}
		return err
	})
	if err != nil {
		return errors.Join(fmt.Errorf("open %s for reading: %w", s.o.Path, err), s.readers.close())
	}
	return nil
}

// makeFile makes the data directory and the database file, for their owner only:
// the file holds what the devices' passwords are checked against. SQLite gives
// its side files the same permissions.
func makeFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("make database file: %w", err)
	}
	return f.Close()
}

// Submit implements store.Store.
func (s *Store) Submit(b store.Batch, done func(error)) {
	if s.o.ReadOnly {
		s.metrics.refuse(ErrReadOnly)
		queue.Item{Done: done}.Tell(ErrReadOnly)
		return
	}
	if err := s.q.Submit(b, done); err != nil {
		s.metrics.refuse(err)
	}
}

// Commit implements store.Store.
func (s *Store) Commit(ctx context.Context, b store.Batch) error {
	return queue.Commit(ctx, b, s.Submit)
}

// Watch implements store.Store.
func (s *Store) Watch(ctx context.Context, space string) <-chan store.Change {
	return s.hub.Watch(ctx, space)
}

// Healthy implements store.Store.
func (s *Store) Healthy() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.health
}

// setHealth keeps the outcome of a commit, and logs when it differs in kind from
// the one before.
func (s *Store) setHealth(err error) {
	s.mu.Lock()
	before := s.health
	s.health = err
	s.mu.Unlock()
	switch {
	case err != nil && before == nil:
		s.o.Log.Error().Err(err).Str("path", s.o.Path).Msg("store: commits fail")
	case err == nil && before != nil:
		s.o.Log.Info().Str("path", s.o.Path).Msg("store: commits succeed again")
	}
}

// Close implements store.Store.
func (s *Store) Close() error {
	s.closing.Do(func() {
		s.q.Close()
		<-s.stopped
		s.hub.Close()
		s.closeErr = s.readers.close()
		s.metrics.unregister()
		if s.lock != nil {
			s.closeErr = errors.Join(s.closeErr, s.lock.Close())
		}
		if s.closeErr != nil {
			s.closeErr = fmt.Errorf("close %s: %w", s.o.Path, s.closeErr)
		}
	})
	return s.closeErr
}
