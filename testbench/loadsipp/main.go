// Command loadsipp puts load on a real server by SIPp, at rates that rise until
// something fails or a bound is reached, and prints rates, failures, response
// times and what each operation cost the server. testbench/load-sipp runs it.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"lamplight/testbench/sipp"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "load-sipp:", err)
		os.Exit(1)
	}
}

// load is one run of everything.
type load struct {
	plan   plan
	server *server
	dir    string
	runs   int
	rows   []row
	notes  []string
}

func run() error {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	dir, err := os.MkdirTemp("", "load-sipp-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := startServer(dir)
	if err != nil {
		return err
	}
	l := &load{plan: longPlan(), server: s, dir: dir}
	if os.Getenv("BENCH_SHORT") == "1" {
		l.plan = shortPlan()
	}
	err = l.all(ctx)
	if stopped := s.stop(); err == nil {
		err = stopped
	}
	if err != nil {
		return err
	}
	text := l.report()
	fmt.Print("\n" + text)
	if os.Getenv("RESULTS") == "1" {
		return replaceSection("testbench/RESULTS.md", heading, text)
	}
	return nil
}

// all goes through the plan.
func (l *load) all(ctx context.Context) error {
	file, err := l.agents()
	if err != nil {
		return err
	}
	said, err := l.server.importAgents(ctx, file)
	if err != nil {
		return err
	}
	l.note("`lamplight import` of %d agents with a desk phone, a softphone and a mobile each: %s.", l.plan.agents, said)
	if err := l.idle(ctx, "imported, none registered"); err != nil {
		return err
	}
	for _, stage := range []func(context.Context) error{l.register, l.invite, l.fanout, l.subscribe} {
		if err := stage(ctx); err != nil {
			return err
		}
	}
	if err := l.idle(ctx, "registered and watched"); err != nil {
		return err
	}
	l.note("Memory of the server at the end: %d MB resident.", l.server.resident())
	return nil
}

// idle notes what the server uses when nobody asks it anything.
func (l *load) idle(ctx context.Context, when string) error {
	if err := pause(ctx); err != nil {
		return err
	}
	before, err := l.server.cpu()
	if err != nil {
		return err
	}
	const pauses = 3
	for range pauses {
		if err := pause(ctx); err != nil {
			return err
		}
	}
	after, err := l.server.cpu()
	if err != nil {
		return err
	}
	l.note("Idle, %d agents %s: %.3f cores.", l.plan.agents, when, (after-before).Seconds()/pauses)
	return nil
}

func (l *load) note(format string, args ...any) {
	l.notes = append(l.notes, fmt.Sprintf(format, args...))
	fmt.Printf(format+"\n", args...)
}

// firstNumber is the number of the first agent that is imported.
const firstNumber = 200001

func number(i int) string { return strconv.Itoa(firstNumber + i) }

func password(i int) string { return "load-" + number(i) }

// agents writes the file for the import.
func (l *load) agents() (string, error) {
	return l.file("agents.csv", "number,password,name,team\n", l.plan.agents, func(i int) string {
		return number(i) + "," + password(i) + ",Agent " + number(i) + ",load\n"
	})
}

// phones writes SIPp's injection file: number, credentials, and the number a
// lamp key watches.
func (l *load) phones(name string, n int, watches func(int) int) (string, error) {
	return l.file(name, "SEQUENTIAL\n", n, func(i int) string {
		return fmt.Sprintf("%s;[authentication username=%s password=%s];%s;\n", number(i), number(i), password(i), number(watches(i)))
	})
}

func (l *load) file(name, head string, n int, each func(int) string) (string, error) {
	text := []byte(head)
	for i := range n {
		text = append(text, each(i)...)
	}
	path := filepath.Join(l.dir, name)
	return path, os.WriteFile(path, text, 0o600)
}

// freePort is a port for a run that needs one of its own.
func freePort(host string) (int, error) { return sipp.FreePort(host) }

// pause lets what is under way settle between steps.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Second):
		return nil
	}
}
