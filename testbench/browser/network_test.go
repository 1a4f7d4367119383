//go:build testbench

package browser

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"lamplight/testbench/lab"
)

// The addresses of a wired network: the server, the browser's cable and its radio,
// and a router between. They are in namespaces of the test's own.
const (
	serverAddr = "10.77.0.2"
	cableAddr  = "10.77.1.2"
	radioAddr  = "10.77.2.2"
)

// apartEnv says that the process is in a network namespace of its own.
const apartEnv = "TESTBENCH_APART"

// network is three network namespaces: of this process and the server, of a router,
// and of a browser. They have no names and no place in the file system: each lives as
// long as the process that is in it, and with it end its links, addresses and routes.
type network struct {
	t               *testing.T
	router, browser int // process ids
}

// apart runs the calling test once more, by a process in a network namespace of its
// own, and returns its network there. Where it returns nil the test has been run and
// its caller returns. It needs root or a system that gives users namespaces.
func apart(t *testing.T) *network {
	t.Helper()
	if os.Getenv(apartEnv) != "" {
		return wire(t)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := "^" + t.Name() + "$"
	if _, sub, ok := strings.Cut(flag.Lookup("test.run").Value.String(), "/"); ok {
		run += "/" + sub
	}
	args := []string{"-test.v", "-test.count=1", "-test.run=" + run}
	if end, ok := t.Deadline(); ok {
		args = append(args, "-test.timeout="+time.Until(end).Round(time.Second).String())
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), apartEnv+"=1")
	cmd.SysProcAttr = alone()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	// Asked politely, the test's process ends what it has started.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("a network namespace of its own (run as root, or let users have namespaces): %v", err)
	}
	t.Logf("apart:\n%s", &out)
	if err != nil || !strings.Contains(out.String(), "--- PASS: "+t.Name()) {
		t.Fatalf("it failed apart: %v", err)
	}
	return nil
}

// alone starts a process in a new network namespace, and in a new user namespace
// where that is the only way to have one.
func alone() *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Geteuid() != 0 {
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return a
}

// wire makes the network.
func wire(t *testing.T) *network {
	t.Helper()
	n := &network{t: t, router: place(t), browser: place(t)}
	here := os.Getpid()
	for _, pid := range []int{here, n.router, n.browser} {
		// An address of IPv6 comes a second later by itself, and to a browser that is a
		// change of the network: it gives up what it has just asked for.
		n.in(pid, "sh", "-c", "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6")
	}
	for _, l := range []struct {
		pid, peer       int
		link, far       string
		address, router string
	}{
		{here, n.router, "out", "srv", serverAddr, "10.77.0.1"},
		{n.browser, n.router, "cable", "one", cableAddr, "10.77.1.1"},
		{n.browser, n.router, "radio", "two", radioAddr, "10.77.2.1"},
	} {
		n.ip(l.pid, "link set lo up")
		n.ip(l.pid, fmt.Sprintf("link add %s type veth peer name %s netns %d", l.link, l.far, l.peer))
		n.ip(l.peer, "addr add "+l.router+"/24 dev "+l.far)
		n.ip(l.peer, "link set "+l.far+" up")
		if l.link == "radio" {
			continue // it is off
		}
		n.ip(l.pid, "addr add "+l.address+"/24 dev "+l.link)
		n.ip(l.pid, "link set "+l.link+" up")
		n.ip(l.pid, "route add 10.77.0.0/16 via "+l.router)
	}
	n.in(n.browser, "ip", "route", "add", "default", "via", "10.77.1.1")
	n.in(n.router, "sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward")
	return n
}

// place is a process in a network namespace of its own, which ends with this one: it
// waits for what is never written.
func place(t *testing.T) int {
	t.Helper()
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatalf("a network namespace: %v", err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	return cmd.Process.Pid
}

// in runs a program in the namespace of a process.
func (n *network) in(pid int, program string, args ...string) {
	n.t.Helper()
	args = append([]string{fmt.Sprintf("--net=/proc/%d/ns/net", pid), program}, args...)
	if out, err := exec.Command("nsenter", args...).CombinedOutput(); err != nil {
		n.t.Fatalf("nsenter %s: %v: %s (testbench/install iproute2)", strings.Join(args, " "), err, out)
	}
}

func (n *network) ip(pid int, args string) {
	n.t.Helper()
	n.in(pid, "ip", strings.Fields(args)...)
}

// cut is a way to cut the browser's network, and to restore it.
type cut struct {
	name          string
	down, restore func()
}

// dark loses every packet on the way, both ways, and neither end is told.
func (n *network) dark() cut {
	hosts := []string{serverAddr, cableAddr, radioAddr}
	all := func(what string) func() {
		return func() {
			for _, h := range hosts {
				n.ip(n.router, "route "+what+" blackhole "+h+"/32")
			}
		}
	}
	return cut{name: "all packets dropped", down: all("add"), restore: all("del")}
}

// unplugged takes the cable out of the browser's machine.
func (n *network) unplugged() cut {
	return cut{
		name:    "link down",
		down:    func() { n.ip(n.router, "link set one down") },
		restore: func() { n.ip(n.router, "link set one up") },
	}
}

// toRadio takes the browser from the cable to the radio network, with another address
// there; between the two it has none.
func (n *network) toRadio(pause time.Duration) {
	n.t.Helper()
	n.leave("cable", cableAddr)
	time.Sleep(pause)
	n.join("radio", radioAddr, "10.77.2.1")
}

// toCable takes it back at once: it is in both for a moment.
func (n *network) toCable() {
	n.t.Helper()
	n.join("cable", cableAddr, "10.77.1.1")
	n.leave("radio", radioAddr)
}

// join and leave do what a system does that is given its address by the network.
func (n *network) join(link, address, router string) {
	n.t.Helper()
	n.ip(n.browser, "link set "+link+" up")
	n.ip(n.browser, "addr add "+address+"/24 dev "+link)
	n.ip(n.browser, "route replace default via "+router)
}

func (n *network) leave(link, address string) {
	n.t.Helper()
	n.ip(n.browser, "addr del "+address+"/24 dev "+link)
	n.ip(n.browser, "link set "+link+" down")
}

// readdress gives the browser another address on the cable in place of its own.
func (n *network) readdress(from, to string) {
	n.t.Helper()
	n.ip(n.browser, "addr del "+from+"/24 dev cable")
	n.ip(n.browser, "addr add "+to+"/24 dev cable")
	n.ip(n.browser, "route replace default via 10.77.1.1")
}

// serve starts a server whose pages and media are in the network, and all else on
// this process's loopback. The demo's passwords are for loopback only.
func (n *network) serve() *lab.Server {
	n.t.Helper()
	b, err := os.ReadFile(filepath.Join(lab.Root(n.t), "configs", "demo.yaml"))
	if err != nil {
		n.t.Fatal(err)
	}
	text := strings.NewReplacer("demo: true", "demo: false", "demo-", apartSecret, "mode: redirect", "mode: proxy",
		"127.0.0.1:8443", serverAddr+":8443", "127.0.0.1:8444", serverAddr+":8444").Replace(string(b))
	return lab.Start(n.t, lab.Options{Config: lab.Ports(text), Token: apartSecret + "admin"})
}

// apartSecret is in the place of "demo-".
const apartSecret = "known-to-the-testbench-"

// open starts a browser in its namespace, whose microphone hears a tone and which may
// use it.
func (n *network) open(s *lab.Server) *Chromium {
	n.t.Helper()
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		n.t.Fatalf("%v (testbench/install chromium)", err)
	}
	there := filepath.Join(n.t.TempDir(), "chromium")
	script := fmt.Sprintf("#!/bin/sh\nexec nsenter --net=/proc/%d/ns/net -- %s \"$@\"\n", n.browser, chromium)
	if err := os.WriteFile(there, []byte(script), 0o700); err != nil { //nolint:gosec // a program
		n.t.Fatal(err)
	}
	return openTalking(n.t, s, "https://"+serverAddr+":8443", micTone, chromedp.ExecPath(there))
}
