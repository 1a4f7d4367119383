package transport

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// conn is what a stream writes to: a TCP or TLS connection, or a WebSocket.
type conn interface {
	// writeAll writes messages in order, within the time the limits give.
	writeAll(msgs [][]byte) error
	Close() error
}

// stream is the sending half and the life of a stream flow.
type stream struct {
	flow *Flow
	conn conn
	done chan struct{}

	outgoing bool // we opened it

	mu      sync.Mutex
	err     error    // why it ends: nothing more is taken; guarded by mu
	down    bool     // it has ended; guarded by mu
	linger  bool     // it ends when the queue is empty; guarded by mu
	queue   [][]byte // guarded by mu
	bytes   int      // of queue; guarded by mu
	writing bool     // a goroutine is emptying the queue; guarded by mu
	dropped uint64   // guarded by mu
}

// send queues one message; the first of a burst starts a writer, which ends
// when the queue is empty, so that a silent flow costs no goroutine.
func (s *stream) send(b []byte) error {
	l := s.flow.layer
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if len(s.queue) >= l.limits.QueueMessages || s.bytes+len(b) > l.limits.QueueBytes {
		s.dropped++
		l.metric.drop("queue_full")
		return ErrQueueFull
	}
	s.queue = append(s.queue, b)
	s.bytes += len(b)
	if !s.writing {
		s.writing = true
		l.wg.Go(s.write)
	}
	return nil
}

// write empties the queue. A peer that does not take a write within
// Limits.Write is too slow to keep.
func (s *stream) write() {
	for {
		s.mu.Lock()
		batch := s.queue
		s.queue, s.bytes = nil, 0
		if len(batch) == 0 {
			s.writing = false
			last := s.linger && !s.down
			s.down = s.down || last
			s.mu.Unlock()
			if last {
				s.teardown()
			}
			return
		}
		s.mu.Unlock()
		if err := s.conn.writeAll(batch); err != nil {
			cause := "write"
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				cause = "slow_consumer"
			}
			s.flow.layer.metric.drop(cause)
			s.close(err)
		}
	}
}

// close ends the stream at once, whatever waits; the reader notices by its
// connection.
func (s *stream) close(err error) {
	s.mu.Lock()
	s.endLocked(err)
	if s.down {
		s.mu.Unlock()
		return
	}
	s.down, s.queue, s.bytes = true, nil, 0
	s.mu.Unlock()
	s.teardown()
}

// finish ends the stream once what waits has been written.
func (s *stream) finish(err error) {
	s.mu.Lock()
	s.endLocked(err)
	if s.down || s.writing {
		s.linger = true
		s.mu.Unlock()
		return
	}
	s.down = true
	s.mu.Unlock()
	s.teardown()
}

func (s *stream) endLocked(err error) {
	if s.err != nil {
		return
	}
	if !errors.Is(err, ErrFlowClosed) {
		err = fmt.Errorf("%w: %w", ErrFlowClosed, err)
	}
	s.err = err
}

// teardown happens once.
func (s *stream) teardown() {
	close(s.done)
	s.conn.Close()
	s.flow.layer.dropStream(s.flow)
}

func (s *stream) queued() (int, uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.queue), s.dropped
}

// newStream completes the flow of a connection, of which transport and addresses are
// set, and makes it known.
func (l *Layer) newStream(f *Flow, c conn, outgoing bool) (*Flow, error) {
	now := time.Now()
	f.layer, f.since, f.number = l, now, l.number.Add(1)
	f.seen.Store(now.UnixNano())
	f.stream = &stream{flow: f, conn: c, done: make(chan struct{}), outgoing: outgoing}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.closed:
		return nil, ErrClosed
	case len(l.streams) >= l.limits.Conns:
		l.metric.drop("conns")
		return nil, fmt.Errorf("%d streams are open already", len(l.streams))
	}
	l.streams[f.number] = f
	l.peers[streamPeer{f.transport, f.remote}] = f
	return f, nil
}

func (l *Layer) dropStream(f *Flow) {
	l.mu.Lock()
	delete(l.streams, f.number)
	if k := (streamPeer{f.transport, f.remote}); l.peers[k] == f {
		delete(l.peers, k)
	}
	l.unaliasLocked(f)
	l.mu.Unlock()
	if l.o.OnFlowClosed != nil {
		l.o.OnFlowClosed(f)
	}
}
