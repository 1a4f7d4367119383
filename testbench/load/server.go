package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const host = "127.0.0.1"

// server is the process under load.
type server struct {
	o             *options
	dir, config   string
	sip, http     string
	cmd           *exec.Cmd
	done          chan struct{}
	removeAtClose bool
}

func newServer(o *options) (*server, error) {
	s := &server{o: o, dir: o.dir}
	if s.dir == "" {
		dir, err := os.MkdirTemp("", "lamplight-load-")
		if err != nil {
			return nil, err
		}
		s.dir, s.removeAtClose = dir, true
	}
	b, err := os.ReadFile(o.config)
	if err != nil {
		return nil, err
	}
	at := func(n int) string { return fmt.Sprintf("%s:%d", host, o.port+n) }
	s.sip, s.http = at(0), at(2)
	text := strings.NewReplacer("127.0.0.1:5060", at(0), "127.0.0.1:5061", at(1), "127.0.0.1:8080", at(2),
		"127.0.0.1:8443", at(3), "127.0.0.1:8444", at(4), "mode: redirect", "mode: proxy", "format: console", "format: json", "level: info", "level: warn").Replace(string(b))
	s.config = filepath.Join(s.dir, "load.yaml")
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	if _, err = s.start(); err != nil && s.removeAtClose {
		_ = os.RemoveAll(s.dir)
	}
	return s, err
}

// poller asks from another address than the server's: asking a port that nobody
// listens on yet from the same one can end up connected to itself (RFC 9293
// §3.5), and then the server finds its port in use.
func poller() *http.Client {
	d := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
	return &http.Client{Transport: &http.Transport{DialContext: d.DialContext, DisableKeepAlives: true}, Timeout: 5 * time.Second}
}

// start runs the server and returns how long it took to be ready.
func (s *server) start() (time.Duration, error) {
	s.cmd = exec.Command(s.o.binary, "serve", "--config", s.config, "--data", filepath.Join(s.dir, "data"))
	if s.o.log {
		s.cmd.Stderr = os.Stderr
	}
	began := time.Now()
	if err := s.cmd.Start(); err != nil {
		return 0, fmt.Errorf("start the server (make build makes it): %w", err)
	}
	s.done = make(chan struct{})
	go func(c *exec.Cmd, done chan struct{}) { _ = c.Wait(); close(done) }(s.cmd, s.done)
	ask := poller()
	for time.Since(began) < 5*time.Minute {
		if res, err := ask.Get("http://" + s.http + "/readyz"); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return time.Since(began), nil
			}
		}
		select {
		case <-s.done:
			return 0, fmt.Errorf("the server ended at start; -log shows why")
		case <-time.After(5 * time.Millisecond):
		}
	}
	return 0, fmt.Errorf("the server was not ready after 5 minutes")
}

func (s *server) kill() {
	_ = s.cmd.Process.Kill()
	<-s.done
}

func (s *server) close() error {
	if s.cmd != nil && s.done != nil {
		_ = s.cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-s.done:
		case <-time.After(30 * time.Second):
			s.kill()
			return fmt.Errorf("the server did not end within 30 s")
		}
	}
	if s.removeAtClose {
		return os.RemoveAll(s.dir)
	}
	return nil
}

// cpu is the process's time so far, user and system (proc_pid_stat(5); the tick
// is 10 ms on Linux).
func (s *server) cpu() time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(f[11])
	sys, _ := strconv.Atoi(f[12])
	return time.Duration(user+sys) * 10 * time.Millisecond
}

// memory is the resident set now and at its highest, in MB.
func (s *server) memory() (now, most float64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		kb, _ := strconv.ParseFloat(f[1], 64)
		switch f[0] {
		case "VmRSS:":
			now = kb / 1024
		case "VmHWM:":
			most = kb / 1024
		}
	}
	return now, most
}

// profiled runs f under perf(1) where a profile is asked for.
func (s *server) profiled(name string, f func()) {
	if s.o.profile == "" {
		f()
		return
	}
	p := exec.Command("perf", "record", "-q", "-F", "499", "-g", "-p", strconv.Itoa(s.cmd.Process.Pid),
		"-o", filepath.Join(s.o.profile, name+".data"))
	if err := p.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "load: no profile:", err)
		f()
		return
	}
	f()
	_ = p.Process.Signal(os.Interrupt)
	_ = p.Wait()
}
