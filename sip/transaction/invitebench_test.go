package transaction

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"lamplight/sip/message"
	"lamplight/sip/transport"
)

// BenchmarkInviteRemembered is INVITEs that were answered 200, or refused and
// acknowledged, and are remembered for what comes again: the cost of one, its
// bytes, and its goroutines.
func BenchmarkInviteRemembered(b *testing.B) {
	for name, status := range map[string]int{"answered": 200, "refused": 486} {
		b.Run(name, func(b *testing.B) {
			const many = 50_000
			tp := transport.New(transport.Options{})
			l := New(Options{Transport: tp, MaxInvite: 1 << 20, MaxInviteBytes: 1 << 30, MaxReplay: 1 << 20, Handler: HandlerFunc(func(r *Request) {
				if r.Method == "INVITE" {
					r.Reply(100)
					r.Reply(180)
					r.Reply(status)
				}
			})})
			pc := nowhere{make(chan struct{})}
			go tp.ServePacket(context.Background(), pc)
			defer func() {
				close(pc.closed)
				tp.Close()
				l.Close()
			}()
			var f *transport.Flow
			for f == nil {
				f, _ = tp.Flow(context.Background(), transport.UDP, netip.MustParseAddrPort("10.0.0.2:5060"))
			}
			body := "Contact: <sip:alice@10.0.0.2>\nContent-Type: application/sdp\nX-Pad: " + fmt.Sprintf("%0400d", 0)
			n, bytes, goroutines := 0, 0.0, 0
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				before, was := heap(), runtime.NumGoroutine()
				b.StartTimer()
				for range many {
					n++
					branch := fmt.Sprint("z9hG4bK", n)
					for _, method := range [...]string{"INVITE", "ACK"} {
						if method == "ACK" && status < 300 {
							branch += "ack"
						}
						m, err := message.Parse(text(method, branch, body))
						if err != nil {
							b.Fatal(err)
						}
						l.receive(f, m)
					}
				}
				b.StopTimer()
				bytes += float64(heap()-before) / many
				goroutines = max(goroutines, runtime.NumGoroutine()-was)
				b.StartTimer()
			}
			b.ReportMetric(bytes/float64(b.N), "B/remembered")
			b.ReportMetric(float64(goroutines), "goroutines")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/INVITE")
		})
	}
}

// heap is what is in use after two collections.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
