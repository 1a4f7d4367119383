package streams

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"lamplight/sip/siptest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo listens, and gives each connection back what it says, until that ends.
func echo(t *testing.T, o Options) *Listener {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := Bound(ln, o)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l
}

func dial(t *testing.T, l *Listener, from string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.DialContext(t.Context(), "tcp4", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// served reports whether what is said there comes back.
func served(c net.Conn) bool {
	_ = c.SetDeadline(time.Now().Add(3 * time.Second))
	_, _ = c.Write([]byte("x"))
	b := make([]byte, 1)
	n, _ := io.ReadFull(c, b)
	return n == 1
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}

// TestConnectionsAreBounded from one address and in all, and one that ends makes room.
func TestConnectionsAreBounded(t *testing.T) {
	l := echo(t, Options{All: 3, PerAddr: 2})
	var open []net.Conn
	for i, tt := range []struct {
		from string
		want bool
	}{
		{"127.0.0.1", true}, {"127.0.0.1", true}, {"127.0.0.1", false},
		{"127.0.0.2", true}, {"127.0.0.2", false}, {"127.0.0.3", false},
	} {
		c := dial(t, l, tt.from)
		if got := served(c); got != tt.want {
			t.Fatalf("connection %d, from %s: served %t", i+1, tt.from, got)
		}
		if tt.want {
			open = append(open, c)
		}
	}
	if l.Open() != 3 || l.Refused() != 3 {
		t.Errorf("%d open, %d refused", l.Open(), l.Refused())
	}
	_ = open[0].Close()
	await(t, "the place is not given back", func() bool { return l.Open() == 2 })
	if !served(dial(t, l, "127.0.0.1")) {
		t.Error("there is room again, and it is refused")
	}
}

// TestWhoSaysNothingIsClosed, by TLS too, where half a handshake is nothing; and who has
// spoken may be silent.
func TestWhoSaysNothingIsClosed(t *testing.T) {
	const first = 100 * time.Millisecond
	for name, conf := range map[string]*tls.Config{"plain": nil, "TLS": siptest.Certificate(t)} {
		t.Run(name, func(t *testing.T) {
			l := echo(t, Options{First: first, TLS: conf})
			silent := dial(t, l, "127.0.0.1")
			if conf != nil {
				_, _ = silent.Write([]byte{22, 3, 1}) // a handshake begins
			}
			spoken := dial(t, l, "127.0.0.1")
			if conf != nil {
				spoken = tls.Client(spoken, &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12})
			}
			if !served(spoken) {
				t.Fatal("not served")
			}
			_ = silent.SetReadDeadline(time.Now().Add(3 * time.Second))
			if _, err := io.Copy(io.Discard, silent); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("it stays")
			}
			await(t, "the place of the silent one is not given back", func() bool { return l.Open() == 1 })
			time.Sleep(2 * first)
			if !served(spoken) {
				t.Error("closed for its silence after it had spoken")
			}
		})
	}
}

// TestAHandshakeThatFailsKeepsNoPlace.
func TestAHandshakeThatFailsKeepsNoPlace(t *testing.T) {
	l := echo(t, Options{TLS: siptest.Certificate(t), First: time.Minute})
	c := dial(t, l, "127.0.0.1")
	_, _ = c.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	_ = c.SetReadDeadline(time.Now().Add(3 * time.Second))
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("it stays")
	}
	await(t, "the place is not given back", func() bool { return l.Open() == 0 })
}

// TestItsEndIsTheEndOfAll that it gave out.
func TestItsEndIsTheEndOfAll(t *testing.T) {
	l := echo(t, Options{})
	c := dial(t, l, "127.0.0.1")
	if !served(c) {
		t.Fatal("not served")
	}
	_ = l.Close()
	if served(c) || l.Open() != 0 {
		t.Errorf("%d connections go on", l.Open())
	}
}

// weary accepts nobody for want of descriptors, and then one.
type weary struct {
	net.Listener
	fail int
	c    net.Conn
}

func (w *weary) Addr() net.Addr { return &net.TCPAddr{} }
func (w *weary) Close() error   { return nil }
func (w *weary) Accept() (net.Conn, error) {
	if w.fail--; w.fail >= 0 {
		return nil, syscall.EMFILE
	}
	if w.c == nil {
		return nil, net.ErrClosed
	}
	return w.c, nil
}

// TestItGoesOnWhenDescriptorsHaveRunOut and gives up when it is closed.
func TestItGoesOnWhenDescriptorsHaveRunOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := net.Pipe()
		defer b.Close()
		l := Bound(&weary{fail: 5, c: a}, Options{})
		start := time.Now()
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 5*time.Millisecond || took > 5*time.Second {
			t.Errorf("after %v", took)
		}
		_ = c.Close()

		l = Bound(&weary{fail: 1 << 30}, Options{})
		done := make(chan error)
		go func() { _, err := l.Accept(); done <- err }()
		time.Sleep(time.Minute)
		_ = l.Close()
		if err := <-done; !errors.Is(err, syscall.EMFILE) {
			t.Errorf("closed: %v", err)
		}
	})
}
