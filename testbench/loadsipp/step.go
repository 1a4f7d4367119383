package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"lamplight/testbench/sipp"
)

// step is one run of a load scenario at one rate. Calls begin at that rate
// whether the ones before have ended or not.
type step struct {
	scenario string
	rate     int // calls a second
	calls    int
	from     string // local address; default 127.0.0.1
	port     int
	inf      string // SIPp's injection file
	callID   string
	cseq     int
	keys     map[string]string
	stays    time.Duration // how long a call may last; default 40 s
}

// outcome is what came of a step, as SIPp counted it.
type outcome struct {
	rate           float64 // calls created a second
	calls          int
	failed, resent int
	trace          string // short trace of its messages
	loader         time.Duration
	took           time.Duration
	server, others time.Duration // CPU
	complaint      error         // SIPp's, when something failed
}

// good reports whether the server kept up: nothing failed, the rate was reached
// and no more than one message in a hundred had to be sent again.
func (o *outcome) good(asked int) bool {
	return o.failed == 0 && o.complaint == nil && o.rate >= .9*float64(asked) && o.resent <= o.calls/100
}

// start begins a step in dir.
func (l *load) start(st step) (*sipp.Process, string, error) {
	l.runs++
	name := filepath.Join(l.dir, fmt.Sprintf("run%d", l.runs))
	if st.stays == 0 {
		st.stays = 40 * time.Second
	}
	lasts := time.Duration(st.calls/max(st.rate, 1)) * time.Second
	run := sipp.Run{
		Scenario: "testbench/sipp/scenarios/load/" + st.scenario + ".xml", Dir: l.dir, Server: l.server.sip,
		From: st.from, Port: st.port, CallID: st.callID, CSeq: st.cseq, Keys: st.keys, Timeout: lasts + st.stays,
		Extra: []string{
			"-r", strconv.Itoa(st.rate), "-m", strconv.Itoa(st.calls), "-l", strconv.Itoa(st.calls), "-inf", st.inf,
			"-trace_stat", "-stf", name + ".csv", "-fd", "1", "-trace_shortmsg", "-shortmessage_file", name + ".trace",
			"-buff_size", "8388608", "-deadcall_wait", "0",
		},
	}
	p, err := sipp.Start(run)
	return p, name, err
}

// run runs a step to its end and measures.
func (l *load) run(st step) (*outcome, error) {
	before, err := l.server.cpu()
	if err != nil {
		return nil, err
	}
	began, busy := time.Now(), machineCPU()
	p, name, err := l.start(st)
	if err != nil {
		return nil, err
	}
	complaint := p.Wait()
	took := time.Since(began)
	after, err := l.server.cpu()
	if err != nil {
		return nil, err
	}
	o, err := readOutcome(name)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", err, complaint)
	}
	o.took, o.server, o.loader, o.complaint = took, after-before, p.CPU(), complaint
	o.others = max(machineCPU()-busy-o.server-o.loader, 0)
	return o, nil
}

// readOutcome reads the last line of SIPp's statistics, where the columns marked
// (C) are cumulative.
func readOutcome(name string) (*outcome, error) {
	in, err := os.Open(name + ".csv")
	if err != nil {
		return nil, err
	}
	defer in.Close()
	r := csv.NewReader(in)
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = ';', -1, true
	rows, err := r.ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) < 2 {
		return nil, fmt.Errorf("%s.csv: SIPp wrote no statistics", name)
	}
	last := map[string]string{}
	for i, h := range rows[0] {
		if i < len(rows[len(rows)-1]) {
			last[h] = rows[len(rows)-1][i]
		}
	}
	o := &outcome{trace: name + ".trace"}
	for column, to := range map[string]*int{
		"SuccessfulCall(C)": &o.calls, "FailedCall(C)": &o.failed, "Retransmissions(C)": &o.resent,
	} {
		if *to, err = strconv.Atoi(last[column]); err != nil {
			return nil, fmt.Errorf("%s.csv: %s: %w", name, column, err)
		}
	}
	o.calls += o.failed
	o.rate, err = createdRate(o.trace)
	return o, err
}

// createdRate is the rate at which calls really began.
func createdRate(trace string) (float64, error) {
	var first, last time.Duration
	began := map[string]bool{}
	err := readTrace(trace, func(l line) {
		if !l.sent || began[l.callID] {
			return
		}
		began[l.callID] = true
		if first == 0 {
			first = l.at
		}
		last = l.at
	})
	if err != nil || len(began) < 2 || last <= first {
		return 0, err
	}
	return float64(len(began)-1) / (last - first).Seconds(), nil
}
