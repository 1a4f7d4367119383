package webrtc

import (
	"context"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	dto "github.com/prometheus/client_model/go"

	"lamplight/webrtc/signalling"
)

// cpu is the processor time this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}

// lean is a page that costs next to nothing: it answers pings and no more.
func lean(b *testing.B, url, ticket string) *websocket.Conn {
	ws, _, err := websocket.Dial(context.Background(), url, &websocket.DialOptions{Subprotocols: []string{signalling.Subprotocol}})
	if err != nil {
		b.Fatal(err)
	}
	c := granted()
	hello := signalling.Encode(signalling.In{T: signalling.Hello, Ticket: ticket, Lead: true, Mic: &c})
	if err := ws.Write(context.Background(), websocket.MessageText, hello); err != nil {
		b.Fatal(err)
	}
	go func() {
		for {
			_, m, err := ws.Read(context.Background())
			if err != nil {
				return
			}
			if n, ok := strings.CutPrefix(string(m), `{"t":"ping","n":`); ok {
				pong := `{"t":"pong","n":` + strings.TrimSuffix(n, "}") +
					`,"mic":{"perm":"granted","probe":"ok","inputs":1},"vis":"hidden"}`
				_ = ws.Write(context.Background(), websocket.MessageText, []byte(pong))
			}
		}
	}()
	return ws
}

// suspects is how often a page was silent for too long.
func (s *Server) suspects(b *testing.B) float64 {
	var m dto.Metric
	if err := s.m.suspected.Write(&m); err != nil {
		b.Fatal(err)
	}
	return m.GetCounter().GetValue()
}

// BenchmarkSessions holds 5,000 routable sessions over loopback TCP, their pages
// in the same process, and reports what one costs: server and page together.
func BenchmarkSessions(b *testing.B) {
	const pages = 5000
	for b.Loop() {
		h := newHouse(b, pages)
		byID := h.agents
		o := trusting()
		o.Roster, o.Directory, o.Redeemer = h, h, h
		o.Limits.Waiting, o.Limits.WaitingFrom = pages, pages // they come from one address
		srv, err := Open(o)
		if err != nil {
			b.Fatal(err)
		}
		hs := httptest.NewServer(srv)
		before, goroutines := heap(), runtime.NumGoroutine()
		conns := make([]*websocket.Conn, pages)
		for i, a := range byID {
			conns[i] = lean(b, hs.URL+"/webphone", h.ticketFor(a.ID, strconv.Itoa(i)))
		}
		time.Sleep(3 * time.Second)
		b.ReportMetric(float64(heap()-before)/pages/1024, "kB/session")
		b.ReportMetric(float64(runtime.NumGoroutine()-goroutines)/pages, "goroutines/session")
		start, used := time.Now(), cpu()
		time.Sleep(10 * time.Second)
		share := float64(cpu()-used) / float64(time.Since(start))
		b.ReportMetric(share*100*1000/pages, "%core/1000")
		b.ReportMetric(share*1e6/pages, "µs/ping")
		if n := len(srv.byID); n != pages {
			b.Fatalf("%d of %d sessions are there", n, pages)
		}
		if n := srv.suspects(b); n > 0 {
			b.Errorf("%v times a session was suspect: its page did not keep up", n)
		}
		for _, ws := range conns {
			_ = ws.CloseNow()
		}
		_ = srv.Close()
		hs.Close()
	}
}
