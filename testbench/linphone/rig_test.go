//go:build testbench

// Package linphone has the softphone Linphone watch its contacts: it brings them
// along as a list (RFC 5367), to whatever server it names, and takes the answers
// in a form of its own only.
package linphone

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
	// pbxHost is where this server's PBX is: Linphone sends from 127.0.0.1.
	pbxHost = "127.0.0.200"
	// listServer is what Linphone has as the server of its lists, whoever it is
	// registered with.
	listServer = "sip:rls@sip.linphone.org"
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

// softphone is a running Linphone, driven by the commands of its console.
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

func (p *softphone) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// start runs Linphone as agent 1002 over a transport, with contacts. The test's
// end ends it.
func start(t *testing.T, s *lab.Server, transport string, contacts ...string) *softphone {
	t.Helper()
	return startAs(t, s, "1002", transport, contacts...)
}

// startAs runs it as any agent.
func startAs(t *testing.T, s *lab.Server, number, transport string, contacts ...string) *softphone {
	t.Helper()
	home := t.TempDir()
	port, err := sipp.FreePort("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	ports := map[string]int{"udp": -1, "tcp": -1, transport: port}
	var rc strings.Builder
	fmt.Fprintf(&rc, "[sip]\nsip_port=%d\nsip_tcp_port=%d\nsip_tls_port=-1\ndefault_proxy=0\nguess_hostname=0\nrls_uri=%s\n", ports["udp"], ports["tcp"], listServer)
	fmt.Fprintf(&rc, "[net]\nfriendlist_subscription_enabled=1\n[proxy_0]\nreg_proxy=<sip:%[1]s;transport=%[2]s>\nreg_route=<sip:%[1]s;transport=%[2]s;lr>\n", s.SIP, transport)
	fmt.Fprintf(&rc, "reg_identity=sip:%[2]s@%[1]s\nreg_expires=300\nreg_sendregister=1\npublish=0\n[auth_info_0]\nusername=%[2]s\npasswd=demo-%[2]s\nrealm=%[1]s\n", domain, number)
	for i, c := range contacts {
		fmt.Fprintf(&rc, "[friend_%d]\nurl=\"Friend %d\" <sip:%s>\npol=accept\nsubscribe=1\n", i, i, c)
	}
	if err := os.WriteFile(filepath.Join(home, "rc"), []byte(rc.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(home, ".local", "share", "linphone"), 0o700); err != nil {
		t.Fatal(err)
	}
	p := &softphone{t: t, log: filepath.Join(home, "log"), done: make(chan struct{})}
	p.cmd = exec.Command("linphonec", "-c", filepath.Join(home, "rc"), "-d", "6", "-l", p.log)
	p.cmd.Env = append(os.Environ(), "HOME="+home)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start linphonec (testbench/install linphone brings it): %v", err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
		if t.Failed() {
			b, _ := os.ReadFile(p.log)
			t.Logf("Linphone printed:\n%s\nand logged:\n%s", p.printed(), b[max(0, len(b)-20_000):])
		}
	})
	return p
}

// says types a command.
func (p *softphone) says(command string) {
	p.t.Helper()
	if _, err := io.WriteString(p.in, command+"\n"); err != nil {
		p.t.Fatal(err)
	}
}

// quit is Linphone's own end, with what it says to the server on its way.
func (p *softphone) quit() {
	p.t.Helper()
	if _, err := io.WriteString(p.in, "quit\n"); err != nil {
		p.t.Fatal(err)
	}
	select {
	case <-p.done:
	case <-time.After(20 * time.Second):
		p.t.Fatal("Linphone did not quit")
	}
}

// shows waits until the last it says of a contact is this state.
func (p *softphone) shows(contact, state string) {
	p.t.Helper()
	lab.Eventually(p.t, 10*time.Second, func() error {
		last := ""
		for line := range strings.SplitSeq(p.printed(), "\n") {
			if _, after, ok := strings.Cut(line, "<sip:"+contact+"> is "); ok {
				last = strings.TrimSpace(after)
			}
		}
		if last != state {
			return fmt.Errorf("%s is %q for Linphone, want %q", contact, last, state)
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
