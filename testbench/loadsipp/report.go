package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

// heading of the section of RESULTS.md that this program owns.
const heading = "## Load by SIPp"

// row is one line of the table.
type row struct {
	name    string
	asked   int // calls a second
	outcome *outcome
	lapse   spread
	ops     int // operations the server's CPU is divided by
	note    string
}

const tableHead = "| operation | asked/s | reached/s | calls | failed | sent again | p50 ms | p95 | p99 | p99.9 | max | server µs each | server cores | SIPp cores | other cores | |\n" +
	"|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n"

func (r *row) String() string {
	o := r.outcome
	cores := func(cpu time.Duration) string { return fmt.Sprintf("%.2f", cpu.Seconds()/o.took.Seconds()) }
	each := "–"
	if r.ops > 0 {
		each = fmt.Sprintf("%.0f", float64(o.server.Microseconds())/float64(r.ops))
	}
	note := r.note
	if !o.good(r.asked) {
		note = strings.TrimPrefix(note+"; not kept up", "; ")
	}
	return fmt.Sprintf("| %s | %d | %.0f | %d | %d | %d | %s | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n",
		r.name, r.asked, o.rate, o.calls, o.failed, o.resent,
		ms(r.lapse.p50), ms(r.lapse.p95), ms(r.lapse.p99), ms(r.lapse.p999), ms(r.lapse.max),
		each, cores(o.server), cores(o.loader), cores(o.others), note)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d.Microseconds())/1000) }

// add keeps a row and shows it.
func (l *load) add(r row) {
	l.rows = append(l.rows, r)
	fmt.Print(r.String())
	if r.outcome.complaint != nil {
		text := r.outcome.complaint.Error()
		fmt.Println(text[:min(len(text), 600)])
	}
}

// report is the section of RESULTS.md.
func (l *load) report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n%s, %s; %d cores shared by server and SIPp.\n",
		heading, time.Now().UTC().Format(time.DateOnly), machine(), runtime.NumCPU())
	repeat := "RESULTS=1 make load-sipp"
	if l.plan.agents < longPlan().agents {
		repeat = "BENCH_SHORT=1 " + repeat
	}
	fmt.Fprintf(&b, "Repeat: `%s`. One process of SIPp and one server on loopback, UDP, SQLite on this disk, every commit synced. ", repeat)
	b.WriteString("Calls begin at the asked rate whether earlier ones have ended or not; a stage ends where a call failed, " +
		"less than 90 % of the rate was reached or more than 1 % of the calls had a message sent again. Times are SIPp's, " +
		"from its first message of a call to the answer named (REGISTER and SUBSCRIBE with their digest challenge in between), " +
		"its own queueing included; *server µs each* is user and system time of the server's process, for everything it did meanwhile; *other cores* is what the rest of the machine used at the same time.\n\n")
	b.WriteString(tableHead)
	for i := range l.rows {
		b.WriteString(l.rows[i].String())
	}
	b.WriteString("\n")
	for _, n := range l.notes {
		b.WriteString("- " + n + "\n")
	}
	return b.String()
}

// machine is processor, kernel, Go.
func machine() string {
	cpu := runtime.GOARCH
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
			cpu = strings.TrimSpace(v)
			break
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	tool := ""
	if out, err := exec.Command("sipp", "-v").CombinedOutput(); out != nil || err != nil {
		for _, word := range strings.Fields(string(out)) {
			if strings.HasPrefix(word, "v") && strings.Contains(word, ".") {
				tool = ", SIPp " + strings.TrimSuffix(strings.SplitN(word, "-", 2)[0], ".")
				break
			}
		}
	}
	return fmt.Sprintf("%s, Linux %s, %s%s", cpu, strings.TrimSpace(string(kernel)), runtime.Version(), tool)
}

// replaceSection puts text in place of the section that begins with the
// heading, or at the end of the file.
func replaceSection(file, heading, text string) error {
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s := string(old)
	if s == "" {
		s = "# Figures\n\n"
	}
	before, rest, found := strings.Cut("\n"+s, "\n"+heading+"\n")
	after := ""
	if i := strings.Index(rest, "\n## "); found && i >= 0 {
		after = rest[i+1:]
	}
	out := strings.TrimSpace(before) + "\n\n" + strings.TrimSpace(text) + "\n"
	if after != "" {
		out += "\n" + strings.TrimSpace(after) + "\n"
	}
	return os.WriteFile(file, []byte(out), 0o644)
}
