// Package coturn runs Debian's TURN server as an operator of Lamplight would set it
// up beside it: credentials that run out, made with a shared secret, and peers that
// are denied but for the gateway. What it starts it ends, by process id.
package coturn

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lamplight/testbench/lab"
)

// Options of a server. Secret is required.
type Options struct {
	Secret string
	// Peers are the addresses that may be reached, default 127.0.0.1; all others are
	// denied.
	Peers []string
	// Lifetime bounds what a relay may be asked for at once; 0: as coturn has it.
	Lifetime time.Duration
	// Secure has it speak TLS too, with a certificate that nobody has signed.
	Secure bool
}

// Server is a running coturn.
type Server struct {
	// Plain is where it speaks TURN by UDP and TCP, TLS where it does over TLS.
	Plain, TLS string

	path, dir string
	args      []string
	cmd       *exec.Cmd
	done      chan struct{} // closed when it has ended

	mu  sync.Mutex
	log bytes.Buffer // guarded by mu
}

// Start runs one on loopback and waits until it answers. The test's end stops it.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	path, err := exec.LookPath("turnserver")
	if err != nil {
		t.Fatalf("%v (testbench/install coturn)", err)
	}
	s := &Server{Plain: lab.Free(t), TLS: lab.Free(t), path: path, dir: t.TempDir()}
	_, plain, _ := net.SplitHostPort(s.Plain)
	_, secure, _ := net.SplitHostPort(s.TLS)
	s.args = []string{
		"-n", "--listening-ip=127.0.0.1", "--relay-ip=127.0.0.1", "--listening-port=" + plain, "--tls-listening-port=" + secure,
		"--min-port=34000", "--max-port=34199", "--realm=lamplight.test", "--fingerprint",
		"--use-auth-secret", "--static-auth-secret=" + o.Secret,
		"--allow-loopback-peers", // for this test alone: by itself it relays to no loopback
		"--no-multicast-peers", "--no-tcp-relay", "--no-cli", "--no-rfc5780", "--verbose",
		"--denied-peer-ip=0.0.0.0-255.255.255.255", "--denied-peer-ip=::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
		"--log-file=stdout", "--pidfile=" + filepath.Join(s.dir, "pid"), "--userdb=" + filepath.Join(s.dir, "db"),
	}
	if len(o.Peers) == 0 {
		o.Peers = []string{"127.0.0.1"}
	}
	for _, p := range o.Peers {
		s.args = append(s.args, "--allowed-peer-ip="+p)
	}
	if o.Lifetime > 0 {
		s.args = append(s.args, fmt.Sprintf("--max-allocate-lifetime=%d", int(o.Lifetime/time.Second)))
	}
	if o.Secure {
		s.args = append(s.args, certificate(t, s.dir)...)
	} else {
		s.args = append(s.args, "--no-tls", "--no-dtls")
	}
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("coturn's log:\n%s", s.Log())
		}
	})
	s.Run(t)
	return s
}

// Run starts it (again), at the same address.
func (s *Server) Run(t testing.TB) {
	t.Helper()
	s.cmd, s.done = exec.Command(s.path, s.args...), make(chan struct{})
	s.cmd.Dir = s.dir
	s.cmd.Env = append(os.Environ(), "HOME="+s.dir)
	s.cmd.Stdout, s.cmd.Stderr = (*logWriter)(s), (*logWriter)(s)
	if err := s.cmd.Start(); err != nil {
		t.Fatalf("start coturn: %v", err)
	}
	cmd, done := s.cmd, s.done
	go func() { _ = cmd.Wait(); close(done) }()
	lab.Eventually(t, 10*time.Second, func() error {
		select {
		case <-done:
			return fmt.Errorf("coturn has ended:\n%s", s.Log())
		default:
		}
		c, err := net.DialTimeout("tcp", s.Plain, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return err
	})
}

// Kill ends it at once, as a crash does.
func (s *Server) Kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

// Log is what it wrote.
func (s *Server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

// Says reports how often a line of its log has all of these.
func (s *Server) Says(words ...string) (n int) {
line:
	for l := range strings.Lines(s.Log()) {
		for _, w := range words {
			if !strings.Contains(l, w) {
				continue line
			}
		}
		n++
	}
	return n
}

type logWriter Server

func (w *logWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.Write(b)
}
