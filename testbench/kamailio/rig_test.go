//go:build testbench

// Package kamailio has a real Kamailio for a neighbour: as the presence server
// that is told of our agents, and as the peer that tells us of its calls.
package kamailio

import (
	"bytes"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"text/template"
	"time"

	_ "github.com/mattn/go-sqlite3" // to look into its database

	"lamplight/testbench/lab"
	"lamplight/testbench/load/phone"
)

const domain = "demo.lamplight.test"

// options of a Kamailio; they fill its configuration.
type options struct {
	Password   string // of user lamplight; empty: it asks for none
	MaxExpires int
	Peer       string // host:port that it publishes to
	Callee     string // host:port that it sends calls to
}

// kamailio is a running Kamailio. It is a group of processes, ended together.
type kamailio struct {
	options
	Addr, Domain, Modules, DB, Dir string

	t    *testing.T
	file string
	mu   sync.Mutex
	out  bytes.Buffer // guarded by mu
	cmd  *exec.Cmd
	done chan struct{}
}

func start(t *testing.T, config string, o options) *kamailio {
	t.Helper()
	if o.MaxExpires == 0 {
		o.MaxExpires = 3600
	}
	dir := t.TempDir()
	k := &kamailio{options: o, t: t, Addr: freeAddr(t), Domain: domain, Dir: dir, DB: filepath.Join(dir, "kamailio.db"), Modules: modules(t)}
	text, err := os.ReadFile(filepath.Join(lab.Root(t), "testbench", "kamailio", config))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := template.Must(template.New(config).Parse(string(text))).Execute(&b, k); err != nil {
		t.Fatal(err)
	}
	k.file = filepath.Join(dir, config)
	if err := os.WriteFile(k.file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	k.makeDB()
	t.Cleanup(func() {
		k.kill()
		if t.Failed() {
			t.Logf("Kamailio's log:\n%s", k.log())
		}
	})
	k.run()
	return k
}

// modules is where the distribution puts them.
func modules(t *testing.T) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/*/kamailio/modules")
	if err != nil || len(found) == 0 {
		t.Fatal("no modules of Kamailio (testbench/install kamailio brings them)")
	}
	return found[0]
}

func freeAddr(t *testing.T) string {
	t.Helper()
	for range 50 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := ln.Addr().String()
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

// makeDB makes its database anew: what it knew is forgotten.
func (k *kamailio) makeDB() {
	k.t.Helper()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(k.DB + suffix)
	}
	db, err := sql.Open("sqlite3", k.DB)
	if err != nil {
		k.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	// We look while it writes.
	if _, err := db.Exec("PRAGMA journal_mode = WAL"); err != nil {
		k.t.Fatal(err)
	}
	for _, schema := range []string{"standard", "presence"} {
		text, err := os.ReadFile("/usr/share/kamailio/db_sqlite/" + schema + "-create.sql")
		if err != nil {
			k.t.Fatal(err)
		}
		if _, err := db.Exec(string(text)); err != nil {
			k.t.Fatal(err)
		}
	}
}

// publications counts what it has of an agent, "" for all.
func (k *kamailio) publications(event, number string) (n int) {
	k.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+k.DB+"?mode=ro")
	if err != nil {
		k.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	row := db.QueryRow("SELECT count(*) FROM presentity WHERE event = ? AND (? = '' OR username = ?) AND expires > ?", event, number, number, time.Now().Unix())
	if err := row.Scan(&n); err != nil {
		k.t.Fatal(err)
	}
	return n
}

// run starts the processes (again) and waits until they answer.
func (k *kamailio) run() {
	k.t.Helper()
	cmd := exec.Command("kamailio", "-f", k.file, "-DD", "-E", "-w", k.Dir, "-Y", k.Dir, "-m", "64", "-M", "8")
	cmd.Stdout, cmd.Stderr = (*logWriter)(k), (*logWriter)(k)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		k.t.Fatalf("start kamailio (testbench/install kamailio brings it): %v", err)
	}
	k.cmd, k.done = cmd, make(chan struct{})
	go func() { _ = cmd.Wait(); close(k.done) }()
	lab.Eventually(k.t, 20*time.Second, func() error {
		select {
		case <-k.done:
			k.t.Fatalf("kamailio ended at start:\n%s", k.log())
		default:
		}
		c, err := net.DialTimeout("tcp", k.Addr, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return err
	})
}

// kill ends its processes as a power cut would.
func (k *kamailio) kill() {
	if k.cmd == nil {
		return
	}
	_ = syscall.Kill(-k.cmd.Process.Pid, syscall.SIGKILL)
	<-k.done
	k.cmd = nil
}

type logWriter kamailio

func (w *logWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.out.Len() > 4<<20 {
		w.out.Reset()
	}
	return w.out.Write(b)
}

func (k *kamailio) log() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	s := k.out.String()
	return s[max(0, len(s)-8000):]
}

// lamplight starts our server with the demo's agents, where every registered
// phone makes its agent online, and these upstreams.
func lamplight(t *testing.T, upstreams string) *lab.Server {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(lab.Root(t), "configs", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(b), "    grace: 5s\n", "    grace: 5s\n    online_by: any_device\n", 1)
	text = strings.Replace(text, "level: info", "level: debug", 1)
	text = strings.Replace(text, "upstreams: []\n", upstreams+"\n", 1)
	return lab.Start(t, lab.Options{Config: lab.Ports(text)})
}

// line opens a socket to a server.
func line(t *testing.T, local, server string) *phone.Line {
	t.Helper()
	l, err := phone.UDP(local, server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// pbx publishes a call of the number to us.
func pbx(t *testing.T, s *lab.Server, number string) *phone.Publisher {
	t.Helper()
	return &phone.Publisher{Phone: &phone.Phone{Line: line(t, "127.0.0.1", s.SIP), Domain: domain, Anonymous: true}, AOR: "sip:" + number + "@" + domain}
}

func publish(t *testing.T, p *phone.Publisher, id, state string) {
	t.Helper()
	if res, err := p.Publish(id, state, 600); err != nil || res.Status != 200 {
		t.Fatalf("PUBLISH of %s: %d, %v", state, res.Status, err)
	}
}

// register registers a desk phone of the demo.
func register(t *testing.T, s *lab.Server, number string) {
	t.Helper()
	p := &phone.Phone{Line: line(t, "127.0.0.2", s.SIP), User: number, Number: number, Domain: domain, Password: "demo-" + number}
	if res, err := p.Register("<" + p.Contact(0) + ">;expires=600"); err != nil || res.Status != 200 {
		t.Fatalf("REGISTER: %d, %v", res.Status, err)
	}
}

// choose selects a status by the API.
func choose(t *testing.T, s *lab.Server, number, status string) {
	t.Helper()
	if code := s.API("PUT", "/agents/"+number+"/status", map[string]string{"status": status, "reason": "test"}, nil); code != 200 {
		t.Fatalf("select %s: HTTP %d", status, code)
	}
}

// lampOf is another phone's lamp for an agent, at our own server.
func lampOf(t *testing.T, s *lab.Server, number, event string) *phone.Watch {
	t.Helper()
	w := &phone.Watch{Phone: &phone.Phone{Line: line(t, "127.0.0.3", s.SIP), User: "1012", Number: "1012", Domain: domain, Password: "demo-1012"}, Target: number, Event: event}
	subscribe(t, w)
	return w
}

// watch subscribes at a server and follows an agent's event there.
func watch(t *testing.T, server, number, event string) *phone.Watch {
	t.Helper()
	w := &phone.Watch{Phone: &phone.Phone{Line: line(t, "127.0.0.3", server), User: "watcher", Number: "watcher", Domain: domain, Anonymous: true}, Target: number, Event: event}
	subscribe(t, w)
	return w
}

func subscribe(t *testing.T, w *phone.Watch) {
	t.Helper()
	if res, err := w.Subscribe(600); err != nil || res.Status != 200 && res.Status != 202 {
		t.Fatalf("SUBSCRIBE to %s: %d, %v", w.Event, res.Status, err)
	}
}

// sees waits until the watch shows so and returns how long that took.
func sees(t *testing.T, w *phone.Watch, want string, within time.Duration) time.Duration {
	t.Helper()
	return lab.Eventually(t, within, func() error {
		if got := w.State().Lamp; got != want {
			return fmt.Errorf("%s of %s is shown as %q, want %q", w.Event, w.Target, got, want)
		}
		return nil
	})
}
