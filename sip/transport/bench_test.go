package transport

import (
	"context"
	"net"
	"runtime"
	"testing"
	"time"

	"lamplight/sip/message"
)

// BenchmarkIdleStreams is what an open, silent TCP flow costs in memory, both
// ends' kernel buffers not counted.
func BenchmarkIdleStreams(b *testing.B) {
	got := make(chan struct{}, 1)
	l := New(Options{OnMessage: func(*Flow, *message.Message) { got <- struct{}{} }})
	defer l.Close()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go l.ServeStream(context.Background(), ln, TCP)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	n := 0
	for b.Loop() {
		c, err := net.DialTimeout("tcp", ln.Addr().String(), time.Second)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		c.Write([]byte(options))
		<-got
		n++
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc+after.StackInuse-before.HeapAlloc-before.StackInuse)/float64(n), "B/flow")
}
