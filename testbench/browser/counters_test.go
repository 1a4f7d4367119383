//go:build testbench

package browser

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"lamplight/testbench/lab"
)

// counts are what the server counted of its webphones.
type counts struct {
	pings, pongs, suspected, lost float64
	answered, within1s            float64 // of the pings' answers
}

// slow is how many answers took more than a second since before.
func (c counts) slow(before counts) float64 {
	return c.answered - before.answered - (c.within1s - before.within1s)
}

// counters reads them off /metrics.
func counters(t testing.TB, s *lab.Server) counts {
	t.Helper()
	res, err := http.Get("http://" + s.HTTP + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	seen := map[string]float64{}
	for l := bufio.NewScanner(res.Body); l.Scan(); {
		name, value, _ := strings.Cut(strings.TrimPrefix(l.Text(), "lamplight_webphone_"), " ")
		seen[name], _ = strconv.ParseFloat(value, 64)
	}
	for _, name := range []string{"pings_total", "suspected_total", "lost_total", "rtt_seconds_count"} {
		if _, ok := seen[name]; !ok {
			t.Fatalf("the server counts no %s", name)
		}
	}
	return counts{
		pings: seen["pings_total"], suspected: seen["suspected_total"], lost: seen["lost_total"],
		answered: seen["rtt_seconds_count"], within1s: seen[`rtt_seconds_bucket{le="1"}`],
		pongs: seen[`messages_total{type="pong"}`],
	}
}
