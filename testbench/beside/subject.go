package main

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"text/template"
	"time"

	"lamplight/testbench/sipp"
)

// subject is a server under load: a process and its children.
type subject struct {
	Name, SIP, Domain, Modules string

	dir  string
	cmd  *exec.Cmd
	done chan struct{}
	log  *os.File
}

//go:embed kamailio.cfg
var kamailioConfig string

// startKamailio runs Kamailio with the allocator that serves it best.
func startKamailio(dir string) (*subject, error) {
	found, err := filepath.Glob("/usr/lib/*/kamailio/modules")
	if err != nil || len(found) == 0 {
		return nil, errors.New("no modules of Kamailio (testbench/install kamailio brings them)")
	}
	s := &subject{Name: "Kamailio", Domain: sipp.Domain, Modules: found[0], dir: dir}
	if s.SIP, err = address(); err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if err := template.Must(template.New("kamailio").Parse(kamailioConfig)).Execute(&text, s); err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "kamailio.cfg")
	if err := os.WriteFile(config, text.Bytes(), 0o600); err != nil {
		return nil, err
	}
	err = s.start("kamailio", "-f", config, "-DD", "-E", "-x", "fm", "-m", "512", "-M", "64", "-Y", dir, "-P", filepath.Join(dir, "kamailio.pid"))
	if err != nil {
		return nil, err
	}
	time.Sleep(time.Second)
	return s, s.alive()
}

// startLamplight runs bin/lamplight with the demo configuration, its PBX's calls
// passing through it, and imports agents.
func startLamplight(dir string, agents string) (*subject, error) {
	text, err := os.ReadFile("configs/demo.yaml")
	if err != nil {
		return nil, err
	}
	s := &subject{Name: "Lamplight", Domain: sipp.Domain, dir: dir}
	web := ""
	pairs := []string{"mode: redirect", "mode: proxy"}
	for _, was := range []string{"127.0.0.1:5060", "127.0.0.1:5061", "127.0.0.1:8080", "127.0.0.1:8443", "127.0.0.1:8444"} {
		now, err := address()
		if err != nil {
			return nil, err
		}
		switch was {
		case "127.0.0.1:5060":
			s.SIP = now
		case "127.0.0.1:8080":
			web = now
		}
		pairs = append(pairs, was, now)
	}
	config := filepath.Join(dir, "lamplight.yaml")
	if err := os.WriteFile(config, []byte(strings.NewReplacer(pairs...).Replace(string(text))), 0o600); err != nil {
		return nil, err
	}
	if err := s.start("bin/lamplight", "serve", "--config", config, "--data", filepath.Join(dir, "data")); err != nil {
		return nil, err
	}
	if err := s.ready(web); err != nil {
		return nil, err
	}
	out, err := exec.Command("bin/lamplight", "import", agents, "--server", "http://"+web, "--token", "demo-admin").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("import: %w: %s", err, out)
	}
	return s, nil
}

func address() (string, error) {
	port, err := sipp.FreePort("127.0.0.1")
	return "127.0.0.1:" + strconv.Itoa(port), err
}

func (s *subject) start(program string, args ...string) error {
	var err error
	if s.log, err = os.Create(filepath.Join(s.dir, s.Name+".log")); err != nil {
		return err
	}
	s.cmd = exec.Command(program, args...)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ended with its children
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.Name, err)
	}
	s.done = make(chan struct{})
	go func() { _ = s.cmd.Wait(); close(s.done) }()
	return nil
}

func (s *subject) alive() error {
	select {
	case <-s.done:
		text, _ := os.ReadFile(s.log.Name())
		return fmt.Errorf("%s ended at its start: %s", s.Name, text)
	default:
		return nil
	}
}

func (s *subject) ready(web string) error {
	for range 3000 {
		if res, err := http.Get("http://" + web + "/readyz"); err == nil {
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		if err := s.alive(); err != nil {
			return err
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("%s is not ready after 30 s", s.Name)
}

func (s *subject) stop() {
	_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGTERM)
	select {
	case <-s.done:
	case <-time.After(20 * time.Second):
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL)
		<-s.done
	}
	_ = s.log.Close()
}

// processes are those of the subject's group.
func (s *subject) processes() (out []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range all {
		if f := stat(file); len(f) > 2 && f[2] == strconv.Itoa(s.cmd.Process.Pid) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
			out = append(out, pid)
		}
	}
	return out
}

// stat is what follows the name in /proc/PID/stat: state, parent, group, …
func stat(file string) []string {
	b, _ := os.ReadFile(file)
	_, rest, _ := strings.Cut(string(b), ") ")
	return strings.Fields(rest)
}

// cpu is user and system time of all its processes.
func (s *subject) cpu() time.Duration {
	ticks := 0
	for _, pid := range s.processes() {
		f := stat(fmt.Sprintf("/proc/%d/stat", pid))
		if len(f) < 13 {
			continue
		}
		user, _ := strconv.Atoi(f[11])
		system, _ := strconv.Atoi(f[12])
		ticks += user + system
	}
	return time.Duration(ticks) * time.Second / 100 // USER_HZ is 100 on every Linux
}

// resident is its memory in KB.
func (s *subject) resident() (kb int) {
	for _, pid := range s.processes() {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		for line := range strings.Lines(string(b)) {
			if v, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(v), " kB"))
				kb += n
			}
		}
	}
	return kb
}
