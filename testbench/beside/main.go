// Command beside puts the same calls by SIPp through Lamplight and through a
// Kamailio that does plain registrar-and-proxy work, in turn, and prints calls a
// second, what a call costs each of them, and what a ringing and a talking call
// takes of our memory. testbench/bench runs it.
//
//	BENCH_SHORT=1   few calls at two rates, under a minute
//	RESULTS=1       also replaces its section of testbench/RESULTS.md
package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"lamplight/testbench/load/phone"
	"lamplight/testbench/sipp"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "beside:", err)
		os.Exit(1)
	}
}

// plan is how much is done. agents are as many as two passes of the highest rate
// need, so that nobody is called who still talks.
type plan struct {
	rates   []int // calls a second
	seconds int   // a step lasts
	agents  int
	held    int // calls that ring and talk at once
}

func run() error {
	p := plan{rates: []int{250, 500, 1000, 1500, 2000}, seconds: 10, agents: 8000, held: 2000}
	if os.Getenv("BENCH_SHORT") != "" {
		p = plan{rates: []int{100, 250}, seconds: 3, agents: 1000, held: 300}
	}
	dir, err := os.MkdirTemp(os.Getenv("BENCH_DIR"), "lamplight-beside-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &bench{plan: p, dir: dir}
	if err := b.start(); err != nil {
		b.stop()
		return err
	}
	defer b.stop()
	// First, while no memory is there that earlier calls have left.
	if err := b.hold(); err != nil {
		return err
	}
	for _, rate := range p.rates {
		for _, s := range b.servers {
			if err := b.step(s, rate); err != nil {
				return err
			}
		}
	}
	text := b.report()
	fmt.Print("\n" + text)
	if os.Getenv("RESULTS") == "1" {
		return replaceSection("testbench/RESULTS.md", text)
	}
	return nil
}

// bench is both servers and their phones.
type bench struct {
	plan    plan
	dir     string
	servers []*under
	runs    int
	rows    []string
	notes   []string
}

// under is a server with a port where all its phones are.
type under struct {
	*subject
	port  int
	over  bool // it did not keep up with the last rate
	calls int  // so far, so that the next step goes on with the next agent
}

const firstNumber = 200001

func number(i int) string { return strconv.Itoa(firstNumber + i) }

func (b *bench) start() error {
	lines := []byte("number,password,name,team\n")
	for i := range b.plan.agents {
		lines = fmt.Appendf(lines, "%s,secret-%s,Agent %s,load\n", number(i), number(i), number(i))
	}
	agents := filepath.Join(b.dir, "agents.csv")
	if err := os.WriteFile(agents, lines, 0o600); err != nil {
		return err
	}
	ours, err := startLamplight(b.dir, agents)
	if err != nil {
		return err
	}
	b.servers = append(b.servers, &under{subject: ours})
	theirs, err := startKamailio(b.dir)
	if err != nil {
		return err
	}
	b.servers = append(b.servers, &under{subject: theirs})
	for _, s := range b.servers {
		if err := b.register(s); err != nil {
			return fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return nil
}

func (b *bench) stop() {
	for _, s := range b.servers {
		s.stop()
	}
}

// register registers every agent's phone at one port, and leaves it to SIPp.
func (b *bench) register(s *under) error {
	line, err := phone.UDP("127.0.0.3", s.SIP)
	if err != nil {
		return err
	}
	defer line.Close()
	_, port, _ := strings.Cut(line.Addr(), ":")
	if s.port, err = strconv.Atoi(port); err != nil {
		return err
	}
	var all sync.WaitGroup
	next := make(chan int)
	failed := make(chan error, b.plan.agents)
	for range 32 {
		all.Go(func() {
			for i := range next {
				p := &phone.Phone{Line: line, User: number(i), Number: number(i), Domain: sipp.Domain, Password: "secret-" + number(i)}
				if res, err := p.Register("<" + p.Contact(0) + ">;expires=3600"); err != nil || res.Status != 200 {
					failed <- fmt.Errorf("%s could not register: %d, %w", number(i), res.Status, err)
				}
			}
		})
	}
	for i := range b.plan.agents {
		next <- i
	}
	close(next)
	all.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// outcome is what came of calls.
type outcome struct {
	done, failed, resent int
	took, cpu            time.Duration
	complaint            error
}

// place makes calls at a rate; while is called when they have begun.
func (b *bench) place(s *under, rate, calls, rings, talks int, while func()) (outcome, error) {
	var o outcome
	b.runs++
	file := func(kind string) string { return filepath.Join(b.dir, fmt.Sprint(kind, b.runs, ".xml")) }
	numbers := []byte("SEQUENTIAL\n")
	for i := range calls {
		numbers = fmt.Appendf(numbers, "%s;\n", number((s.calls+i)%b.plan.agents))
	}
	s.calls += calls
	for name, text := range map[string]string{file("callee"): callee(rings), file("caller"): caller(talks), file("numbers"): string(numbers)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return o, err
		}
	}
	limit := time.Duration(calls/rate)*time.Second + time.Duration(rings+talks)*time.Millisecond + 40*time.Second
	phones, err := sipp.Start(sipp.Run{Scenario: file("callee"), Dir: b.dir, Server: s.SIP, From: "127.0.0.3", Port: s.port, Timeout: limit + 20*time.Second,
		Extra: []string{"-buff_size", "8388608", "-deadcall_wait", "0", "-l", strconv.Itoa(calls)}})
	if err != nil {
		return o, err
	}
	defer phones.Stop()
	time.Sleep(300 * time.Millisecond)
	stats := filepath.Join(b.dir, fmt.Sprint("stats", b.runs, ".csv"))
	began, cpu := time.Now(), s.cpu()
	pbx, err := sipp.Start(sipp.Run{Scenario: file("caller"), Dir: b.dir, Server: s.SIP, Timeout: limit, Extra: []string{
		"-r", strconv.Itoa(rate), "-m", strconv.Itoa(calls), "-l", strconv.Itoa(calls), "-inf", file("numbers"),
		"-trace_stat", "-stf", stats, "-fd", "1", "-buff_size", "8388608", "-deadcall_wait", "0",
	}})
	if err != nil {
		return o, err
	}
	if while != nil {
		while()
	}
	o.complaint = pbx.Wait()
	o.took, o.cpu = time.Since(began), s.cpu()-cpu
	return o, o.read(stats)
}

// read takes the last line of SIPp's statistics.
func (o *outcome) read(file string) error {
	in, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("%w (%w)", err, o.complaint)
	}
	defer in.Close()
	r := csv.NewReader(in)
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = ';', -1, true
	rows, err := r.ReadAll()
	if err != nil || len(rows) < 2 {
		return fmt.Errorf("%s: SIPp wrote no statistics: %w", file, err)
	}
	last := rows[len(rows)-1]
	for i, h := range rows[0] {
		to := map[string]*int{"SuccessfulCall(C)": &o.done, "FailedCall(C)": &o.failed, "Retransmissions(C)": &o.resent}[h]
		if to != nil && i < len(last) {
			*to, _ = strconv.Atoi(last[i])
		}
	}
	return nil
}

// step is calls at a rate through one server, which rings, answers and ends at
// once; a server that did not keep up is asked no higher rate.
func (b *bench) step(s *under, rate int) error {
	if s.over {
		return nil
	}
	calls := min(rate*b.plan.seconds, 2*b.plan.agents)
	o, err := b.place(s, rate, calls, 0, 0, nil)
	if err != nil {
		return err
	}
	reached := float64(o.done) / o.took.Seconds()
	note := ""
	if o.failed > calls/100 || reached < .85*float64(rate) {
		s.over, note = true, "not kept up"
	}
	row := fmt.Sprintf("| %d | %s | %.0f | %d | %d | %d | %.0f | %s |\n", rate, s.Name, reached, o.done, o.failed, o.resent,
		float64(o.cpu.Microseconds())/float64(max(o.done+o.failed, 1)), note)
	fmt.Print(row)
	b.rows = append(b.rows, row)
	time.Sleep(2 * time.Second)
	return nil
}

// hold lets calls ring at once, then talk at once, and looks at our memory.
func (b *bench) hold() error {
	s, n := b.servers[0], b.plan.held
	rate := min(n/3, 400)
	up := n / rate
	before := s.resident()
	var ringing, talking int
	o, err := b.place(s, rate, n, (up+5)*1000, (up+6)*1000, func() {
		time.Sleep(time.Duration(up+3) * time.Second)
		ringing = s.resident()
		time.Sleep(time.Duration(up+5) * time.Second)
		talking = s.resident()
	})
	if err != nil {
		return err
	}
	if o.failed > 0 {
		return fmt.Errorf("%d of %d calls that are held failed: %w", o.failed, n, o.complaint)
	}
	b.notes = append(b.notes, fmt.Sprintf("%d calls ringing at once take **%.1f KB each** of our memory (resident, over %.0f MB before them); talking at once %.1f KB each, with what is remembered of their INVITEs.",
		n, float64(ringing-before)/float64(n), float64(before)/1024, float64(talking-before)/float64(n)))
	return nil
}

const heading = "## Calls beside Kamailio"

func (b *bench) report() string {
	var t strings.Builder
	version, _ := exec.Command("kamailio", "-v").Output()
	first, _, _ := strings.Cut(string(version), "\n")
	load, _ := os.ReadFile("/proc/loadavg")
	fmt.Fprintf(&t, "%s\n\n%s, %d cores shared by the servers and SIPp, %s; load average at the end %s. %s.\n", heading,
		time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), runtime.Version(), strings.Join(strings.Fields(string(load))[:3], " "), strings.TrimPrefix(first, "version: "))
	repeat := "RESULTS=1 go run ./testbench/beside"
	if os.Getenv("BENCH_SHORT") != "" {
		repeat = "BENCH_SHORT=1 " + repeat
	}
	fmt.Fprintf(&t, "Repeat, after `make build` and `testbench/install sipp kamailio`: `%s`; `make bench` runs it too. ", repeat)
	t.WriteString("The same SIPp calls, INVITE, 180, 200, ACK, BYE, 200, at the same rate through one and then the other, over loopback UDP to " +
		fmt.Sprint(b.plan.agents) + " phones on one socket. Kamailio (`-x fm`, two workers, `testbench/beside/kamailio.cfg`) looks a contact up in memory and stays on the way. " +
		"Lamplight does that and decides by status, keeps who is talking durable before each 200 (SQLite on this disk, every commit synced), tells watchers, and records each decision. " +
		"A server is asked for more until 1 % of the calls fail, or 85 % of the rate is not reached; CPU is user and system time of all its processes.\n\n")
	t.WriteString("| asked/s | server | reached/s | calls | failed | sent again | CPU µs a call | |\n|--:|---|--:|--:|--:|--:|--:|---|\n")
	t.WriteString(strings.Join(b.rows, ""))
	t.WriteString("\n")
	for _, n := range b.notes {
		t.WriteString("- " + n + "\n")
	}
	return t.String()
}

// replaceSection puts the section into the file in place of the one before it.
func replaceSection(file, text string) error {
	old, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut("\n"+string(old), "\n"+heading+"\n")
	after := ""
	if i := strings.Index(rest, "\n## "); found && i >= 0 {
		after = "\n" + strings.TrimSpace(rest[i+1:]) + "\n"
	}
	return os.WriteFile(file, []byte(strings.TrimSpace(before)+"\n\n"+strings.TrimSpace(text)+"\n"+after), 0o644)
}
