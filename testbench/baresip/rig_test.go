//go:build testbench

// Package baresip has the softphone baresip register with the server and watch
// colleagues, over every transport it knows.
package baresip

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"lamplight/testbench/lab"
)

const domain = "demo.lamplight.test"

// options of a baresip. Transport is udp, tcp or tls.
type options struct {
	number, user, password string
	transport              string
	second                 string   // transport of a second flow (RFC 5626); implies flows
	flows                  bool     // it registers by RFC 5626
	trace                  bool     // it prints what it sends and receives
	buddies                []string // numbers to watch
	tone                   int      // Hz that it speaks; 0: it has no sound
	record                 string   // directory for what it hears and says
	mailbox                bool     // it watches its mailbox
	publish                bool     // it publishes its presence
	auto                   bool     // it picks up by itself
}

// softphone is a running baresip, without a user interface, driven over its
// control connection.
type softphone struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
	ctrl net.Conn

	answer chan string // to commands, in order

	mu  sync.Mutex
	out bytes.Buffer // what it prints; guarded by mu
}

// start writes a configuration and runs baresip with it. The test's end ends it.
func start(t *testing.T, s *lab.Server, o options) *softphone {
	t.Helper()
	home := t.TempDir()
	control := freePort(t)
	server := s.SIP
	if o.transport == "tls" {
		server = s.TLS
	}
	config := []string{
		"poll_method epoll", "sip_listen 127.0.0.1:" + freePort(t), "call_max_calls 4",
		"module_path /usr/lib/baresip/modules", "module g711.so",
		"module_tmp uuid.so", "module_tmp account.so",
		"module_app contact.so", "module_app menu.so", "module_app presence.so", "module_app ctrl_tcp.so",
		"ctrl_tcp_listen 127.0.0.1:" + control,
	}
	if o.tone > 0 {
		config = append(config, "module ausine.so", "module aubridge.so", "module sndfile.so", "snd_path "+o.record,
			fmt.Sprintf("audio_source ausine,%d", o.tone), "audio_player aubridge,"+o.number, "audio_alert aubridge,alert", "ausrc_srate 48000", "ausrc_channels 2", "net_interface 127.0.0.1")
	}
	if o.mailbox {
		// With both modules baresip 1.0.0 subscribes over UDP in an endless loop that
		// waits for no answer, whatever the server.
		config[slices.Index(config, "module_app presence.so")] = "module_app mwi.so"
	}
	account := fmt.Sprintf(`<sip:%s@%s>;auth_user=%s;auth_pass=%s;outbound="sip:%s;transport=%s";regint=600`,
		o.number, domain, o.user, o.password, server, o.transport)
	if o.second != "" {
		account += fmt.Sprintf(`;outbound2="sip:%s;transport=%s"`, server, o.second)
	}
	if o.flows || o.second != "" {
		account += ";sipnat=outbound"
	}
	if o.auto {
		account += ";answermode=auto"
	}
	if o.publish {
		account += ";pubint=60"
	}
	var contacts []string
	for _, b := range o.buddies {
		contacts = append(contacts, fmt.Sprintf(`"Agent %s" <sip:%s@%s>;presence=p2p`, b, b, domain))
	}
	for name, lines := range map[string][]string{"config": config, "accounts": {account}, "contacts": contacts} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := &softphone{t: t, done: make(chan struct{}), answer: make(chan string, 8)}
	args := []string{"-f", home, "-v"}
	if o.trace {
		args = append(args, "-s")
	}
	p.cmd = exec.Command("baresip", args...)
	p.cmd.Stdout, p.cmd.Stderr = (*printer)(p), (*printer)(p)
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start baresip (testbench/install baresip brings it): %v", err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	t.Cleanup(p.end)
	lab.Eventually(t, 10*time.Second, func() (err error) {
		p.ctrl, err = net.Dial("tcp", "127.0.0.1:"+control)
		return err
	})
	go p.listen()
	return p
}

func freePort(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return strconv.Itoa(ln.Addr().(*net.TCPAddr).Port)
}

type printer softphone

func (p *printer) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

// printed is what baresip has printed.
func (p *softphone) printed() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// end kills a baresip that still runs and shows what it printed if the test
// failed.
func (p *softphone) end() {
	if p.ctrl != nil {
		_ = p.ctrl.Close()
	}
	_ = p.cmd.Process.Kill()
	<-p.done
	if p.t.Failed() {
		p.t.Logf("baresip printed:\n%s", p.printed())
	}
}

// listen reads netstrings ("12:{…},") of JSON.
func (p *softphone) listen() {
	in := bufio.NewReader(p.ctrl)
	for {
		size, err := in.ReadString(':')
		if err != nil {
			return
		}
		n, err := strconv.Atoi(strings.TrimSuffix(size, ":"))
		if err != nil || n > 1<<20 {
			return
		}
		b := make([]byte, n+1) // and the comma
		if _, err := io.ReadFull(in, b); err != nil {
			return
		}
		var m struct {
			Response bool   `json:"response"` // else an event
			Data     string `json:"data"`
		}
		if json.Unmarshal(b[:n], &m) == nil && m.Response {
			p.answer <- m.Data
		}
	}
}

// command sends one command and returns the answer's text.
func (p *softphone) command(name string) string {
	p.t.Helper()
	b, err := json.Marshal(map[string]string{"command": name})
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := fmt.Fprintf(p.ctrl, "%d:%s,", len(b), b); err != nil {
		p.t.Fatalf("baresip %s: %v", name, err)
	}
	select {
	case a := <-p.answer:
		return a
	case <-time.After(5 * time.Second):
		p.t.Fatalf("baresip did not answer %q", name)
		return ""
	}
}

// shows waits until baresip's list of contacts has the word beside the buddy.
func (p *softphone) shows(buddy, word string) {
	p.t.Helper()
	lab.Eventually(p.t, 10*time.Second, func() error {
		list := p.command("contacts")
		for line := range strings.Lines(list) {
			if strings.Contains(line, buddy) && strings.Contains(line, word) {
				return nil
			}
		}
		return fmt.Errorf("no %s beside %s in %q", word, buddy, list)
	})
}
