// Package sipp runs SIPp with the scenarios of this folder: one program, one
// scenario, bounded in calls and in time, and what came of it.
package sipp

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Domain is the demo's domain, to which every scenario speaks.
const Domain = "demo.lamplight.test"

// Run is one run of SIPp. Scenario, Dir and Server must be set.
type Run struct {
	Scenario string // file
	Dir      string // where traces go
	Server   string // host:port
	From     string // local address; default 127.0.0.1, which the demo trusts as its PBX
	Port     int    // local port; default: a free one
	TCP      bool   // one TCP connection; default UDP, one socket
	// User and Password answer challenges; Number is [service] in the scenario.
	User, Password, Number string
	// Keys are further keywords of the scenario.
	Keys map[string]string
	// CallID and CSeq continue a dialogue of an earlier run; default: new ones.
	CallID string
	CSeq   int
	// Timeout ends a run that hangs; default 20 s.
	Timeout time.Duration
	// Extra arguments.
	Extra []string
}

// Process is a run under way.
type Process struct {
	run    Run
	cmd    *exec.Cmd
	out    bytes.Buffer
	cancel context.CancelFunc
	done   chan struct{} // closed when cmd has ended; err is set then
	err    error
}

// Start begins a run.
func Start(r Run) (*Process, error) {
	if r.From == "" {
		r.From = "127.0.0.1"
	}
	if r.Timeout == 0 {
		r.Timeout = 20 * time.Second
	}
	var err error
	if r.Port == 0 {
		if r.Port, err = FreePort(r.From); err != nil {
			return nil, err
		}
	}
	// SIPp ends itself first, with its own words; this is for a SIPp that hangs.
	ctx, cancel := context.WithTimeout(context.Background(), r.Timeout+5*time.Second)
	p := &Process{run: r, cancel: cancel, done: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, "sipp", r.args()...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.out
	p.cmd.Env = append(os.Environ(), "TERM=dumb")
	if err := p.cmd.Start(); err != nil {
		cancel()
		return nil, fmt.Errorf("start sipp (testbench/install sipp brings it): %w", err)
	}
	go func() {
		p.err = p.cmd.Wait()
		cancel()
		close(p.done)
	}()
	return p, nil
}

func (r *Run) args() []string {
	transport := "u1"
	if r.TCP {
		transport = "t1"
	}
	a := []string{
		r.Server, "-sf", r.Scenario, "-i", r.From, "-p", strconv.Itoa(r.Port), "-t", transport,
		"-timeout", strconv.Itoa(int(r.Timeout/time.Second)) + "s", "-timeout_error", "-nostdin",
		"-auth_uri", Domain, "-key", "domain", Domain,
		"-trace_err", "-error_file", r.file("errors"), "-trace_logs", "-log_file", r.file("log"),
	}
	if r.User != "" {
		a = append(a, "-au", r.User, "-ap", r.Password)
	}
	if r.Number != "" {
		a = append(a, "-s", r.Number)
	}
	if r.CallID != "" {
		a = append(a, "-cid_str", r.CallID)
	}
	if r.CSeq != 0 {
		a = append(a, "-base_cseq", strconv.Itoa(r.CSeq))
	}
	for k, v := range r.Keys {
		a = append(a, "-key", k, v)
	}
	return append(a, r.Extra...)
}

func (r *Run) file(kind string) string {
	name := strings.TrimSuffix(filepath.Base(r.Scenario), ".xml")
	return filepath.Join(r.Dir, fmt.Sprintf("%s-%d-%s", name, r.Port, kind))
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when SIPp has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Stop ends SIPp.
func (p *Process) Stop() { p.cancel(); <-p.done }

// Log is what the scenario's log actions have written so far, a line each.
func (p *Process) Log() []string {
	b, err := os.ReadFile(p.run.file("log"))
	if err != nil {
		return nil // nothing logged yet
	}
	text := strings.TrimSpace(strings.ReplaceAll(string(b), "\r", ""))
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// Wait waits for the end. The error is nil when every call of the scenario went
// as written; otherwise it has SIPp's exit status and what it complained of.
func (p *Process) Wait() error {
	<-p.done
	if p.err == nil {
		return nil
	}
	var exit *exec.ExitError
	if !errors.As(p.err, &exit) {
		return p.err
	}
	why, err := os.ReadFile(p.run.file("errors"))
	if err != nil {
		why = p.out.Bytes()
	}
	return fmt.Errorf("sipp %s: exit status %d: %s", filepath.Base(p.run.Scenario), exit.ExitCode(), bytes.TrimSpace(clip(why, 4000)))
}

func clip(b []byte, n int) []byte {
	if len(b) > n {
		return b[len(b)-n:]
	}
	return b
}

// FreePort finds a port that is free for UDP and TCP on a loopback address, and is none
// of those that the system gives to whoever connects next.
func FreePort(host string) (int, error) {
	for range 200 {
		port := 19000 + rand.IntN(6000)
		addr := net.JoinHostPort(host, strconv.Itoa(port))
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		pc, err := net.ListenPacket("udp", addr)
		_ = ln.Close()
		if err == nil {
			_ = pc.Close()
			return port, nil
		}
	}
	return 0, errors.New("free port: none found")
}

// CPU is what SIPp has used, user and system, once it has ended.
func (p *Process) CPU() time.Duration {
	<-p.done
	if s := p.cmd.ProcessState; s != nil {
		return s.UserTime() + s.SystemTime()
	}
	return 0
}
