// Command load puts load on a real Lamplight server over loopback UDP and prints
// what it measured as the Markdown tables of testbench/RESULTS.md.
//
// It starts bin/lamplight with the demo configuration on ports of its own,
// imports agents, and then registers, refreshes, subscribes, publishes, refreshes
// thousands of subscriptions at once, restarts and calls through the proxy. The CPU time is that of the
// server's process, user and system, from /proc. Generator and server share the
// machine's processors.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// options are how much load; sizes are the issue of time only.
type options struct {
	binary, config, dir, profile string
	port                         int

	agents   int // each registers
	watching int // subscriptions of each agent
	lines    int // sockets
	passes   int // of short measurements, of which the median is told
	changes  int // with one watcher; fewer with more
	burst    int // subscriptions refreshed at once
	calls    int // made and ended, in each pass
	talking  int // calls at once
	log      bool
}

func main() {
	var o options
	var short bool
	flag.StringVar(&o.binary, "server", "bin/lamplight", "the server")
	flag.StringVar(&o.config, "config", "configs/demo.yaml", "its configuration")
	flag.StringVar(&o.dir, "dir", "", "directory for its data; default: a temporary one")
	flag.StringVar(&o.profile, "profile", "", "directory for a profile of each measurement, by perf(1)")
	flag.IntVar(&o.port, "port", 25100, "first of five ports; below those that systems give away")
	flag.IntVar(&o.agents, "agents", 100_000, "agents, of which each registers")
	flag.IntVar(&o.watching, "watching", 3, "subscriptions of each")
	flag.IntVar(&o.lines, "lines", 64, "sockets the phones share")
	flag.IntVar(&o.passes, "passes", 3, "passes of which the median is told")
	flag.IntVar(&o.changes, "changes", 3000, "changes seen by one watcher")
	flag.IntVar(&o.burst, "burst", 10_000, "subscriptions refreshed at once")
	flag.IntVar(&o.calls, "calls", 5000, "calls made and ended through the proxy, in each pass")
	flag.IntVar(&o.talking, "talking", 2000, "calls that talk at once")
	flag.BoolVar(&short, "short", os.Getenv("BENCH_SHORT") == "1", "a tenth of nearly everything")
	flag.BoolVar(&o.log, "log", false, "show the server's log")
	flag.Parse()
	if short {
		o.agents, o.changes, o.burst = o.agents/10, o.changes/10, o.burst/10
		o.talking /= 10
	}
	if err := run(&o); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(o *options) (err error) {
	s, err := newServer(o)
	if err != nil {
		return err
	}
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	go func() { // a generator that is stopped leaves no server behind
		<-interrupted
		s.kill()
		os.Exit(1)
	}()
	defer func() { err = errors.Join(err, s.close()) }()
	b := &bench{o: o, s: s}
	defer b.close()
	for _, step := range []struct {
		what string
		f    func() error
	}{
		{"import", b.importAgents},
		{"phones", b.phones},
		{"register", b.register},
		{"subscribe", b.subscribe},
		{"change", b.change},
		{"refresh at once", b.refreshAtOnce},
		{"restart", b.restart},
		{"call", b.call},
	} {
		fmt.Fprintln(os.Stderr, "load:", step.what)
		if err := step.f(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	b.print(os.Stdout)
	return b.verdict()
}
