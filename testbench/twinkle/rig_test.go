//go:build testbench

// Package twinkle has the softphone Twinkle register, watch a colleague and its
// mailbox, and publish its presence.
package twinkle

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"lamplight/testbench/lab"
	"lamplight/testbench/load/phone"
	"lamplight/testbench/sipp"
)

const (
	domain = "demo.lamplight.test"
	// pbxHost is where this server's PBX is: Twinkle sends from 127.0.0.1.
	pbxHost = "127.0.0.200"
)

// serve starts a server with the demo's agents that trusts another address as
// its PBX.
func serve(t *testing.T) *lab.Server {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(lab.Root(t), "configs", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(lab.Ports(string(b)), "sources: [127.0.0.1]", "sources: ["+pbxHost+"]", 1)
	return lab.Start(t, lab.Options{Config: text})
}

// softphone is a running Twinkle, driven by the commands of its console. What it
// sends and receives is in its log file.
type softphone struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	log  string
	done chan struct{} // closed when the process has ended

	mu  sync.Mutex
	out bytes.Buffer // what it prints; guarded by mu
}

func (p *softphone) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

// start writes a profile and runs Twinkle with it. The test's end ends it.
func start(t *testing.T, s *lab.Server, user, password string, buddies ...string) *softphone {
	t.Helper()
	home := t.TempDir()
	port, err := sipp.FreePort("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	number, _, _ := strings.Cut(user, "-")
	profile := map[string]string{
		"user_name": number, "user_domain": domain, "auth_name": user, "auth_pass": password,
		"outbound_proxy": s.SIP, "all_requests_to_proxy": "yes", "registrar": s.SIP, "register_at_startup": "yes", "registration_time": "600",
		"pres_subscription_time": "600", "pres_publication_time": "600", "pres_publish_startup": "yes",
		"mwi_sollicited": "yes", "mwi_user": number, "mwi_server": domain, "mwi_via_proxy": "yes", "mwi_subscription_time": "600",
		"sip_transport": "udp",
	}
	var text, list strings.Builder
	for k, v := range profile {
		fmt.Fprintf(&text, "%s=%s\n", k, v)
	}
	for _, b := range buddies {
		fmt.Fprintf(&list, "Agent %s|sip:%s@%s|y\n", b, b, domain)
	}
	system := fmt.Sprintf("dev_ringtone=\ndev_speaker=\ndev_mic=\nsip_udp_port=%d\nsip_tcp_port=%d\nrtp_port=%d\n", port, port, port+2)
	dir := filepath.Join(home, ".twinkle")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"agent.cfg": text.String(), "agent.bud": list.String(), "twinkle.sys": system} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := &softphone{t: t, log: filepath.Join(dir, "twinkle.log"), done: make(chan struct{})}
	p.cmd = exec.Command("twinkle-console", "agent.cfg")
	p.cmd.Env = append(os.Environ(), "HOME="+home)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start twinkle-console (testbench/install twinkle brings it): %v", err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			p.mu.Lock()
			t.Logf("Twinkle printed:\n%s\nand logged:\n%s", p.out.String(), p.heard())
			p.mu.Unlock()
		}
	})
	return p
}

// kill ends it as a power cut would.
func (p *softphone) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// says types a command.
func (p *softphone) says(command string) {
	p.t.Helper()
	if _, err := io.WriteString(p.in, command+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

// quit is Twinkle's own end, with what it says to the server on its way.
func (p *softphone) quit() {
	p.t.Helper()
	p.says("quit")
	select {
	case <-p.done:
	case <-time.After(15 * time.Second):
		p.t.Fatal("Twinkle did not quit")
	}
}

// heard is its log of messages.
func (p *softphone) heard() string {
	b, err := os.ReadFile(p.log)
	if err != nil {
		return ""
	}
	return strings.ReplaceAll(string(b), "\r", "")
}

// messages are those of its log that begin with a text, whole.
func (p *softphone) messages(begin string) (list []string) {
	for entry := range strings.SplitSeq(p.heard(), "\n---\n") {
		_, m, _ := strings.Cut(entry, "\n"+begin)
		if strings.Contains(entry, "\n"+begin) {
			list = append(list, begin+m)
		}
	}
	return list
}

// sees waits until the newest NOTIFY of an event has a text.
func (p *softphone) sees(event, text string) time.Duration {
	p.t.Helper()
	return lab.Eventually(p.t, 5*time.Second, func() error {
		last := ""
		for _, m := range p.messages("NOTIFY ") {
			if strings.Contains(m, "\nEvent: "+event) {
				last = m
			}
		}
		if !strings.Contains(last, text) {
			return fmt.Errorf("no %q in its last NOTIFY of %s:\n%s", text, event, last)
		}
		return nil
	})
}

// pbx publishes the calls of an agent.
func pbx(t *testing.T, s *lab.Server, number string) *phone.Publisher {
	t.Helper()
	l, err := phone.UDP(pbxHost, s.SIP)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return &phone.Publisher{Phone: &phone.Phone{Line: l, Domain: domain, Anonymous: true}, AOR: "sip:" + number + "@" + domain}
}
