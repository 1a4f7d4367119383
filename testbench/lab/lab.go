// Package lab runs a real Lamplight server as a process of its own, on loopback
// and ports of its own, for tests that use it as its users do: over sockets,
// with real clients, through crashes. What it starts it ends, by process id.
package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/template"
	"time"
)

// Options of a server under test. The zero value is the demo configuration on
// free ports.
type Options struct {
	// Config replaces the configuration; it is a text/template over Server.
	Config string
	// Env is added to the environment, as KEY=value.
	Env []string
	// Data is the data directory; default: one that the test removes.
	Data string
	// Token is an administrator's in the configuration; default: the demo's.
	Token string
}

// Server is a running server and where it listens.
type Server struct {
	SIP, TLS, HTTP, HTTPS, Media string // host:port on loopback
	Data, ConfigFile, Root       string

	t    testing.TB
	opts Options
	mu   sync.Mutex
	cmd  *exec.Cmd     // guarded by mu; nil when not running
	done chan struct{} // closed when cmd has ended
	log  bytes.Buffer  // guarded by mu
}

// Root is the directory of the project, found from the working directory.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = up
	}
}

// Start runs bin/lamplight, which `make build` made, and waits until it is
// ready. The test's end stops it.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	s := &Server{t: t, opts: o, Root: Root(t), Data: o.Data}
	if s.opts.Token == "" {
		s.opts.Token = "demo-admin"
	}
	if s.Data == "" {
		s.Data = t.TempDir()
	}
	s.SIP, s.TLS, s.HTTP, s.HTTPS, s.Media = Free(t), Free(t), Free(t), Free(t), Free(t)
	s.writeConfig()
	t.Cleanup(func() {
		s.Stop()
		if t.Failed() {
			t.Logf("the server's log:\n%s", tail(s.Log(), 8000))
		}
	})
	s.Run()
	return s
}

// Free finds a loopback port that is free for UDP and TCP. It is none of those that the
// system gives to whoever connects next: between here and the server's start, that
// may be anybody.
func Free(t testing.TB) string {
	t.Helper()
	for range 200 {
		addr := net.JoinHostPort("127.0.0.1", strconv.Itoa(11000+rand.IntN(8000)))
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		pc, err := net.ListenPacket("udp", addr)
		_ = ln.Close()
		if err == nil {
			_ = pc.Close()
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

// Ports makes a template of a configuration with the demo's addresses.
func Ports(text string) string {
	return strings.NewReplacer(
		"127.0.0.1:5060", "{{.SIP}}", "127.0.0.1:5061", "{{.TLS}}",
		"127.0.0.1:8080", "{{.HTTP}}", "127.0.0.1:8443", "{{.HTTPS}}",
		"127.0.0.1:8444", "{{.Media}}", "format: console", "format: json").Replace(text)
}

func (s *Server) writeConfig() {
	s.t.Helper()
	s.ConfigFile = filepath.Join(s.t.TempDir(), "lamplight.yaml")
	text := s.opts.Config
	if text == "" {
		b, err := os.ReadFile(filepath.Join(s.Root, "configs", "demo.yaml"))
		if err != nil {
			s.t.Fatal(err)
		}
		text = Ports(string(b))
	}
	var out bytes.Buffer
	if err := template.Must(template.New("config").Parse(text)).Execute(&out, s); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(s.ConfigFile, out.Bytes(), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// Run starts the process (again) and waits until /readyz says yes.
func (s *Server) Run() {
	s.t.Helper()
	cmd := exec.Command(filepath.Join(s.Root, "bin", "lamplight"), "serve", "--config", s.ConfigFile, "--data", s.Data)
	cmd.Env = append(os.Environ(), s.opts.Env...)
	cmd.Stdout, cmd.Stderr = (*logWriter)(s), (*logWriter)(s)
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("start the server (make build makes it): %v", err)
	}
	done := make(chan struct{})
	s.mu.Lock()
	s.cmd, s.done = cmd, done
	s.mu.Unlock()
	go func() { _ = cmd.Wait(); close(done) }()
	// Asking a port that nobody listens on yet from the same address can end up
	// connected to itself (RFC 9293 §3.5), and the server finds its port in use.
	from := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 9)}}
	ask := &http.Client{Transport: &http.Transport{DialContext: from.DialContext, DisableKeepAlives: true}}
	deadline := time.Now().Add(60 * time.Second)
	for {
		res, err := ask.Get("http://" + s.HTTP + "/readyz")
		if err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-done:
			s.t.Fatalf("the server ended at start:\n%s", tail(s.Log(), 8000))
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("the server is not ready after 60 s:\n%s", tail(s.Log(), 8000))
		}
	}
}

type logWriter Server

func (w *logWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.log.Len() > 8<<20 {
		w.log.Reset()
	}
	return w.log.Write(b)
}

// Log is what the server wrote.
func (s *Server) Log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.log.String()
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// PID is the process's id, 0 when it does not run.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

// Kill ends the process as a power cut would (SIGKILL) and waits for its end.
func (s *Server) Kill() { s.end(syscall.SIGKILL, 10*time.Second) }

// Stop ends the process politely (SIGTERM); one that does not end in time fails
// the test.
func (s *Server) Stop() { s.end(syscall.SIGTERM, 30*time.Second) }

// Terminate ends the process politely and says how long that took and its exit
// code, -1 if it had to be killed.
func (s *Server) Terminate(within time.Duration) (took time.Duration, code int) {
	s.mu.Lock()
	cmd := s.cmd
	s.mu.Unlock()
	began := time.Now()
	s.end(syscall.SIGTERM, within)
	return time.Since(began), cmd.ProcessState.ExitCode()
}

// Signal sends a signal and does not wait.
func (s *Server) Signal(sig os.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(sig)
	}
}

func (s *Server) end(sig os.Signal, within time.Duration) {
	s.mu.Lock()
	cmd, done := s.cmd, s.done
	s.cmd = nil
	s.mu.Unlock()
	if cmd == nil {
		return
	}
	_ = cmd.Process.Signal(sig)
	select {
	case <-done:
	case <-time.After(within):
		_ = cmd.Process.Kill()
		<-done
		s.t.Errorf("the server did not end within %s of %s", within, sig)
	}
}

// API calls the server's API with the demo administrator's token, reads the
// answer into out (which may be nil) and returns the HTTP status.
func (s *Server) API(method, path string, body, out any) int {
	s.t.Helper()
	status, err := s.TryAPI(method, path, body, out)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	return status
}

// TryAPI is API for a server that may not be there.
func (s *Server) TryAPI(method, path string, body, out any) (int, error) {
	var send io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return 0, err
		}
		send = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://"+s.HTTP+"/api/v1"+path, send)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+s.opts.Token)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return res.StatusCode, err
	}
	if out != nil && res.StatusCode < 300 {
		if err := json.Unmarshal(b, out); err != nil {
			return res.StatusCode, fmt.Errorf("%w in %s", err, b)
		}
	}
	return res.StatusCode, nil
}

// Import imports agents (number,password,name,team) into the first domain.
func (s *Server) Import(csv string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "http://"+s.HTTP+"/api/v1/import", strings.NewReader(csv))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.opts.Token)
	req.Header.Set("Content-Type", "text/csv")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatalf("import: %v", err)
	}
	defer func() { _ = res.Body.Close() }()
	b, _ := io.ReadAll(res.Body)
	var rep struct{ Failed int }
	if err := json.Unmarshal(b, &rep); err != nil || res.StatusCode != http.StatusOK || rep.Failed > 0 {
		s.t.Fatalf("import: HTTP %d: %s", res.StatusCode, b)
	}
}

// Agent is the part of the API's agent that tests look at.
type Agent struct {
	Number    string `json:"number"`
	Version   uint64 `json:"version"`
	Reachable bool   `json:"reachable"`
	Why       string `json:"why"`
	Online    bool   `json:"online"`
	Status    struct {
		Team View `json:"team"`
		Own  View `json:"own"`
	} `json:"status"`
	Devices []struct {
		Kind      string `json:"kind"`
		Contact   string `json:"contact"`
		Reachable bool   `json:"reachable"`
		Why       string `json:"why"`
	} `json:"devices"`
}

// View is one view of a status.
type View struct {
	Status, Custom, Text, Cause, Why string
	Since                            time.Time
}

// Agent asks for one agent.
func (s *Server) Agent(number string) Agent {
	s.t.Helper()
	var a Agent
	if status := s.API("GET", "/agents/"+number, nil, &a); status != http.StatusOK {
		s.t.Fatalf("agent %s: HTTP %d", number, status)
	}
	return a
}

// errNotYet is what Eventually reports when the condition never held.
var errNotYet = errors.New("still not so")

// Eventually waits until f returns nil, looking often; after the limit it fails
// the test with f's last word. It returns how long that took.
func Eventually(t testing.TB, within time.Duration, f func() error) time.Duration {
	t.Helper()
	began := time.Now()
	for {
		err := f()
		took := time.Since(began)
		if err == nil {
			return took
		}
		if took > within {
			t.Fatalf("after %s: %v: %v", within, errNotYet, err)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TeamStatus waits until the team sees the agent so.
func (s *Server) TeamStatus(number, want string, within time.Duration) time.Duration {
	s.t.Helper()
	return Eventually(s.t, within, func() error {
		if got := s.Agent(number).Status.Team; got.Status != want && got.Custom != want {
			return fmt.Errorf("team sees %s as %s (%s)", number, got.Text, got.Cause)
		}
		return nil
	})
}
