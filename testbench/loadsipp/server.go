package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"lamplight/testbench/sipp"
)

// server is the lamplight under load.
type server struct {
	sip, http string // host:port
	bin       string
	cmd       *exec.Cmd
	done      chan struct{}
	log       *os.File
}

// startServer runs bin/lamplight with the demo configuration on free ports, its
// data in dir.
func startServer(dir string) (*server, error) {
	text, err := os.ReadFile("configs/demo.yaml")
	if err != nil {
		return nil, err
	}
	s := &server{done: make(chan struct{})}
	if s.bin, err = filepath.Abs("bin/lamplight"); err != nil {
		return nil, err
	}
	var pairs []string
	for _, was := range []string{"127.0.0.1:5060", "127.0.0.1:5061", "127.0.0.1:8080", "127.0.0.1:8443", "127.0.0.1:8444"} {
		port, err := sipp.FreePort("127.0.0.1")
		if err != nil {
			return nil, err
		}
		now := "127.0.0.1:" + strconv.Itoa(port)
		switch was {
		case "127.0.0.1:5060":
			s.sip = now
		case "127.0.0.1:8080":
			s.http = now
		}
		pairs = append(pairs, was, now)
	}
	config := filepath.Join(dir, "lamplight.yaml")
	if err := os.WriteFile(config, []byte(strings.NewReplacer(pairs...).Replace(string(text))), 0o600); err != nil {
		return nil, err
	}
	if s.log, err = os.Create(filepath.Join(dir, "server.log")); err != nil {
		return nil, err
	}
	s.cmd = exec.Command(s.bin, "serve", "--config", config, "--data", filepath.Join(dir, "data"))
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the server (make build makes it): %w", err)
	}
	go func() { _ = s.cmd.Wait(); close(s.done) }()
	return s, s.ready()
}

func (s *server) ready() error {
	for range 3000 {
		res, err := http.Get("http://" + s.http + "/readyz")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-s.done:
			return errors.New("the server ended at its start")
		case <-time.After(10 * time.Millisecond):
		}
	}
	return errors.New("the server is not ready after 30 s")
}

// stop ends the server politely, or after half a minute not.
func (s *server) stop() error {
	defer s.log.Close()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.done:
		return nil
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.done
		return errors.New("the server did not end within 30 s of SIGTERM")
	}
}

// importAgents runs `lamplight import` and returns what it says.
func (s *server) importAgents(ctx context.Context, file string) (string, error) {
	cmd := exec.CommandContext(ctx, s.bin, "import", file, "--server", "http://"+s.http, "--token", "demo-admin")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("import: %w: %s", err, out)
	}
	return strings.TrimSpace(string(out)), nil
}

// cpu is what the server has used since its start, user and system.
func (s *server) cpu() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The name, in parentheses, may hold spaces; utime and stime are fields 14
	// and 15 of the line.
	_, rest, ok := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	if !ok || len(f) < 13 {
		return 0, errors.New("/proc/PID/stat is not as expected")
	}
	user, err1 := strconv.Atoi(f[11])
	system, err2 := strconv.Atoi(f[12])
	const tick = time.Second / 100 // USER_HZ is 100 on every Linux
	return time.Duration(user+system) * tick, errors.Join(err1, err2)
}

// machineCPU is what all processes together have used, and what was stolen from
// this machine, so that a figure taken beside other work shows it.
func machineCPU() time.Duration {
	b, _ := os.ReadFile("/proc/stat")
	first, _, _ := strings.Cut(string(b), "\n")
	ticks := 0
	for i, f := range strings.Fields(first) {
		if i == 0 || i == 4 || i == 5 || i > 8 { // the name, idle, waiting, guests
			continue
		}
		n, _ := strconv.Atoi(f)
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100
}

// resident is the server's memory in MB.
func (s *server) resident() int {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(v), " kB"))
			return kb / 1024
		}
	}
	return 0
}

// metric reads one counter or gauge, named with its labels as /metrics has it.
func (s *server) metric(name string) (float64, error) {
	res, err := http.Get("http://" + s.http + "/metrics")
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for lines.Scan() {
		if v, ok := bytes.CutPrefix(lines.Bytes(), []byte(name+" ")); ok {
			return strconv.ParseFloat(string(v), 64)
		}
	}
	return 0, lines.Err() // not counted yet: 0
}
