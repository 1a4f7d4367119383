package main

import (
	"bufio"
	"cmp"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// line is one message in SIPp's short trace.
type line struct {
	at     time.Duration // since the epoch
	sent   bool
	callID string
	cseq   string
	first  string // request or status line
}

// readTrace calls f with every message of a short trace. Its columns are
// separated by tabs: date, time, seconds, S or R, Call-ID, CSeq, first line.
func readTrace(file string, f func(line)) error {
	in, err := os.Open(file)
	if err != nil {
		return err
	}
	defer in.Close()
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		c := strings.SplitN(lines.Text(), "\t", 7)
		if len(c) < 7 {
			continue // an empty one at the end
		}
		sec, micro, ok := strings.Cut(c[2], ".")
		s, err1 := strconv.ParseInt(sec, 10, 64)
		us, err2 := strconv.ParseInt(micro, 10, 64)
		if !ok || err1 != nil || err2 != nil {
			return fmt.Errorf("%s: no time in %q", file, lines.Text())
		}
		f(line{
			at:   time.Duration(s)*time.Second + time.Duration(us)*time.Microsecond,
			sent: c[3] == "S", callID: c[4], cseq: c[5], first: c[6],
		})
	}
	return lines.Err()
}

// lapses are the times from the first message of a call that starts with from to
// the first that starts with to.
func lapses(file, from, to string) ([]time.Duration, error) {
	began := map[string]time.Duration{}
	var list []time.Duration
	err := readTrace(file, func(l line) {
		switch {
		case l.sent && strings.HasPrefix(l.first, from):
			if _, again := began[l.callID]; !again {
				began[l.callID] = l.at
			}
		case !l.sent && strings.HasPrefix(l.first, to):
			if at, ok := began[l.callID]; ok && at >= 0 {
				list = append(list, l.at-at)
				began[l.callID] = -1 // counted
			}
		}
	})
	return list, err
}

// skew is by how much SIPp may note the time of a PUBLISH too late: it looks at
// the clock after it has sent, and may have been out of the processor between.
const skew = 100 * time.Millisecond

// fanout matches the PUBLISHes of several steps with the NOTIFYs they caused, and
// returns the times by step. The watcher's contact ends in the number it watches,
// so both name the agent in their Request-URI. Changes of one agent are half a
// second apart or more, so a NOTIFY belongs to the last PUBLISH of its agent that
// was sent before it, give or take skew. Repeated NOTIFYs are left out.
func fanout(published []string, notified string) ([][]time.Duration, error) {
	type sent struct {
		at   time.Duration
		step int
	}
	type told struct{ callID, cseq string }
	by := map[string][]sent{} // by agent, ascending
	for step, file := range published {
		err := readTrace(file, func(l line) {
			if l.sent && strings.HasPrefix(l.first, "PUBLISH ") {
				a := userOf(l.first)
				by[a] = append(by[a], sent{l.at, step})
			}
		})
		if err != nil {
			return nil, err
		}
	}
	seen := map[told]bool{}
	lists := make([][]time.Duration, len(published))
	err := readTrace(notified, func(l line) {
		if l.sent || !strings.HasPrefix(l.first, "NOTIFY ") || seen[told{l.callID, l.cseq}] {
			return
		}
		_, agent, _ := strings.Cut(userOf(l.first), "-")
		all := by[agent]
		i, _ := slices.BinarySearchFunc(all, l.at+skew, func(s sent, at time.Duration) int { return cmp.Compare(s.at, at) })
		if i == 0 {
			return // the first NOTIFY of the subscription
		}
		seen[told{l.callID, l.cseq}] = true
		cause := all[i-1]
		if lapse := l.at - cause.at; lapse < quiet {
			lists[cause.step] = append(lists[cause.step], max(lapse, 0))
		}
	})
	return lists, err
}

// quiet is how long the watchers wait for another NOTIFY before they go; what
// comes later than that is the last one, of the un-subscribe.
const quiet = 20 * time.Second

// userOf is the user part of a request line's URI.
func userOf(first string) string {
	_, uri, _ := strings.Cut(first, "sip:")
	user, _, _ := strings.Cut(uri, "@")
	return user
}

// spread are the percentiles of a list of times.
type spread struct {
	n                        int
	p50, p95, p99, p999, max time.Duration
}

func spreadOf(list []time.Duration) spread {
	s := spread{n: len(list)}
	if s.n == 0 {
		return s
	}
	slices.Sort(list)
	at := func(q float64) time.Duration { return list[min(int(q*float64(s.n)), s.n-1)] }
	s.p50, s.p95, s.p99, s.p999, s.max = at(.5), at(.95), at(.99), at(.999), list[s.n-1]
	return s
}
